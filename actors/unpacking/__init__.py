"""Parts of the actors `extract`, `list-archive` and `test-archive`."""

"""Deleting into bins, taking out of them again, purging them: what `delete`, `restore` and `purge` are made of."""

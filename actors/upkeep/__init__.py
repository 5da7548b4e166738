"""Parts of the actors that keep things in order: `prune`, `clean-leftovers`, `remove-empty-folders`, `clean-user`."""

"""One file per command: its options, its help, and one call into the room that does the work."""

"""The driver for folders behind SSH."""

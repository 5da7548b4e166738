"""The driver for folders of this machine."""

"""The driver for whatever an fsspec driver reaches."""

"""Storages that tests start themselves, one module per kind; each has `serve(folder)`, a context manager of a `Served`."""

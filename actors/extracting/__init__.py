"""Reads the text out of files, in child processes that no file can take the worker down with."""

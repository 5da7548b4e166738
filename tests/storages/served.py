"""What every started storage offers to tests: a datasource, and a way to change and read it round the code under test."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from actors.datasources.storage import Datasource

KINDS = ("local", "s3", "sftp", "webdav", "fsspec")


class Served(Protocol):
    """A storage with an empty root; paths are as in a datasource."""

    datasource: Datasource
    environment: Mapping[str, str]
    """Variables that its references name; set them before it is opened."""

    def write(self, path: bytes, content: bytes) -> None:
        """Make or replace a file and the folders it needs."""

    def make_folder(self, path: bytes) -> None:
        """Make a folder, and those above it; nothing where folders don't exist by themselves."""

    def remove(self, path: bytes) -> None:
        """Remove a file, or a folder with everything in it."""

    def rename(self, path: bytes, target: bytes) -> None:
        """Move a file, or a folder with everything in it, to a path that is free."""

    def walk(self) -> dict[bytes, tuple[str, int]]:
        """Give kind and size of everything by path; folders of object stores as far as something is in them."""


def serve(kind: str, folder: Path) -> Any:
    """Start a storage of a kind; a context manager that gives a `Served`. It may use the folder, which is empty."""
    return import_module(f"tests.storages.{kind}").serve(folder)

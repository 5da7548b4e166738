"""Folders that lead to something: which of them are missing, and how they go again if nothing came into them."""

from __future__ import annotations

import errno

from actors.datasources.paths import split
from actors.datasources.storage import Kind, Storage


def first_missing(storage: Storage, folder: bytes) -> bytes:
    """Give the topmost of the folders of a path that is not there; empty if all are, or none exists by itself."""
    missing = b""
    while folder and storage.capabilities.folders and storage.stat(folder) is None:
        missing, folder = folder, split(folder)[0]
    return missing


def folders_between(top: bytes, path: bytes) -> list[bytes]:
    """Give a folder, those below it that lead to a path, and the path."""
    folders = [path]
    while folders[0] != top:
        folders.insert(0, split(folders[0])[0])
    return folders


def delete_folder(storage: Storage, path: bytes) -> None:
    """Delete a folder if nothing is in it; nothing happens if it is not there.

    Raises NotADirectoryError if a file or a link has its name: somebody put it there since, or in an object store it
    was there all the time and shows once the folder is empty. OSError if something is in it.
    """
    row = storage.stat(path)
    if row is None:
        return
    if row.kind != Kind.FOLDER:
        raise NotADirectoryError(errno.ENOTDIR, f"a {row.kind} has the name of the folder, and stays", path)
    storage.delete(path)

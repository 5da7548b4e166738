"""Deletes a folder that should be empty, and never anything else that has its name."""

from __future__ import annotations

import errno

from actors.datasources.storage import Kind, Storage


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

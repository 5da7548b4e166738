"""Finds the name that what is unpacked gets, and whether it goes into what is there already."""

from __future__ import annotations

from typing import NamedTuple

from actors.copying.conflicts import free_number
from actors.datasources.paths import join, split, text_of
from actors.datasources.storage import Kind, Storage
from actors.transferring.telling import ChangedFolders
from actors.unpacking.order import Conflict
from rota.errors import PermanentError
from rota.names import numbered


class Goal(NamedTuple):
    """Where something goes."""

    path: bytes
    is_there: bool
    """Whether something has the path that is put up with: a folder to merge into, a file to be replaced."""


def find_goal(storage: Storage, path: bytes, conflict: Conflict, *, kind: Kind) -> Goal:
    """Give where a folder or file goes that shall get this path; raises PermanentError where the policy forbids it."""
    there = storage.stat(path)
    if there is None:
        return Goal(path, is_there=False)
    if conflict is Conflict.NUMBER:
        return Goal(next_free(storage, path), is_there=False)
    if conflict is Conflict.FAIL:
        raise PermanentError(f"target: {text_of(path)!r} is there already")
    if there.kind != kind:
        raise PermanentError(f"target: {text_of(path)!r} is a {there.kind} and no {kind}")
    return Goal(path, is_there=True)


def next_free(storage: Storage, path: bytes) -> bytes:
    """Give the path with the lowest number that is free."""
    folder, name = split(path)
    number = free_number(name, lambda name: storage.stat(join(folder, name)) is None)
    return join(folder, numbered(name, number))


def make_folders(storage: Storage, path: bytes, changed: ChangedFolders) -> None:
    """Make a folder and those above it, as far as they are not there; PermanentError if one of them is no folder."""
    if not path or not storage.capabilities.folders:
        return
    there = storage.stat(path)
    if there is None:
        above = split(path)[0]
        make_folders(storage, above, changed)
        storage.make_folder(path)
        changed.add(above)
    elif there.kind != Kind.FOLDER:
        raise PermanentError(f"target: {text_of(path)!r} is a {there.kind} and no folder")

"""Finds the name that what is unpacked gets, and whether it goes into what is there; makes the folders above it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from actors.copying.conflicts import free_number
from actors.datasources.folders import delete_folder, first_missing, folders_between
from actors.datasources.paths import join, split, text_of
from actors.datasources.storage import Kind, Storage
from actors.unpacking.order import Conflict
from actors.unpacking.setting import Extraction
from rota.errors import LeaseLost, PermanentError, RotaError, ShuttingDown
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


@contextmanager
def folders_above(extraction: Extraction, path: bytes) -> Iterator[None]:
    """Make the folders that lead to a path; those that were missing go again if what is done meanwhile fails.

    Raises PermanentError if one of them is no folder.
    """
    storage, kept = extraction.storage, extraction.kept
    above = split(path)[0]
    missing = first_missing(storage, above)
    if missing and not kept.folder:
        kept.keep_folder(missing)
    try:
        _make_folders(extraction, missing, above)
        yield
    except (LeaseLost, ShuttingDown):
        raise  # for the next attempt
    except Exception:
        folder = kept.folder
        kept.forget()
        with suppress(OSError, RotaError):
            for made in reversed(folders_between(folder, above) if folder else ()):
                delete_folder(storage, made)
        raise


def _make_folders(extraction: Extraction, missing: bytes, above: bytes) -> None:
    storage = extraction.storage
    outer = split(missing)[0] if missing else above
    there = storage.stat(outer) if outer and storage.capabilities.folders else None
    if there is not None and there.kind != Kind.FOLDER:
        raise PermanentError(f"target: {text_of(outer)!r} is a {there.kind} and no folder")
    for folder in folders_between(missing, above) if missing else ():
        storage.make_folder(folder)
        extraction.changed.add(split(folder)[0])

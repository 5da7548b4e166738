"""Looks at everything in a folder, listing by listing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from actors.datasources.paths import join
from actors.datasources.storage import Kind, Listing, Row, Storage, Unlisted


class Measured(NamedTuple):
    """How much something is."""

    entries: int
    """Itself included."""
    bytes: int
    """Of all files."""


def below(storage: Storage, path: bytes, *, check: Callable[[], None]) -> Iterator[Listing | Unlisted]:
    """List a folder and those below it, each before what is in it."""
    waiting = [path]
    while waiting:
        check()
        found = storage.list_folder(waiting.pop())
        if isinstance(found, Listing):
            waiting += [join(found.path, row.name) for row in found.rows if row.kind == Kind.FOLDER]
        yield found


def measure(storage: Storage, path: bytes, row: Row, *, check: Callable[[], None]) -> Measured:
    """Count an entry and everything in it; what cannot be listed counts for one."""
    if row.kind != Kind.FOLDER:
        return Measured(1, row.size if row.kind == Kind.FILE else 0)
    entries, size = 1, 0
    for found in below(storage, path, check=check):
        if isinstance(found, Listing):
            entries += len(found.rows) + found.special
            size += sum(each.size for each in found.rows if each.kind == Kind.FILE)
    return Measured(entries, size)

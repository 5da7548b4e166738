"""What differs between a listing and the catalog. Pure: decides, neither reads nor writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from actors.datasources.paths import join
from actors.datasources.storage import Kind, Row

KnownRow = tuple[Any, ...]
"""A row as the catalog has it: the columns of a `Row`, then the hash of the content, then what is nobody's business.

A plain tuple, because a sync reads a million of them to find a handful that differ.
"""

WIDTH = len(Row._fields)
"""How many columns of a known row are those of a `Row`."""


class Entry(NamedTuple):
    """A row at its place, with the hash of its content where that was read."""

    folder: bytes
    row: Row
    hash: str | None = None

    @property
    def path(self) -> bytes:
        """Its path within the datasource."""
        return join(self.folder, self.row.name)


class Change(NamedTuple):
    """An entry as the catalog has it, and as the storage has it."""

    old: Entry
    new: Entry


@dataclass(slots=True)
class Difference:
    """What differs in one folder."""

    created: list[Entry] = field(default_factory=list)
    updated: list[Change] = field(default_factory=list)
    touched: list[Change] = field(default_factory=list)
    """To be written, but no change that anybody should hear of: a folder's time, a device number, a first hash."""
    replaced: list[Change] = field(default_factory=list)
    """What was a folder and is something else now: updated, and what was in it is gone."""
    gone: list[Entry] = field(default_factory=list)


def known_entry(folder: bytes, known: KnownRow) -> Entry:
    """Make an entry of a row as the catalog has it."""
    return Entry(folder, Row._make(known[:WIDTH]), known[WIDTH])


def compare(
    folder: bytes, rows: Sequence[Row], known: Sequence[KnownRow], *, hashes: Mapping[bytes, str] | None = None
) -> Difference:
    """Compare the rows that a complete listing gave with those in the catalog.

    `hashes` are those of contents that were read now, by name.
    """
    found = Difference()
    read = hashes or {}
    if not known:
        found.created = [Entry(folder, row, read.get(row.name)) for row in rows]
        return found
    before = {row[0]: row for row in known}
    for row in rows:
        old = before.pop(row[0], None)
        if old is None:
            found.created.append(Entry(folder, row, read.get(row.name)))
        elif old[:WIDTH] != row or read:
            _sort_in(found, known_entry(folder, old), row, read.get(row.name))
    found.gone.extend(known_entry(folder, row) for row in before.values())
    return found


def _sort_in(found: Difference, old: Entry, row: Row, seen: str | None) -> None:
    if old.row == row and (seen is None or seen == old.hash):
        return
    if old.row.kind != row.kind:
        change = Change(old, Entry(old.folder, row, seen))
        (found.replaced if old.row.kind == Kind.FOLDER else found.updated).append(change)
    elif row.kind != Kind.FOLDER and _content_differs(old, row, seen):
        found.updated.append(Change(old, Entry(old.folder, row, seen)))
    else:
        found.touched.append(Change(old, Entry(old.folder, row, seen or old.hash)))


def _content_differs(old: Entry, row: Row, seen: str | None) -> bool:
    before = old.row
    if before.size != row.size or before.modified_ns != row.modified_ns:
        return True
    if seen is not None and old.hash is not None:
        return seen != old.hash
    # A storage that says for the first time, or no longer, what its etag is has not changed the content by that.
    if before.etag and row.etag and before.etag != row.etag:
        return True
    # Another inode at the same place is another file, even with the same size and time. After a move to another disk
    # all inodes are new and mean nothing.
    return before.device == row.device and before.inode != row.inode

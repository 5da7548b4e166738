"""What differs between a listing and the catalog, and what of it is a move. Pure: decides, neither reads nor writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from actors.datasources.paths import join
from actors.datasources.storage import Kind, Row


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


def compare(
    folder: bytes, rows: Iterable[Row], known: Iterable[Entry], *, hashes: Mapping[bytes, str] | None = None
) -> Difference:
    """Compare the rows that a complete listing gave with those in the catalog.

    `hashes` are those of contents that were read now, by name.
    """
    found = Difference()
    before = {entry.row.name: entry for entry in known}
    read = hashes or {}
    for row in rows:
        old = before.pop(row.name, None)
        seen = read.get(row.name)
        if old is None:
            found.created.append(Entry(folder, row, seen))
        elif old.row != row or (seen is not None and seen != old.hash):
            _sort_in(found, old, row, seen)
    found.gone.extend(before.values())
    return found


def _sort_in(found: Difference, old: Entry, row: Row, seen: str | None) -> None:
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
    # Another inode at the same place is another file, even with the same size and time. After a move to another disk
    # all inodes are new and mean nothing.
    return before.device == row.device and before.inode != row.inode


def pair_moves(gone: Sequence[Entry], created: Sequence[Entry]) -> tuple[list[Change], list[Entry], list[Entry]]:
    """Pair what is gone with what is new: `(moved, created, gone)`, the last two without what was paired.

    A pair agrees in kind, device, inode, size and time. The inode alone is no identity: file systems hand out
    the number of a deleted file again at once. Found through a dictionary, so identical files cost nothing more.
    """
    if not gone or not created:
        return [], list(created), list(gone)
    candidates: dict[tuple[object, ...], list[Entry]] = {}
    for entry in reversed(gone):
        if entry.row.inode:
            candidates.setdefault(_identity(entry), []).append(entry)
    moved: list[Change] = []
    left: list[Entry] = []
    for entry in created:
        waiting = candidates.get(_identity(entry))
        if waiting:
            old = waiting.pop()
            moved.append(Change(old, entry._replace(hash=entry.hash or old.hash)))
        else:
            left.append(entry)
    taken = {change.old.path for change in moved}
    return moved, left, [entry for entry in gone if entry.path not in taken]


def _identity(entry: Entry) -> tuple[object, ...]:
    return entry.row[1:]  # all but the name

"""What came of each entry: counted, noted and listed in the order of the archive, as far as the archive holds it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from actors.archives.packing import Entry, Mark
from actors.compressing.spool import Item, Spool
from actors.datasources.paths import text_of
from actors.datasources.rows import Kind
from actors.hashing.lines import written
from actors.run import Log
from actors.walking import path_key

_MOST_SHOWN = 50
_MOST_SHOWN_BYTES = 10 * 1024
_MOST_LINES = 1000


class Outcome(NamedTuple):
    """What came of the reading of a file."""

    size: int
    """How many bytes of it there were."""
    note: str = ""
    """What somebody should know of it."""
    is_out: bool = False
    """Whether it is not in the archive."""
    hash: str = ""
    """Of its content, hexadecimal, where that was asked for."""


@dataclass(slots=True)
class Counts:
    """What is in an archive, all attempts together."""

    after: bytes | None = None
    """The last entry, as a walk compares paths."""
    entries: int = 0
    bytes: int = 0
    """Of the files' contents."""
    noted: int = 0
    shown: int = 0
    """How many of the notes are kept to be shown."""


class Outcomes:
    """Takes what threads read, out of order, and settles it in order, for one thread.

    Memory: what is odd about files, or their checksums, from the reading of a file until the archive holds it.
    """

    def __init__(self, log: Log, *, list_line: Callable[[bytes], None] | None = None) -> None:
        """`list_line` takes the lines of a manifest, if there shall be one."""
        self._log = log
        self._list_line = list_line
        self._found: dict[bytes, Outcome] = {}
        self._items: Iterator[Item] = iter(())
        self._next: Item | None = None
        self.counts = Counts()
        self.notes: list[dict[str, str]] = []
        """The first of them, as they are shown."""

    @property
    def wants_hashes(self) -> bool:
        """Whether there shall be a manifest."""
        return self._list_line is not None

    def begin(self, spool: Spool, counts: Counts, notes: list[dict[str, str]]) -> None:
        """Count on from what is in the archive; the spool has what follows."""
        self._items = iter(spool)
        self._next = next(self._items, None)
        self.counts, self.notes = counts, notes[: counts.shown]

    def tell(self, entry: Entry, outcome: Outcome) -> None:
        """Say what came of a file, from any thread; nothing need be said of one that is as its entry says."""
        self._found[entry.name] = outcome

    def settle(self, mark: Mark | None = None) -> Item | None:
        """Count what the archive holds at a mark, or all that is left; give the entry that is begun there."""
        while (item := self._next) is not None:
            is_last = mark is not None and item.name == mark.name and not item.note
            if mark is not None and is_last and mark.offset:
                return item
            self._count(item)
            self._next = next(self._items, None)
            if is_last:
                return None
        return None

    def _count(self, item: Item) -> None:
        counts = self.counts
        counts.after = path_key(item.path, item.kind)
        found = self._found.pop(item.name, None) if item.kind == Kind.FILE else None
        note = item.note if found is None else found.note
        if note:
            self._note(item.path, note)
        if item.note or (found is not None and found.is_out):
            return
        counts.entries += 1
        counts.bytes += item.size if found is None else found.size
        if self._list_line is not None and found is not None and found.hash:
            self._list_line(written(found.hash, item.name))

    def _note(self, path: bytes, note: str) -> None:
        counts = self.counts
        counts.noted += 1
        if counts.noted <= _MOST_LINES:
            self._log.warning(f"{text_of(path)!r}: {note}")
        shown = {"path": text_of(path), "note": note}
        if counts.shown == len(self.notes) == counts.noted - 1 and self._has_room(shown):
            self.notes.append(shown)
            counts.shown += 1

    def _has_room(self, shown: dict[str, Any]) -> bool:
        if len(self.notes) >= _MOST_SHOWN:
            return False
        return len(json.dumps([*self.notes, shown], ensure_ascii=False).encode()) <= _MOST_SHOWN_BYTES

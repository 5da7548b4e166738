"""Divides the entries of an archive into what one thread does at a time. Pure: it looks at names and sizes only.

Borders lie between entries, so that a batch is read, written down and compressed in one go by whichever thread is free,
and another attempt can go on behind it. Only large files are divided, and each begins a piece of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from actors.archives.packing import SMALL_BYTES, Entry
from actors.archives.tar.headers import BLOCK_BYTES

MOST_ENTRIES = 2000
"""So many end a batch as well: a slow storage takes its time for each."""
_HEADER_BYTES = 3 * BLOCK_BYTES  # with records for the time


class Batch(NamedTuple):
    """Entries that are read and compressed together."""

    entries: Sequence[Entry]
    length: int
    """About how many bytes they take in the archive."""


def batches(entries: Iterable[Entry], *, most_bytes: int) -> Iterator[Batch | Entry]:
    """Give batches of at most so many bytes, or of one entry, and large files by themselves, in their order."""
    batch: list[Entry] = []
    length = 0
    for entry in entries:
        needed = _HEADER_BYTES + entry.size
        if batch and (length + needed > most_bytes or len(batch) == MOST_ENTRIES):
            yield Batch(batch, length)
            batch, length = [], 0
        if entry.size > SMALL_BYTES:
            yield entry
        else:
            batch.append(entry)
            length += needed
    if batch:
        yield Batch(batch, length)

"""A print per row: eight bytes each, by which a scan tells the few rows that differ from all the others of a folder.

The catalog keeps the prints of a folder beside its digest. Where few rows differ, a scan gives those alone, and a sync
reads those alone: a file changed here and there in a large tree would otherwise bring all rows of its folder along. A
folder without rows or with very many has no prints, and is compared whole. Imported by the helper processes of a scan.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import xxhash

from actors.datasources.digest import VERSION

MOST_ROWS = 4_000
"""What a folder has at most to have prints: they are 32 KB then, and hundreds of folders are in hand at a time."""

_BYTES = 8

_encode = msgspec.msgpack.Encoder().encode
_rows_in = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


class Few(NamedTuple):
    """What little differs in a folder."""

    rows: bytes
    """Those that are new or not what they were, sorted by name and encoded as a chunk."""
    missing: list[int]
    """The known prints that no row has now."""


class Prints(NamedTuple):
    """The prints of a folder's rows, which are sorted by name."""

    numbers: list[int]
    rows: list[msgspec.Raw]

    def packed(self) -> bytes:
        """Give them as the catalog keeps them; empty if there are none."""
        return struct.pack(f"<{len(self.numbers)}Q", *self.numbers)

    def few(self, known: bytes) -> Few | None:
        """Give what differs from the known ones, if that is at most half as many as its rows."""
        if not known or not self.numbers:
            return None
        before = set(_unpacked(known))
        now = set(self.numbers)
        fresh = now - before
        missing = before - now
        is_distinct = len(now) == len(self.numbers) and len(before) * _BYTES == len(known)
        if not is_distinct or len(fresh) + len(missing) > len(now) // 2:
            return None
        rows = [row for row, number in zip(self.rows, self.numbers, strict=True) if number in fresh] if fresh else []
        return Few(_encode(rows), list(missing))


NO_PRINTS = Prints([], [])


def print_of(row: tuple[Any, ...]) -> int:
    """Give the print of one row."""
    return xxhash.xxh3_64_intdigest(_encode(row), VERSION)


def prints_of_chunks(chunks: Sequence[bytes]) -> Prints:
    """Give the prints of encoded rows."""
    rows = _rows_in(chunks[0]) if len(chunks) == 1 else []
    if not rows or len(rows) > MOST_ROWS:
        return NO_PRINTS
    return Prints([xxhash.xxh3_64_intdigest(row, VERSION) for row in rows], rows)


def _unpacked(known: bytes) -> tuple[int, ...]:
    count, rest = divmod(len(known), _BYTES)
    return () if rest else struct.unpack(f"<{count}Q", known)

"""Makes archives of contents in memory, whole or from a mark on, and keeps what another attempt would go on from."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from actors.archives.formats import packer_of
from actors.archives.packing import Contents, Entry, Mark, Packing
from rota.archives import Format


@dataclass(frozen=True)
class Kept:
    """What an attempt has left, if it was killed behind a mark."""

    mark: Mark
    written: int
    of_all: list[bytes]
    """The records of all pieces, also of those behind the mark."""
    pieces: int
    """How many of them are before it."""

    @property
    def records(self) -> bytes:
        """What the directory says of what is before the mark."""
        return b"".join(self.of_all[: self.pieces])


@dataclass
class Packed:
    """An archive, and the places in it where another attempt could go on."""

    data: bytes = b""
    kept: list[Kept] = field(default_factory=list)


def pack(
    format_: Format,
    contents: Contents,
    entries: list[Entry],
    *,
    after: Kept | None = None,
    threads: int = 2,
    level: int | None = None,
    password: str | None = None,
    check: Callable[[], None] = lambda: None,
) -> Packed:
    """Make an archive; behind a mark, only what follows it."""
    packed = Packed()
    parts: list[bytes] = []
    records = [] if after is None else [after.records]
    start, written = (None, 0) if after is None else (after.mark, after.written)
    with ThreadPoolExecutor(threads) as pool:
        packing = Packing(pool=pool, threads=threads, level=level, password=password, check=check)
        packer = packer_of(format_, contents, packing)
        for piece in packer.pack(_rest(entries, start), start=start, written=written):
            parts.append(bytes(piece.data))
            records.append(piece.records)
            written += len(piece.data)
            if piece.mark is not None:
                packed.kept.append(Kept(piece.mark, written, records, len(records)))
        parts += packer.finish(iter(records), written=written)
    packed.data = b"".join(parts)
    return packed


def _rest(entries: list[Entry], mark: Mark | None) -> list[Entry]:
    if mark is None:
        return entries
    names = [entry.name for entry in entries]
    return entries[names.index(mark.name) + (0 if mark.offset else 1) :]

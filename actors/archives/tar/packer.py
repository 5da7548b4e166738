"""Makes tar archives, plain or compressed: batches of small entries in several threads, large files piece by piece.

A thread reads the files of a batch, writes their headers and compresses the lot, see `batches`. Large files are read in
the packer's own thread and only compressed in the others. Each piece can be unpacked by itself, and behind each of them
another attempt can go on: the pieces that follow depend on nothing before them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from functools import partial
from threading import Lock
from typing import NamedTuple

from actors.archives.ordered import Task, in_order
from actors.archives.packing import STREAM_BYTES, Contents, Entry, Mark, Packing, Piece, Stream
from actors.archives.tar.batches import batches
from actors.archives.tar.compression import codec_of
from actors.archives.tar.headers import end_of, header_of, padding_of
from actors.datasources.rows import Kind
from rota.archives import Format

_LENGTH = "length"
"""In a mark's state: how many bytes the archive has so far, before they are compressed. The end depends on it."""

_TURN_SECONDS = 0.02
"""How long a thread waits for its turn to read: longer than files take that are in memory, or the storage is slow and
had better be asked for several at once."""


class _Place(NamedTuple):
    """Where a piece ends, as a mark says it."""

    name: bytes
    offset: int


class _Packed(NamedTuple):
    """What a thread made."""

    data: bytes
    length: int
    """Before it was compressed."""


_Packing = Task[_Place, _Packed]


class TarPacker:
    """A `Packer` of the formats tar, tar.gz, tar.zst and tar.xz."""

    def __init__(self, format_: Format, contents: Contents, packing: Packing) -> None:
        self._contents = contents
        self._codec = codec_of(format_, packing.level)
        self._packing = packing
        self._length = 0
        self._turn = Lock()

    def pack(self, entries: Iterable[Entry], *, start: Mark | None = None, written: int = 0) -> Iterator[Piece]:
        """Give the archive up to the end of its entries; each piece has a mark."""
        self._length = start.state[_LENGTH] if start else 0
        tasks = self._tasks(entries, start if start and start.offset else None)
        with closing(tasks), closing(in_order(tasks, self._packing)) as packed:
            for place, piece in packed:
                self._length += piece.length
                yield Piece(piece.data, mark=Mark(place.name, place.offset, {_LENGTH: self._length}))

    def finish(self, records: Iterable[bytes], *, written: int) -> Iterator[bytes]:
        """Give the blocks of zeros at the end; there is no directory."""
        yield self._codec.compress([end_of(self._length)])

    def _tasks(self, entries: Iterable[Entry], begun: Mark | None) -> Generator[_Packing, None, None]:
        entries = iter(entries)
        if begun is not None:
            entry = next(entries, None)
            if entry is None or entry.name != begun.name:
                raise ValueError(f"the first entry must be the one that was begun: {begun.name!r}")
            yield from self._of_large(entry, begun.offset)
        for batch in batches(entries, most_bytes=self._codec.piece_bytes):
            if isinstance(batch, Entry):
                yield from self._of_large(batch, 0)
            else:
                act = partial(self._read_and_compress, batch.entries)
                yield self._task(_Place(batch.entries[-1].name, 0), batch.length, act)

    def _of_large(self, entry: Entry, offset: int) -> Iterator[_Packing]:
        """Give the pieces of a large file, from where another attempt has ended."""
        stream = self._contents.open(entry, start=offset)
        if stream is None and not offset:
            return
        with closing(stream) if stream is not None else nullcontext():
            parts = [] if stream is None or offset else [header_of(entry, executable=stream.executable)]
            for piece in _filled(stream or (), entry.size - offset):
                parts.append(piece)
                offset += len(piece)
                is_last = offset == entry.size
                if is_last:
                    parts.append(padding_of(entry.size))
                if is_last or offset % self._codec.piece_bytes == 0:
                    place = _Place(entry.name, 0 if is_last else offset)
                    yield self._task(place, self._codec.piece_bytes, partial(self._compress, parts))
                    parts = []

    def _task(self, place: _Place, length: int, act: Callable[[], _Packed]) -> _Packing:
        return Task(place, 2 * length, act)  # what is read, and what comes out or is joined of it

    def _read_and_compress(self, entries: Sequence[Entry]) -> _Packed:
        # Threads that read small files at the same time mostly wait for each other's hold on the interpreter.
        mine = self._turn.acquire(timeout=_TURN_SECONDS)
        try:
            parts = self._read(entries)
        finally:
            if mine:
                self._turn.release()
        return self._compress(parts)

    def _read(self, entries: Sequence[Entry]) -> list[bytes]:
        parts: list[bytes] = []
        for entry in entries:
            if entry.kind is not Kind.FILE:
                parts.append(header_of(entry))
            elif (content := self._contents.read(entry)) is not None:
                # What the header says counts, however much was read.
                missing = bytes(entry.size - len(content.data))
                header = header_of(entry, executable=content.executable)
                parts += (header, content.data, missing + padding_of(entry.size))
        return parts

    def _compress(self, parts: Sequence[bytes]) -> _Packed:
        return _Packed(self._codec.compress(parts) if parts else b"", sum(map(len, parts)))


def _filled(pieces: Stream | tuple[()], size: int) -> Iterator[bytes]:
    """Give a content, and zeros for what is missing; pieces begin at multiples of `STREAM_BYTES` but for that."""
    given = 0
    for piece in pieces:
        given += len(piece)
        yield piece
    while given < size:
        missing = min(STREAM_BYTES - given % STREAM_BYTES, size - given)
        given += missing
        yield bytes(missing)

"""Makes zip archives on all threads, as a stream.

Small contents are read and compressed whole, many at once (`batches`); larger ones in blocks (`streaming`), each of
which another attempt can go on behind. What is made by the threads is put together in the order of the entries, so the
same entries give the same bytes, but for archives with a password: each encrypted content has a random salt. Names,
sizes, times, folders and where links lead can be read without the password.

Names that are UTF-8 are marked as that, other ones are written as they are. Times are kept to 100 ns.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

from actors.archives.ordered import Task, in_order
from actors.archives.packing import SMALL_BYTES, Contents, Entry, Mark, Packing, Piece
from actors.archives.zip.batches import Batch
from actors.archives.zip.counting import RecordCounter
from actors.archives.zip.deflating import DEFAULT_LEVEL, pack_block
from actors.archives.zip.headers import end_records
from actors.archives.zip.streaming import Begun, StreamedMember, blocks_of
from actors.datasources.rows import Kind

_Writing = Callable[[Any, int], Iterator[Piece]]
"""Turns what a thread has made into pieces that follow so many bytes."""


class ZipPacker:
    """Makes one zip archive, see `Packer`."""

    def __init__(self, contents: Contents, packing: Packing) -> None:
        self._contents = contents
        self._packing = packing
        self._level = DEFAULT_LEVEL if packing.level is None else packing.level

    def pack(self, entries: Iterable[Entry], *, start: Mark | None = None, written: int = 0) -> Generator[Piece]:
        """Give the archive up to the end of its entries."""
        tasks = self._tasks(iter(entries), start)
        with closing(tasks), closing(in_order(tasks, self._packing)) as results:
            for writing, made in results:
                for piece in writing(made, written):
                    written += len(piece.data)
                    yield piece

    def finish(self, records: Iterable[bytes], *, written: int) -> Iterator[bytes]:
        """Give the directory, as its records come, and the end."""
        counter = RecordCounter()
        for chunk in records:
            counter.add(chunk)
            yield chunk
        yield end_records(count=counter.records, size=counter.size, offset=written)

    def _tasks(self, entries: Iterator[Entry], start: Mark | None) -> Generator[Task[_Writing, Any]]:
        if start is not None and start.offset:
            yield from self._streamed(_begun_entry(entries, start), Begun.of(start))
        batch = self._batch()
        for entry in entries:
            is_large = entry.kind == Kind.FILE and entry.size > SMALL_BYTES
            if is_large or not batch.has_room_for(entry):
                yield Task(batch.pieces, batch.size, batch.pack)
                batch = self._batch()
            if is_large:
                yield from self._streamed(entry, None)
            else:
                batch.add(entry)
        yield Task(batch.pieces, batch.size, batch.pack)

    def _batch(self) -> Batch:
        return Batch(self._contents, level=self._level, password=self._packing.password)

    def _streamed(self, entry: Entry, begun: Begun | None) -> Iterator[Task[_Writing, Any]]:
        stream = self._contents.open(entry, start=0 if begun is None else begun.offset - begun.window_bytes)
        if stream is None and begun is None:
            return
        try:
            executable = stream is not None and stream.executable
            member = StreamedMember(entry, executable=executable, password=self._packing.password, begun=begun)
            for window, data in blocks_of(stream, begun):
                yield Task(member.pieces, len(data), partial(pack_block, window, data, self._level))
        finally:
            if stream is not None:
                stream.close()


def _begun_entry(entries: Iterator[Entry], start: Mark) -> Entry:
    entry = next(entries, None)
    if entry is None or entry.name != start.name:
        raise ValueError(f"the first entry is not the one that was begun, {start.name!r}")
    return entry

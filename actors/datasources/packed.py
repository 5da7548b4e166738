"""The rows of a folder in their encoded form: what helpers send, what digests cover, as what a huge folder is kept.

An encoded row takes some 60 bytes where one in Python takes 300, and what is encoded can wait in a file.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any, TypeAlias, overload

import msgspec

from actors.datasources.rows import Row

Buffer: TypeAlias = bytes | bytearray | msgspec.Raw

CHUNK_ROWS = 10_000
"""So many rows are encoded at a time, so that the copy of a huge folder stays small; part of what a digest covers."""

encode_rows: Callable[[Sequence[tuple[Any, ...]]], bytes] = msgspec.msgpack.Encoder().encode
"""Encodes a chunk of rows; a `Row` and a plain tuple with the same fields give the same bytes."""

decode_rows: Callable[[Buffer], list[Row]] = msgspec.msgpack.Decoder(list[Row]).decode
"""Gives the rows of an encoded chunk."""


_MOST_BYTES = 12 * 1024 * 1024


class Chunks(Sequence[bytes]):
    """Encoded chunks in their order; more than 12 MB of them lie in a file of the temporary folder that has no name.

    `append` raises OSError when that folder is full. The file goes with this object.
    """

    __slots__ = ("__weakref__", "_end", "_file", "_kept", "_places")

    def __init__(self) -> None:
        self._places: list[bytes | tuple[int, int]] = []
        self._kept = 0
        self._file = -1
        self._end = 0

    def append(self, chunk: bytes) -> None:
        """Add one at the end."""
        size = len(chunk)
        if self._kept + size <= _MOST_BYTES:
            self._kept += size
            self._places.append(chunk)
            return
        if self._file < 0:
            self._file = _nameless_file()
            weakref.finalize(self, os.close, self._file)
        with memoryview(chunk) as left:
            written = 0
            while written < size:
                written += os.pwrite(self._file, left[written:], self._end + written)
        self._places.append((self._end, size))
        self._end += size

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        """Give one, or a list of those between."""
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        place = self._places[index]
        if isinstance(place, bytes):
            return place
        start, size = place
        return os.pread(self._file, size, start)


class PackedRows(Sequence[Row]):
    """Rows that stay encoded and are decoded, a chunk at a time, whenever they are gone through."""

    __slots__ = ("_length", "chunks")

    def __init__(self, chunks: Sequence[bytes]) -> None:
        """Take them, `CHUNK_ROWS` in each chunk but the last."""
        self.chunks = chunks
        self._length = CHUNK_ROWS * (len(chunks) - 1) + len(decode_rows(chunks[-1])) if chunks else 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Row]:
        return chain.from_iterable(map(decode_rows, self.chunks))

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        """Give one row, or a list of those between; decodes each chunk that it touches."""
        if isinstance(index, slice):
            return list(self._at(range(self._length)[index]))
        return next(self._at([range(self._length)[index]]))

    def _at(self, numbers: Iterable[int]) -> Iterator[Row]:
        for chunk, some in groupby(numbers, key=lambda number: number // CHUNK_ROWS):
            rows = decode_rows(self.chunks[chunk])
            yield from (rows[number % CHUNK_ROWS] for number in some)


def rows_of_chunks(chunks: Sequence[bytes]) -> Sequence[Row]:
    """Give the rows of encoded chunks: a list of few, packed ones of many."""
    return PackedRows(chunks) if len(chunks) > 1 else list(chain.from_iterable(map(decode_rows, chunks)))


def _nameless_file() -> int:
    import tempfile  # takes longer than listing a thousand folders, and hardly any scan needs it

    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())

"""Packs one long stream on all cores, in a form that is the same whatever the threads did.

LZMA2 is a sequence of chunks, and what begins by forgetting all before it can be packed by itself: each block is, and
only behind the last one stands the mark of the end.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import groupby

from actors.archives.lzma2 import Lzma2
from actors.archives.ordered import Task, in_order
from actors.archives.packing import Packing
from actors.archives.probing import is_promising
from actors.archives.seven_zip.limits import COPY, LZMA2
from actors.archives.tar.xz import END_OF_CHUNKS, stored_chunks

BLOCK_BYTES = 3 * 1024 * 1024
"""As much is packed at once, and looked back at: some 36 MB of memory for each thread."""
_DICTIONARY = b"\x13"  # BLOCK_BYTES, as LZMA2 writes it
_USUAL_LEVEL = 6
_PROBED_BYTES = 512 * 1024


def method_of(level: int | None) -> tuple[bytes, bytes]:
    """Give the method of a level and its properties."""
    return (COPY, b"") if level == 0 else (LZMA2, _DICTIONARY)


def packed(data: bytes | bytearray, level: int | None) -> bytes:
    """Pack a whole stream at once."""
    return _encoder(level).chunks(data) + END_OF_CHUNKS


def packed_stream(pieces: Iterator[bytes], packing: Packing) -> Generator[bytes]:
    """Give what a stream becomes, nothing if it is empty; at level 0 it stays as it is. Who leaves early closes it."""
    if packing.level == 0:
        yield from pieces
        return
    encoder = _encoder(packing.level)
    tasks = (Task(None, len(block), partial(_without_end, block, encoder)) for block in _blocks(pieces))
    block = b""
    narrowed = replace(packing, threads=min(packing.threads, encoder.most_threads))
    with closing(in_order(tasks, narrowed)) as done:
        for _, block in done:
            yield block
    if block:
        yield END_OF_CHUNKS


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytearray]:
    block = bytearray()
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            room = BLOCK_BYTES - len(block)
            block += rest[:room]
            rest = rest[room:]
            if len(block) == BLOCK_BYTES:
                yield block
                block = bytearray()
    if block:
        yield block


def _encoder(level: int | None) -> Lzma2:
    return Lzma2(_USUAL_LEVEL if level is None else level, dictionary_bytes=BLOCK_BYTES)


def _without_end(block: bytearray, encoder: Lzma2) -> bytes:
    """Give a block as chunks; what would not shrink is stored, for the encoder takes longest with that."""
    parts = (bytes(block[at : at + _PROBED_BYTES]) for at in range(0, len(block), _PROBED_BYTES))
    chunks: list[bytes] = []
    for shrinks, run in groupby(parts, key=is_promising):
        data = b"".join(run)
        chunks += (encoder.chunks(data),) if shrinks else stored_chunks(data)
    return b"".join(chunks)

"""Packs a large content block by block, on all threads, and goes on in the middle of it.

The header says that the sizes follow, so nothing has to be known before, and nothing is written twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from actors.archives.packing import STREAM_BYTES, Entry, Mark, Piece, Stream
from actors.archives.zip.deflating import WINDOW_BYTES, Block, combined_crc, crc_of, window_after
from actors.archives.zip.encryption import OVERHEAD_BYTES, Encryption
from actors.archives.zip.headers import Packed, central_record, descriptor, heading, streamed_header
from actors.archives.zip.layout import LIMIT32, Method


class Begun(NamedTuple):
    """What a mark in the middle of a content says."""

    offset: int
    header: int
    """Where in the archive the local header is."""
    crc: int
    packed: int
    wide: bool
    window: int
    """The crc of what was before the offset, as far as the next block looks back."""

    @property
    def window_bytes(self) -> int:
        """How far that is."""
        return min(self.offset, WINDOW_BYTES)

    @classmethod
    def of(cls, mark: Mark) -> Begun:
        """Read a mark."""
        state: Mapping[str, Any] = mark.state
        return cls(mark.offset, state["header"], state["crc"], state["packed"], state["wide"], state["window"])


class StreamedMember:
    """A member that is being written. Its blocks come in their order, the last of them empty."""

    def __init__(self, entry: Entry, *, executable: bool, password: str | None, begun: Begun | None = None) -> None:
        self._entry = entry
        self._head = heading(entry, executable=executable)
        self._encryption = None if password is None else Encryption(password)
        self._wide = is_wide(entry.size) if begun is None else begun.wide
        self._offset, self._header = (0, -1) if begun is None else (begun.offset, begun.header)
        self._crc, self._packed = (0, 0) if begun is None else (begun.crc, begun.packed)

    def pieces(self, block: Block, written: int) -> Iterator[Piece]:
        """Give a block, behind so many bytes of the archive, with what stands before the first and behind the last."""
        parts = []
        if self._header < 0:
            self._header = written
            parts.append(streamed_header(self._head, self._content(), wide=self._wide))
            if self._encryption is not None:
                parts.append(self._encryption.head)
                self._packed += len(self._encryption.head)
        data = block.packed if self._encryption is None else self._encryption.apply(block.packed)
        parts.append(data)
        self._packed += len(data)
        self._crc = combined_crc(self._crc, block.crc, block.size)
        self._offset += block.size
        if block.size:
            yield Piece(b"".join(parts), mark=self._mark(block.window))
        else:
            yield self._end(parts)

    def _mark(self, window: int) -> Mark | None:
        if self._encryption is not None:
            return None  # what proves an encrypted content is made in one go
        state = {
            "header": self._header,
            "crc": self._crc,
            "packed": self._packed,
            "wide": self._wide,
            "window": window,
        }
        return Mark(self._entry.name, self._offset, state)

    def _end(self, parts: list[bytes]) -> Piece:
        if self._encryption is not None:
            tag = self._encryption.tag()
            parts.append(tag)
            self._packed += len(tag)
        content = self._content()
        parts.append(descriptor(content, wide=self._wide))
        record = central_record(self._head, content, offset=self._header, streamed=True, wide=self._wide)
        return Piece(b"".join(parts), record, Mark(self._entry.name))

    def _content(self) -> Packed:
        return Packed(Method.DEFLATE, self._crc, self._packed, self._offset, encrypted=self._encryption is not None)


def is_wide(size: int) -> bool:
    """Tell whether a content of at most so many bytes could need more than 32 bits for one of its sizes."""
    return size + size // 256 + STREAM_BYTES + OVERHEAD_BYTES >= LIMIT32


def blocks_of(stream: Stream | None, begun: Begun | None) -> Iterator[tuple[bytes, bytes]]:
    """Give the blocks of a content, each with the window before it; the last one is empty.

    To go on in the middle, the stream begins one window before the offset. If that window is not what it was, the file
    has changed, and the next block must not look back at it.
    """
    window = b""
    pieces: Iterator[bytes] = iter(()) if stream is None else iter(stream)
    if begun is not None:
        before = bytearray()
        while len(before) < begun.window_bytes and (piece := next(pieces, b"")):
            before += piece
        pieces = itertools.chain((bytes(before[begun.window_bytes :]),), pieces)
        window = bytes(before[: begun.window_bytes])
        if crc_of(window) != begun.window:
            window = b""
    for data in _of_length(pieces, STREAM_BYTES):
        yield window, data
        window = window_after(window, data)
    yield window, b""


def _of_length(pieces: Iterator[bytes], length: int) -> Iterator[bytes]:
    """Give the same bytes in pieces of a length, the last one shorter."""
    held = b""
    for piece in pieces:
        held = held + piece if held else piece
        while len(held) >= length:
            yield held[:length]
            held = held[length:]
    if held:
        yield held

"""Unpacks one stream of a 7z, which may hold the contents of many members, within bounds of memory.

py7zr makes the decoders of a stream. It drives them itself only in a way that reads ahead without an end, and some of
them give all that comes out of what they are fed; here each is fed when it has nothing left, and gives what is wanted.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Protocol

from actors.archives.seven_zip.limits import why_not
from actors.archives.seven_zip.view import View

FED_BYTES = 256 * 1024
_FED_AT_ONCE = 1024
"""What is fed to a decoder that cannot be held back: it makes up to some 30 MB of it."""


class Decoder(Protocol):
    """One step of unpacking."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Take what follows, and give what comes out of it, at most so much if it can hold back."""


class Packed(Protocol):
    """A stream as py7zr tells of it, which calls it a folder."""

    coders: list[dict[str, Any]]
    unpacksizes: list[int]
    digestdefined: bool
    crc: int | None

    def get_unpack_size(self) -> int:
        """Give how many bytes come out of it."""


class Unpacking:
    """A stream that is being unpacked from its start on; for one thread. What it raises is turned by `view.judged`."""

    def __init__(self, view: View, packed: Packed, *, start: int, size: int, password: str | None) -> None:
        """Take what py7zr tells of the stream, and where it is in the archive."""
        from py7zr.compressor import SevenZipDecompressor
        from py7zr.exceptions import UnsupportedCompressionMethodError

        self.place = 0
        """How many bytes came out of it."""
        self._left = packed.get_unpack_size()
        if problem := why_not(packed.coders, self._left):
            raise UnsupportedCompressionMethodError(packed.coders, problem)
        chain = SevenZipDecompressor(packed.coders, size, packed.unpacksizes, None, password).chain
        source = _Source(view, start, size).read
        for decoder in chain:
            source = _Stage(_held_back(decoder), source).read
        self._read = source

    def read(self, most: int) -> bytes:
        """Give what follows, at least a byte and at most so many; raises EOFError if there is no more."""
        data = self._read(min(most, self._left))
        if not data:
            raise EOFError("it ends too early")
        self.place += len(data)
        self._left -= len(data)
        return data


class _Source:
    def __init__(self, view: View, start: int, size: int) -> None:
        self._view = view
        self._place = start
        self._left = size

    def read(self, most: int) -> bytes:
        self._view.seek(self._place)
        data = self._view.read(min(most, self._left))
        self._place += len(data)
        self._left -= len(data)
        return data


class _Stage:
    """A decoder that takes from the one before it what it needs for what is wanted of it."""

    def __init__(self, decoder: Decoder, source: Callable[[int], bytes]) -> None:
        self._decoder = decoder
        self._source = source
        self._over = memoryview(b"")
        """What came out beyond what was wanted."""

    def read(self, most: int) -> bytes:
        while not self._over:
            data = self._source(FED_BYTES) if _needs_input(self._decoder) else b""
            out = self._decoder.decompress(data, most)
            if out:
                self._over = memoryview(out)
            elif not data:
                return b""
        given, self._over = self._over[:most], self._over[most:]
        return bytes(given)


class _Deflate:
    """Holds back, where the decoder of py7zr does not."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(wbits=-zlib.MAX_WBITS)

    @property
    def needs_input(self) -> bool:
        return not self._decoder.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._decoder.decompress(self._decoder.unconsumed_tail + data, max_length)


class _InSips:
    """Feeds a decoder that cannot hold back with little at a time."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._waiting = memoryview(b"")

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        if data:
            self._waiting = memoryview(data)
        if not self._waiting:
            return self._decoder.decompress(b"")
        out = b""
        while self._waiting and not out:
            sip, self._waiting = self._waiting[:_FED_AT_ONCE], self._waiting[_FED_AT_ONCE:]
            out = self._decoder.decompress(bytes(sip))
        return out


def _held_back(decoder: Any) -> Decoder:
    from py7zr.compressor import Deflate64Decompressor, DeflateDecompressor, ZstdDecompressor

    held: Decoder
    match decoder:
        case DeflateDecompressor():
            held = _Deflate()
        case Deflate64Decompressor():
            held = _InSips(decoder)
        case ZstdDecompressor():
            held = decoder.decompressor
        case _:
            held = decoder
    return held


def _needs_input(decoder: Any) -> bool:
    # py7zr wraps some decoders; those that know no such thing keep nothing back.
    inner = getattr(decoder, "_decompressor", getattr(decoder, "decoder", decoder))
    return bool(getattr(decoder, "needs_input", getattr(inner, "needs_input", True)))


def unpacked(unpacking: Unpacking, size: int) -> bytes:
    """Give so many bytes that follow, whole."""
    pieces: list[bytes] = []
    while size:
        pieces.append(unpacking.read(size))
        size -= len(pieces[-1])
    return b"".join(pieces)

"""Decompresses a file from start to end, in pieces of bounded length, however much comes out of it.

A file may consist of several streams (gzip calls them members, Zstandard frames); they follow each other without a gap,
but for zeros that fill up a tape behind gzip's, and xz's own padding. Anything else that follows is damage: the usual
tools warn of it and go on, and what was meant to be there is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO, NamedTuple, Protocol, cast

from actors.archives.ahead import Ahead
from actors.archives.given import Given
from actors.archives.reading import ArchiveFile, Damaged, Unsupported
from actors.archives.xz_streams import XZ_MAGIC, decompressed_streams, threads_here
from rota.archives import Format

PIECE_BYTES = 1024 * 1024
"""The most that comes out in one step."""
MEMORY_BYTES = 128 * 1024 * 1024
"""The most that a file may demand to be decompressed; twice what the highest usual levels need."""
_WINDOW_LOG = 27  # 2 to the power of this is as much
_XZ_BYTES = 1024 * 1024  # what the rest of its decompressor takes
# A thread is not worth its start for less.
_ALONE_BYTES = 256 * 1024
_AHEAD_PIECES = 4

ZSTD_MAGICS = (b"\x28\xb5\x2f\xfd", *(bytes((low, 0x2A, 0x4D, 0x18)) for low in range(0x50, 0x60)))
"""How its frames begin, and those that are passed over."""

INNER = {
    Format.TAR_GZ: Format.GZ,
    Format.TAR_ZST: Format.ZST,
    Format.TAR_XZ: Format.XZ,
    Format.TAR_BZ2: Format.BZ2,
}
"""How the archives are compressed that are."""


class Decompressor(Protocol):
    """Decompresses one stream; as the libraries have it."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out before something is put in."""

    @property
    def unused_data(self) -> bytes:
        """What was put in and follows the stream's end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Put something in, and get at most so much out."""


class _Out(NamedTuple):
    data: bytes
    consumed: int


class Decompressed:
    """A compressed file, as what is in it; for one reader, who closes it.

    Raises Damaged where it is cut off or wrong, Unsupported where it demands too much memory.
    """

    def __init__(self, file: ArchiveFile, format_: Format, *, is_ahead: bool | None = None) -> None:
        """Open a file in one of the formats for single files; by default a thread works ahead if it is not small."""
        self._file = file
        self._stream = file.stream()
        self._consumed = 0
        if is_ahead is None:
            is_ahead = file.size > _ALONE_BYTES
        threads = threads_here() if is_ahead and format_ is Format.XZ else 1
        self._pieces: Iterator[_Out] = _decompress(self._stream, format_, file.name, threads=threads)
        self._ahead: Ahead[_Out] | None = None
        if is_ahead:
            self._pieces = self._ahead = Ahead(self._pieces, most=_AHEAD_PIECES)

    @property
    def consumed(self) -> int:
        """How many bytes of the file were used for what was given so far; at most 128 KiB too many."""
        return self._consumed

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        data, self._consumed = next(self._pieces)
        return data

    def close(self) -> None:
        """Let go of it; twice is fine."""
        if self._ahead is not None:
            self._ahead.close()
        self._stream.close()


class _Coding(NamedTuple):
    """What one has to know of a way to compress."""

    begin: Callable[[], Decompressor]
    """Gives what decompresses one stream."""
    errors: tuple[type[Exception], ...]
    """What it raises where the stream is wrong."""
    magics: tuple[bytes, ...]
    """How a stream begins."""
    padding: int = 0
    """Zeros may follow a stream, in multiples of so many; 0 if none may."""


def _decompress(stream: BinaryIO, format_: Format, name: str, *, threads: int) -> Generator[_Out, None, None]:
    coding = _coding(format_)
    given = Given(stream)
    if not given.begins_with(coding.magics):
        raise Damaged(f"{name!r}: its content does not begin as {format_} does")
    while given.rest:
        if threads > 1 and not (yield from _decompress_many(given, coding, threads)):
            threads = 1
        if given.begins_with(coding.magics):
            yield from _decompress_one(given, coding, name)
        if coding.padding and given.skip_zeros() % coding.padding:
            raise Damaged(f"{name!r}: the padding before byte {given.used:,} has a wrong length")
        if not given.begins_with(coding.magics) and given.rest:
            raise Damaged(f"{name!r}: its compressed data ends at byte {given.used:,}, and something else follows")


def _decompress_many(given: Given, coding: _Coding, threads: int) -> Generator[_Out, None, bool]:
    streams = decompressed_streams(given, coding.begin, coding.errors, threads=threads)
    try:
        while True:
            data, used = next(streams)
            for at in range(0, len(data), PIECE_BYTES):
                yield _Out(data[at : at + PIECE_BYTES], used)
    except StopIteration as end:
        return bool(end.value)
    finally:
        streams.close()


def _decompress_one(given: Given, coding: _Coding, name: str) -> Generator[_Out, None, None]:
    decompressor = coding.begin()
    while not decompressor.eof:
        data = given.take() if decompressor.needs_input else b""
        if not data and decompressor.needs_input:
            raise Damaged(f"{name!r}: its compressed data is cut off at byte {given.used:,}")
        try:
            out = decompressor.decompress(data, PIECE_BYTES)
        except coding.errors as error:
            raise _told(error, name, given.used) from error
        if out:
            yield _Out(out, given.used)
    given.rest = decompressor.unused_data


def _told(error: Exception, name: str, at: int) -> Damaged | Unsupported:
    reason = str(error)
    if "memory" in reason.lower():
        return Unsupported(f"{name!r}: it takes more than {MEMORY_BYTES:,} bytes of memory to decompress it")
    if "unsupported" in reason.lower() or "dictionary" in reason.lower():
        return Unsupported(f"{name!r}: its compression cannot be read: {reason}")
    return Damaged(f"{name!r}: its compressed data is damaged, at byte {at:,} or shortly before: {reason}")


def _coding(format_: Format) -> _Coding:
    match format_:
        case Format.GZ:
            from zlib_ng import zlib_ng

            from actors.archives.inflating import GZIP_BITS, Inflating

            return _Coding(
                lambda: Inflating(GZIP_BITS), (cast("type[Exception]", zlib_ng.error),), (b"\x1f\x8b",), padding=1
            )
        case Format.ZST:
            from actors.archives.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

            options: dict[int, int] = {DecompressionParameter.window_log_max: _WINDOW_LOG}
            return _Coding(lambda: ZstdDecompressor(options=options), (ZstdError,), ZSTD_MAGICS)
        case Format.XZ:
            from lzma import FORMAT_XZ, LZMADecompressor, LZMAError

            limit = MEMORY_BYTES + _XZ_BYTES
            return _Coding(lambda: LZMADecompressor(FORMAT_XZ, memlimit=limit), (LZMAError,), (XZ_MAGIC,), padding=4)
        case Format.BZ2:
            from bz2 import BZ2Decompressor

            return _Coding(BZ2Decompressor, (OSError, ValueError), (b"BZh",))
    raise Unsupported(f"{format_} is no way to compress a single file")

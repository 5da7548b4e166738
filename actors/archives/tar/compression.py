"""How the pieces of a tar archive are compressed, each by itself; joined they are one stream to every reader.

What does not shrink, which is a quarter of what people have, is found by samples and costs next to nothing: it becomes
members, frames or chunks of its own within the piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Protocol

from deflate import crc32, gzip_compress

from actors.archives.lzma2 import Lzma2
from actors.archives.probing import is_promising
from actors.archives.tar.xz import END_OF_CHUNKS, stored_chunks, stream_of
from rota.archives import Format

_MIB = 1024 * 1024


class Codec(Protocol):
    """A way to compress; safe in several threads, which it lets run."""

    piece_bytes: int
    """How long pieces should be; a multiple of `STREAM_BYTES`."""

    def compress(self, parts: Sequence[bytes]) -> bytes:
        """Compress a piece that is given in several parts: headers, contents, paddings."""


def codec_of(format_: Format, level: int | None) -> Codec:
    """Give the codec of a format; levels are from 0, not at all, to 9, and None is what suits the format."""
    match format_:
        case Format.TAR_GZ:
            return Gzip(6 if level is None else level)
        case Format.TAR_ZST:
            return Zstd(3 if level is None else level)
        case Format.TAR_XZ:
            return Xz(1 if level is None else level)
    return Plain()


class Plain:
    """No compression."""

    piece_bytes = _MIB

    def compress(self, parts: Sequence[bytes]) -> bytes:
        """Join the parts."""
        return b"".join(parts)


class Gzip:
    """A gzip member for each piece, by libdeflate: smaller than zlib's at the same level, in a third of the time."""

    piece_bytes = _MIB
    _PROBED_BYTES = 64 * 1024

    def __init__(self, level: int) -> None:
        self._level = level

    def compress(self, parts: Sequence[bytes]) -> bytes:
        """Give one member, or several where parts of it are stored; none names a file or a time."""
        runs = _runs(parts, probed_bytes=self._PROBED_BYTES)
        return b"".join([gzip_compress(data, self._level if shrinks else 0) for shrinks, data in runs])


class Zstd:
    """A zstd frame with a checksum for each piece; at the default level it looks back no farther than 2 MiB."""

    piece_bytes = 4 * _MIB
    _PROBED_BYTES = 128 * 1024
    _LEVELS = (-(1 << 17), 1, 2, 3, 4, 5, 6, 8, 10, 12)
    """Of zstd, for each of ours. The lowest one only copies; those above 12 take too long and too much memory."""

    def __init__(self, level: int) -> None:
        from actors.archives.zstd import CompressionParameter, compress

        self._zstd_compress = compress
        checked = {int(CompressionParameter.checksum_flag): 1}
        full = {int(CompressionParameter.compression_level): self._LEVELS[level], **checked}
        quick = {int(CompressionParameter.compression_level): min(self._LEVELS[level], 1), **checked}
        if level == 3:
            # Half the tables stay in the cache of a core: a tenth quicker, and half a per cent larger.
            full |= {int(CompressionParameter.hash_log): 16, int(CompressionParameter.chain_log): 15}
        self._options, self._quick_options = full, quick

    def compress(self, parts: Sequence[bytes]) -> bytes:
        """Give one frame, or several where parts of it hardly shrink: those still at the lowest real level."""
        runs = _runs(parts, probed_bytes=self._PROBED_BYTES)
        return b"".join([self._frame(data, shrinks) for shrinks, data in runs])

    def _frame(self, data: bytes, shrinks: bool) -> bytes:
        return self._zstd_compress(data, options=self._options if shrinks else self._quick_options)


class Xz:
    """A stream of the format xz for each piece, as long as the blocks of `xz -1`."""

    piece_bytes = 3 * _MIB
    _PROBED_BYTES = 128 * 1024
    _DICTIONARY_MIB = (1, 1, 2, 4, 4, 4, 4, 4, 4, 4)
    """For each level; more than a piece can use only takes memory, 674 MiB a thread at the highest preset."""

    def __init__(self, level: int) -> None:
        self._level = level
        self._dictionary_bytes = self._DICTIONARY_MIB[level] * _MIB
        self._encoder = Lzma2(level, dictionary_bytes=self._dictionary_bytes)

    def compress(self, parts: Sequence[bytes]) -> bytes:
        """Give one stream, in which parts may be stored."""
        chunks: list[bytes] = []
        size = crc = 0
        for shrinks, data in _runs(parts, probed_bytes=self._PROBED_BYTES):
            size, crc = size + len(data), crc32(data, crc)
            chunks += (self._encoder.chunks(data),) if shrinks and self._level else stored_chunks(data)
        chunks.append(END_OF_CHUNKS)
        return stream_of(b"".join(chunks), size=size, crc=crc, dictionary_bytes=self._dictionary_bytes)


def _runs(parts: Sequence[bytes], *, probed_bytes: int) -> Iterator[tuple[bool, bytes]]:
    """Join parts that are alike, and tell whether they shrink; shorter ones than `probed_bytes` are said to."""
    for shrinks, run in groupby(parts, key=lambda part: len(part) < probed_bytes or is_promising(part)):
        yield shrinks, b"".join(run)

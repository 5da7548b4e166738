"""Where a tar archive comes from: the file itself, or what is decompressed of it, with a buffer for the parser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from actors.archives.decompression import INNER, Decompressed
from actors.archives.reading import ArchiveFile
from rota.archives import Format

_MOST_BYTES = 1024 * 1024
_LEAST_BYTES = 16 * 1024


class Feed(Protocol):
    """Gives the bytes of an archive in pieces."""

    @property
    def consumed(self) -> int:
        """How many bytes of the file were used."""

    def read(self) -> bytes:
        """Give what comes next; empty at the end."""

    def skip(self, count: int) -> int:
        """Pass over some bytes without reading them, and give how many: none, or all that are there."""

    def close(self) -> None:
        """Let go of it; twice is fine."""


class _Plain:
    """The file itself."""

    def __init__(self, file: ArchiveFile) -> None:
        self._file = file
        self._stream = file.stream()
        self._can_seek = self._stream.seekable()
        self._ahead = _LEAST_BYTES
        self.consumed = 0

    def read(self) -> bytes:
        piece = self._stream.read(self._ahead)
        self.consumed += len(piece)
        # More and more, as long as nothing is passed over.
        self._ahead = min(2 * self._ahead, _MOST_BYTES)
        return piece

    def skip(self, count: int) -> int:
        if not self._can_seek:
            return 0
        count = min(count, self._file.size - self.consumed)
        self.consumed += count
        self._stream.seek(self.consumed)
        self._ahead = _LEAST_BYTES
        return count

    def close(self) -> None:
        self._stream.close()


class _Inner:
    """What is in a compressed file."""

    def __init__(self, file: ArchiveFile, format_: Format) -> None:
        self._inner = Decompressed(file, INNER[format_])

    @property
    def consumed(self) -> int:
        return self._inner.consumed

    def read(self) -> bytes:
        return next(self._inner, b"")

    def skip(self, count: int) -> int:
        return 0

    def close(self) -> None:
        self._inner.close()


def feed_of(file: ArchiveFile, format_: Format) -> Feed:
    """Open the bytes of a tar archive of one of its formats."""
    return _Plain(file) if format_ == Format.TAR else _Inner(file, format_)


class Source:
    """The bytes of an archive, in the lengths that are asked for."""

    def __init__(self, feed: Feed) -> None:
        """Take over a feed."""
        self._feed = feed
        self._piece = b""
        self._at = 0
        self._before = 0

    @property
    def offset(self) -> int:
        """How many bytes were taken or passed over."""
        return self._before + self._at

    @property
    def consumed(self) -> int:
        """How many bytes of the file were used."""
        return self._feed.consumed

    def take(self, count: int) -> bytes:
        """Give so many bytes as one; fewer only at the end."""
        at = self._at
        end = at + count
        if end <= len(self._piece):
            self._at = end
            return self._piece[at:end]
        return b"".join(self.pieces(count))

    def pieces(self, count: int) -> Iterator[bytes]:
        """Give so many bytes in pieces as they come; fewer only at the end."""
        while count and (self._at < len(self._piece) or self._next()):
            at, end = self._at, min(self._at + count, len(self._piece))
            self._at = end
            count -= end - at
            yield self._piece if end - at == len(self._piece) else self._piece[at:end]

    def skip(self, count: int) -> int:
        """Pass over so many bytes, and give how many there were."""
        left = count
        while left:
            here = min(left, len(self._piece) - self._at)
            self._at += here
            left -= here
            if not left:
                break
            if skipped := self._feed.skip(left):
                self._before += self._at + skipped
                self._piece, self._at = b"", 0
                left -= skipped
            if left and not self._next():
                break
        return count - left

    def close(self) -> None:
        """Let go of it; twice is fine."""
        self._feed.close()

    def _next(self) -> bool:
        self._before += len(self._piece)
        self._piece, self._at = self._feed.read(), 0
        return bool(self._piece)

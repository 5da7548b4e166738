"""Unpacks deflate as the other libraries unpack theirs: so much goes in, at most so much comes out."""

from __future__ import annotations

from zlib_ng import zlib_ng

RAW_BITS = -15
"""Deflate without a header, with the largest window."""
GZIP_BITS = 31
"""A member of gzip, with the largest window."""


class Inflating:
    """Unpacks one stream; a `decompression.Decompressor`."""

    def __init__(self, bits: int) -> None:
        self._inner = zlib_ng.decompressobj(bits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        """What was put in and follows the stream's end."""
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Put something in, and get at most so much out."""
        rest = self._inner.unconsumed_tail
        out = self._inner.decompress(rest + data if rest else data, max_length)
        # Where as much came out as may, the library may hold more, even if it has no input left.
        self.needs_input = not self._inner.unconsumed_tail and len(out) < max_length
        return out

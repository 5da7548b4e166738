"""Unpacks the content of one member, in pieces of bounded length, by all methods that occur.

Each decoder is a `decompression.Decompressor`: as the libraries have it, or made to look so here. The memory that a
content may demand is bounded by `MEMORY_BYTES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

from actors.archives.decompression import MEMORY_BYTES, PIECE_BYTES, Decompressor
from actors.archives.reading import Damaged, Unsupported
from actors.archives.zip.layout import Method

_WINDOW_LOG = 27  # 2 to the power of this is `MEMORY_BYTES`
_XZ_BYTES = 1024 * 1024  # what the rest of its decompressor takes
# One byte of it may become some 30 KiB, and the library gives all of it at once.
_FED_DEFLATE64_BYTES = 128
_LZMA_PROPERTIES_BYTES = 5
_LZMA_HAS_END = 2  # a flag that means something else for other methods
_LZMA_LEAST_DICTIONARY = 4096
_HOW_TO_DEFLATE64 = "install what Rota needs for it: pip install 'rota[7z]'"


class Coding(NamedTuple):
    """What one has to know of a method."""

    begin: Callable[[], Decompressor]
    """Gives what unpacks one content."""
    errors: tuple[type[Exception], ...]
    """What it raises where the content is wrong."""
    ends_by_size: bool = False
    """Whether nothing but the size tells where the content ends."""


def coding_of(method: int, *, size: int, flags: int) -> Coding:
    """Give how to unpack by a method; raises Unsupported, without a name, for those that cannot be read."""
    match method:
        case Method.STORED:
            return Coding(lambda: _Stored(size), ())
        case Method.DEFLATE:
            from zlib_ng import zlib_ng

            from actors.archives.inflating import RAW_BITS, Inflating

            return Coding(lambda: Inflating(RAW_BITS), (cast("type[Exception]", zlib_ng.error),))
        case Method.DEFLATE64:
            return _deflate64()
        case Method.LZMA | Method.XZ:
            return _by_lzma(method, size=size, flags=flags)
        case Method.BZIP2:
            from bz2 import BZ2Decompressor

            return Coding(BZ2Decompressor, (OSError, ValueError))
        case Method.ZSTD:
            from actors.archives.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

            options: dict[int, int] = {DecompressionParameter.window_log_max: _WINDOW_LOG}
            return Coding(lambda: ZstdDecompressor(options=options), (ZstdError,))
    raise Unsupported(f"it is packed by method {method}, which cannot be read")


def unpack(pieces: Iterator[bytes], coding: Coding, *, size: int) -> Iterator[bytes]:
    """Give the content of packed pieces; raises Damaged, without a name, unless it has exactly this size."""
    decoder = coding.begin()
    left = size
    while not decoder.eof and (left or not coding.ends_by_size):
        data = b""
        if decoder.needs_input and not (data := next(pieces, b"")):
            raise Damaged(f"its content is cut off: it has {size - left:,} of {size:,} bytes")
        try:
            # One byte more than is left, to see whether there is more.
            out = decoder.decompress(data, min(PIECE_BYTES, left + 1))
        except coding.errors as error:
            raise _told(error) from error
        if len(out) > left:
            raise Damaged(f"its content is larger than the {size:,} bytes that it is said to have")
        if out:
            left -= len(out)
            yield out
    if left:
        raise Damaged(f"its content has {size - left:,} bytes and is said to have {size:,}")


def _told(error: Exception) -> Damaged | Unsupported:
    reason = str(error)
    if "memory" in reason.lower():
        return Unsupported(f"it takes more than {MEMORY_BYTES:,} bytes of memory to unpack it")
    return Damaged(f"its content is damaged: {reason}")


def _by_lzma(method: int, *, size: int, flags: int) -> Coding:
    from lzma import FORMAT_XZ, LZMADecompressor, LZMAError

    if method == Method.XZ:
        return Coding(lambda: LZMADecompressor(FORMAT_XZ, memlimit=MEMORY_BYTES + _XZ_BYTES), (LZMAError,))
    return Coding(lambda: _Lzma(size), (LZMAError,), ends_by_size=not flags & _LZMA_HAS_END)


class _Stored:
    """Gives what it is given."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._data = b""
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return not self._left

    @property
    def needs_input(self) -> bool:
        return not self._data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        whole = self._data + data if self._data else data
        out, self._data = whole[:max_length], whole[max_length:]
        self._left -= len(out)
        return out


class _Lzma:
    """Unpacks LZMA, before which zip has a small header of its own."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._head = b""
        self._inner: Decompressor | None = None

    @property
    def eof(self) -> bool:
        return self._inner is not None and self._inner.eof

    @property
    def needs_input(self) -> bool:
        return self._inner is None or self._inner.needs_input

    @property
    def unused_data(self) -> bytes:
        return b"" if self._inner is None else self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self._inner is None:
            self._head += data
            begins = 4 + _LZMA_PROPERTIES_BYTES
            if len(self._head) < begins:
                return b""
            self._inner = self._begin(self._head[:begins])
            data = self._head[begins:]
        return self._inner.decompress(data, max_length)

    def _begin(self, head: bytes) -> Decompressor:
        from lzma import FILTER_LZMA1, FORMAT_RAW, LZMADecompressor, LZMAError

        if int.from_bytes(head[2:4], "little") != _LZMA_PROPERTIES_BYTES:
            raise LZMAError("its properties have a wrong length")
        rest, lc = divmod(head[4], 9)
        pb, lp = divmod(rest, 5)
        if pb > 4 or lc + lp > 4:
            raise LZMAError("its properties are wrong")
        # Nothing can refer to more than there is; what is demanded beyond that is not needed.
        dictionary = max(min(int.from_bytes(head[5:], "little"), self._size), _LZMA_LEAST_DICTIONARY)
        if dictionary > MEMORY_BYTES:
            raise LZMAError("memory")
        filters = [{"id": FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": dictionary}]
        return LZMADecompressor(FORMAT_RAW, filters=filters)


def _deflate64() -> Coding:
    try:
        import inflate64  # noqa: F401 -- to know now whether it is there
    except ImportError:
        raise Unsupported(f"it is packed by deflate64; {_HOW_TO_DEFLATE64}") from None
    return Coding(_Deflate64, (ValueError, RuntimeError))


class _Deflate64:
    """Unpacks Deflate64, which Windows uses for files beyond 2 GiB."""

    def __init__(self) -> None:
        from inflate64 import Inflater

        self._inner = Inflater()
        self._given = memoryview(b"")
        self._made = b""
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return self._inner.eof and not self._made

    @property
    def needs_input(self) -> bool:
        return not self._given and not self._made

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if data:
            self._given = memoryview(data)
        if not self._made:
            self._made = self._inner.inflate(bytes(self._given[:_FED_DEFLATE64_BYTES]))
            self._given = self._given[_FED_DEFLATE64_BYTES:]
        out, self._made = self._made[:max_length], self._made[max_length:]
        return out

"""Packs data as LZMA2 chunks that look back at nothing before them, in as many threads as there is memory for."""

from __future__ import annotations

from threading import BoundedSemaphore

from actors.archives.tar.xz import END_OF_CHUNKS

_MOST_BYTES = 100 * 1024 * 1024
"""What all encoders may take together, whatever the number of processors."""
_LAST_CHAINED_LEVEL = 3
"""Up to this level matches are found by chains, behind it by trees, which take more memory."""
_CHAIN_BYTES, _TREE_BYTES = 8, 12
"""What an encoder takes for each byte of its dictionary."""


class Lzma2:
    """An encoder of one level; safe in several threads, which it lets run."""

    def __init__(self, level: int, *, dictionary_bytes: int) -> None:
        import lzma

        self._lzma = lzma
        self._filters = [{"id": lzma.FILTER_LZMA2, "preset": level, "dict_size": dictionary_bytes}]
        each = dictionary_bytes * (_CHAIN_BYTES if level <= _LAST_CHAINED_LEVEL else _TREE_BYTES)
        self.most_threads = max(1, _MOST_BYTES // each)
        """How many pack at once; others wait."""
        self._turns = BoundedSemaphore(self.most_threads)

    def chunks(self, data: bytes | bytearray) -> bytes:
        """Give data as chunks; the end is not marked, for others may follow."""
        with self._turns:
            packed = self._lzma.compress(data, self._lzma.FORMAT_RAW, filters=self._filters)
        return packed.removesuffix(END_OF_CHUNKS)

"""Etags as S3 makes them from the content: the MD5 of the whole, or of the MD5s of its parts and their number.

An etag tells how many parts a file was sent in and not how large they were, so all usual sizes that give as many are
tried at once. Services that encrypt with keys of their own, and those of other makers, have etags that say nothing
about the content. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

_MIB = 1024 * 1024
SMALLEST_PART = 1024
_WHOLE = 0
_SIZES = tuple(
    sorted(
        {count * _MIB for count in (5, 6, 7, 8, 10, 15, 16, 20, 24, 25, 32, 48, 50, 64, 100, 128, 200, 250, 256, 500)}
        | {count * _MIB for count in (512, 1000, 1024, 2048, 4096, 5120)}
        | {count * 1_000_000 for count in (5, 8, 10, 16, 20, 50, 64, 100, 128, 500, 1000)}
    )
)
_KINDS = re.compile(r'"?([0-9a-f]{32})(?:-([1-9][0-9]{0,4}))?"?', re.ASCII)
_MOST_TRIED = 8


def parts_told(etag: str) -> int | None:
    """Give in how many parts a file with this etag was sent, 0 for whole; None where the etag is of another kind."""
    found = _KINDS.fullmatch(etag)
    return None if found is None else int(found[2] or 0)


def part_sizes(size: int, *, etag: str, given: int | None) -> Sequence[int]:
    """Give the sizes of parts that a file may have been sent in, 0 for whole; none where its etag is of another kind.

    `given` is the one that was asked for. Without an etag and without a given size the file is whole.
    """
    parts = parts_told(etag) if etag else None
    if parts is None:
        if etag:
            return ()
        return (given,) if given and size > given else (_WHOLE,)
    if parts == 0:
        return (_WHOLE,)
    sizes = [each for each in ((given,) if given else _SIZES) if _count(size, each) == parts]
    if not given:
        # Programs that know the size beforehand take the least whole number of MiB that is enough.
        sizes += [each for each in (_whole_mib(size, parts),) if each not in sizes and _count(size, each) == parts]
    return sizes[:_MOST_TRIED]


class OddEtag(ValueError):
    """Raised for an etag that does not follow from the content."""

    def __init__(self) -> None:
        super().__init__("its etag does not follow from its content: it is of another kind, or of other parts")


class EtagHasher:
    """Computes the etags that a content has when it is sent in parts of these sizes, all at once."""

    def __init__(self, sizes: Sequence[int], *, known: str) -> None:
        """Take the sizes to try, and the etag that decides between them; empty where there is none.

        Raises OddEtag where there is nothing to try.
        """
        if not sizes:
            raise OddEtag
        self._known = known.strip('"')
        self._tries = [_Parts(size) for size in sizes]

    def update(self, piece: bytes | bytearray | memoryview, /) -> None:
        """Take what follows."""
        view = memoryview(piece)
        for each in self._tries:
            each.update(view)

    def hexdigest(self) -> str:
        """Give the etag that is the known one, or the first where none is known; raises OddEtag if none is."""
        found = [each.etag() for each in self._tries]
        if self._known and self._known not in found:
            raise OddEtag
        return self._known or found[0]


class _Parts:
    def __init__(self, size: int) -> None:
        self._size = size
        self._part = hashlib.md5(usedforsecurity=False)
        self._left = size
        self._done: list[bytes] = []

    def update(self, view: memoryview) -> None:
        if self._size == _WHOLE:
            self._part.update(view)
            return
        while view:
            taken, view = view[: self._left], view[self._left :]
            self._part.update(taken)
            self._left -= len(taken)
            if not self._left:
                self._close()

    def etag(self) -> str:
        if self._size == _WHOLE:
            return self._part.hexdigest()
        if self._left < self._size or not self._done:
            self._close()
        return f"{hashlib.md5(b''.join(self._done), usedforsecurity=False).hexdigest()}-{len(self._done)}"

    def _close(self) -> None:
        self._done.append(self._part.digest())
        self._part = hashlib.md5(usedforsecurity=False)
        self._left = self._size


def _count(size: int, part: int) -> int:
    return max(1, -(-size // part))


def _whole_mib(size: int, parts: int) -> int:
    return max(1, -(-size // (parts * _MIB))) * _MIB

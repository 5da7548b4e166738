"""Finds the folders that the catalog has and nobody told: what was in a folder that is gone, and what a crash left."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from actors.catalog import Catalog, Folder
from actors.run import Run
from actors.syncing.aside import Aside
from actors.syncing.difference import known_entry

_CHUNK_FOLDERS = 256
_CHUNK_ROWS = 10_000
_PAGE_BITS = 12


class Numbers:
    """A set of whole numbers that takes a bit for each of them where they are close together."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def add(self, number: int) -> None:
        """Take a number in."""
        at = number >> _PAGE_BITS
        page = self._pages.get(at)
        if page is None:
            page = self._pages[at] = bytearray(1 << _PAGE_BITS - 3)
        rest = number & (1 << _PAGE_BITS) - 1
        page[rest >> 3] |= 1 << (rest & 7)

    def __contains__(self, number: int) -> bool:
        page = self._pages.get(number >> _PAGE_BITS)
        rest = number & (1 << _PAGE_BITS) - 1
        return page is not None and bool(page[rest >> 3] >> (rest & 7) & 1)


def sweep(
    run: Run,
    catalog: Catalog,
    aside: Aside,
    *,
    tops: Iterable[bytes],
    last: int,
    seen: Numbers,
    skips: Callable[[bytes], bool],
) -> None:
    """Put aside what is in the folders at and below these that were not seen.

    Folders with a higher number than `last` are this sync's own. A folder that could not be listed is left alone, with
    all below it.
    """
    some_unlisted = aside.has_unlisted()
    unseen: list[Folder] = []
    rows = 0
    for top in tops:
        for n, folder in enumerate(catalog.folders_below(top)):
            if not n % _CHUNK_FOLDERS:
                run.check()
            if (
                folder.id > last
                or folder.id in seen
                or skips(folder.path)
                or (some_unlisted and aside.is_unlisted(folder.path))
            ):
                continue
            if folder.entries > _CHUNK_ROWS:
                aside.gone(known_entry(folder.path, row) for row in catalog.rows_in_order(folder))
                aside.add_unseen([folder.path])
                continue
            unseen.append(folder)
            rows += folder.entries
            if len(unseen) == _CHUNK_FOLDERS or rows >= _CHUNK_ROWS:
                _put_aside(catalog, aside, unseen)
                unseen, rows = [], 0
    _put_aside(catalog, aside, unseen)


def _put_aside(catalog: Catalog, aside: Aside, unseen: list[Folder]) -> None:
    known = catalog.rows(unseen)
    for folder in unseen:
        aside.gone(known_entry(folder.path, row) for row in known.get(folder.path, ()))
    aside.add_unseen(folder.path for folder in unseen)

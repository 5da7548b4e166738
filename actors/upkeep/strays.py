"""Removes from the bin what belongs to no item: files of information without one, and folders with nothing in them.

A deletion that was killed leaves either. What has a record is left to the purge, which finishes what was begun with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice

from actors.datasources.bins import BIN
from actors.datasources.frontier import Frontier
from actors.datasources.graves import INFO_SUFFIX
from actors.datasources.paths import join, split
from actors.datasources.scanning import listed
from actors.datasources.storage import Kind, Listing, Row, Unlisted, Why
from actors.upkeep.cleaning import Cleaning
from actors.upkeep.drafts import Drafts
from rota.ids import made_at

_AT_ONCE = 500


class Strays:
    """Goes through the bin of a storage."""

    def __init__(self, cleaning: Cleaning, drafts: Drafts) -> None:
        self._cleaning = cleaning
        self._drafts = drafts
        self._records = cleaning.run.bin(cleaning.datasource)

    def clean(self) -> None:
        """Clean the bin; what is in the items is not looked at."""
        found = self._cleaning.storage.list_folder(BIN)
        if isinstance(found, Unlisted):
            if found.why is not Why.VANISHED:
                self._cleaning.fail(BIN, found.reason)
            return
        self._drafts.visit(found)
        rows = (row for row in _doubtful(found.rows) if self._is_old(row))
        while some := list(islice(rows, _AT_ONCE)):
            known = {split(item.recycled.folder)[1] for item in self._records.named([_item_of(row) for row in some])}
            unknown = [row for row in some if _item_of(row) not in known]
            for row in unknown:
                if row.kind == Kind.FILE:
                    self._count(self._cleaning.remove(join(BIN, row.name), row))
            self._remove_empty({row.name: row for row in unknown if row.kind == Kind.FOLDER})

    def _remove_empty(self, folders: dict[bytes, Row]) -> None:
        storage = self._cleaning.storage
        if not storage.capabilities.folders:
            return  # there they are as long as something is in them
        frontier = Frontier([join(BIN, name) for name in folders])
        with closing(listed(storage, frontier, self._cleaning.run.check)) as batches:
            for results in batches:
                for place, found in results.items():
                    frontier.tell(place, ())
                    if isinstance(found, Listing) and not found.rows and not found.special:
                        self._remove_item(place.path, folders[split(place.path)[1]])

    def _remove_item(self, folder: bytes, row: Row) -> None:
        if not self._cleaning.remove(folder, row):
            return
        self._count(True)
        info = self._cleaning.storage.stat(folder + INFO_SUFFIX)
        if info is not None and info.kind == Kind.FILE:
            self._count(self._cleaning.remove(folder + INFO_SUFFIX, info))

    def _is_old(self, row: Row) -> bool:
        made_ms = made_at(_item_of(row).decode())
        return made_ms is not None and self._cleaning.ages.is_old(made_ms, row.modified_ns)

    def _count(self, gone: bool) -> None:
        self._cleaning.counts.infos += gone


def _doubtful(rows: Iterable[Row]) -> Iterator[Row]:
    """Give the folders of items, and the files of information beside which no item lies.

    The rows are sorted, so an item comes before its own.
    """
    item = b""
    for row in rows:
        name = _item_of(row)
        if not name.isascii() or made_at(name.decode()) is None:
            continue
        if row.kind == Kind.FOLDER and name == row.name:
            item = name
            yield row
        elif row.kind == Kind.FILE and name not in {row.name, item}:
            yield row


def _item_of(row: Row) -> bytes:
    return row.name.removesuffix(INFO_SUFFIX)

"""Compares what lies in a bin with what is known of it, so that nothing is in one of the two only.

An item without a record gets one: from the information beside it, or else with what can be seen of it, as deleted now.
A record without an item goes, unless somebody holds it: nothing else knows of that, and the item may come back.
Information without an item goes after a day: that long a deletion may take between the two. What is neither is counted,
and left alone.

The listing of the bin and the records come in the same order and are read side by side, bit by bit. Names that are no
ids, which only somebody else can have put there, are kept aside.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from actors.bin_records import BinRecords, Place
from actors.datasources.bins import BIN, INFO_SUFFIX, Recycled
from actors.datasources.paths import is_private, join, split, text_of
from actors.datasources.storage import Kind, Listing, Row, Storage, Unlisted, Why
from actors.recycling.moment import sight_of
from actors.recycling.seen import recycled_of
from actors.run import Run
from rota.bins import BinRules
from rota.errors import PermanentError
from rota.ids import made_at
from rota.times import DAY_MS

_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BATCH = 500
_MOST_LEFTOVERS = 10_000  # that one purge removes; each is kept in memory
_FEWEST = 20
_MOST_SHARE = 0.5
_MS = 1_000_000


@dataclass(slots=True)
class Surveyed:
    """What a survey found."""

    known: int = 0
    """Records."""
    new: int = 0
    """Items without a record."""
    missing: array[int] = field(default_factory=lambda: array("q"))
    """Numbers of the records without an item, but for those that somebody holds."""
    strays: int = 0
    """What is no item, such as a folder with several things in it."""

    def doubt(self, confirmed: int) -> str | None:
        """Say why so many records should not just go; None if they may."""
        missing = len(self.missing)
        if missing < _FEWEST or missing <= self.known * _MOST_SHARE or missing <= confirmed:
            return None
        return f"{missing:,} of the {self.known:,} items that are known are not in the bin"


class Survey:
    """One look at a bin; writes nothing."""

    def __init__(self, run: Run, storage: Storage, records: BinRecords, rules: BinRules, *, now_ms: int) -> None:
        """Take what is compared; `now_ms` is the time of the purge."""
        self._run = run
        self._storage = storage
        self._records = records
        self._rules = rules
        self._now_ms = now_ms
        self._sight_ms = sight_of(run)
        self._surveyed = Surveyed()
        self._odd: set[bytes] = set()
        self._leftovers: list[Row] = []
        self._last = b""

    def execute(self, on_new: Callable[[Recycled], None]) -> Surveyed:
        """Compare everything, and tell `on_new` of items without a record.

        Raises PermanentError if the bin cannot be listed completely.
        """
        there = self._folders(self._list())
        places = self._records.places()
        folder, place = next(there, None), self._next(places)
        while folder is not None or place is not None:
            name = None if place is None else split(place.bin_path)[0]
            if place is None or (folder is not None and name is not None and folder < name):
                self._tell_new(folder or b"", on_new)
                folder = next(there, None)
            elif folder is None or name is None or name < folder:
                self._miss(place)
                place = self._next(places)
            else:
                folder = next(there, None)
                place = self._next(places)
        for name in self._unknown_odd():
            self._tell_new(name, on_new)
        return self._surveyed

    def remove_leftovers(self) -> None:
        """Remove information whose item never came, places that one never came to, and drafts, after a day."""
        for row in self._leftovers:
            item = row.name.removesuffix(INFO_SUFFIX)
            # Not every storage says when a folder came.
            came = row.modified_ns // _MS or made_at(text_of(item)) or self._now_ms
            if self._now_ms - came < DAY_MS:
                continue
            self._run.check()
            if self._records.named([item]):
                continue  # it is in the tomb, and its information goes with it
            try:
                self._storage.delete(join(BIN, item))
                if not is_private(item):
                    self._storage.delete(join(BIN, item + INFO_SUFFIX))
            except OSError as error:
                self._run.log.info(f"the place {text_of(item)!r} of the bin stays: {error.strerror or error}")

    def _list(self) -> Listing | None:
        """List the bin; None if there is none."""
        found = self._storage.list_folder(BIN)
        if isinstance(found, Listing):
            return found
        above = self._storage.stat(split(BIN)[0])
        # A link, or whatever else is no folder, has not vanished.
        may_be_missing = found.why is Why.VANISHED and (above is None or above.kind == Kind.FOLDER)
        if may_be_missing and self._storage.stat(BIN) is None:
            return None
        raise PermanentError(f"the bin cannot be listed, and nothing was purged: {found.reason}")

    def _folders(self, listing: Listing | None) -> Iterator[bytes]:
        """Give the names of items as they are sorted; what else is there is put aside."""
        for row in () if listing is None else listing.rows:
            if row.kind == Kind.FOLDER:
                self._last = row.name
                if _ID.fullmatch(row.name):
                    yield row.name
                else:
                    self._odd.add(row.name)
            elif row.kind == Kind.FILE and row.name.endswith(INFO_SUFFIX):
                stem = row.name.removesuffix(INFO_SUFFIX)
                if stem != self._last and self._storage.stat(join(BIN, stem)) is None:
                    self._leave(row)
            elif row.kind == Kind.FILE and is_private(row.name):
                self._leave(row)  # information that was being written when its process was killed
            else:
                self._surveyed.strays += 1
        if listing is not None:
            self._surveyed.strays += listing.special

    def _next(self, places: Iterator[Place]) -> Place | None:
        """Give the next record whose item has an id for a name; the others are settled at once."""
        for place in places:
            self._surveyed.known += 1
            if self._surveyed.known % _BATCH == 0:
                self._run.check()
            if _ID.fullmatch(split(place.bin_path)[0]):
                return place
            if self._storage.stat(join(BIN, place.bin_path.partition(b"/")[0])) is None:
                self._miss(place)
        return None

    def _miss(self, place: Place) -> None:
        # What is claimed is on its way out: whoever claimed it says what became of it.
        if not place.is_claimed and not place.is_held:
            self._surveyed.missing.append(place.id)

    def _leave(self, row: Row) -> None:
        """Note something to be removed; of very many the first, and the next purges see the others."""
        if len(self._leftovers) < _MOST_LEFTOVERS:
            self._leftovers.append(row)

    def _unknown_odd(self) -> Iterator[bytes]:
        names = iter(sorted(self._odd))
        while some := list(islice(names, _BATCH)):
            known = {item.recycled.bin_path.partition(b"/")[0] for item in self._records.named(some)}
            yield from (name for name in some if name not in known)

    def _tell_new(self, folder: bytes, on_new: Callable[[Recycled], None]) -> None:
        """Look into a place of the bin that no record is about."""
        self._run.check()
        found = self._storage.list_folder(join(BIN, folder))
        if isinstance(found, Unlisted):
            if found.why is not Why.VANISHED:
                self._surveyed.strays += 1
                self._run.log.warning(f"the place {text_of(folder)!r} of the bin cannot be listed: {found.reason}")
            return
        if not found.rows and not found.special:
            if (own := self._storage.stat(join(BIN, folder))) is not None:
                self._leave(own)
            return
        if len(found.rows) != 1 or found.special:
            self._surveyed.strays += 1
            self._run.log.warning(f"the place {text_of(folder)!r} of the bin holds no single item, and is left alone")
            return
        self._surveyed.new += 1
        row = found.rows[0]
        on_new(recycled_of(self._storage, folder, row, rules=self._rules, now_ms=self._sight_ms, check=self._run.check))

"""Deletes items of a bin for good: claims their records, has them buried, and settles what came of it.

A record goes last. What a crash leaves is claimed by a task that ends some day; the next purge takes it over.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from itertools import islice, takewhile

from actors.bin_records import CLAIMED_AT_ONCE, BinRecords, Item
from actors.datasources.abilities import Doomed, Ended
from actors.datasources.bins import BIN
from actors.datasources.burying import bury
from actors.datasources.graves import Fate
from actors.datasources.paths import join, text_of
from actors.datasources.storage import Storage
from actors.recycling.measuring import measure
from actors.recycling.moment import arrival_of
from actors.recycling.outcome import Outcome
from actors.run import Run
from rota.errors import LeaseLost, RotaError
from rota.purging import Why

_SETTLED_AT_ONCE = 500
_SETTLED_SECONDS = 1.0
_STEP_SECONDS = 0.1
_GIVE_UP_SECONDS = 3.0


class Burial:
    """Deletes items of one bin for good."""

    def __init__(
        self,
        run: Run,
        storage: Storage,
        records: BinRecords,
        *,
        outcome: Outcome,
        at: int | None = None,
        per_second: float | None = None,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        """Take what it works with; `outcome` is told what came of each item.

        With `at` (milliseconds) no item goes that came later or must be kept until later. `per_second` is the most
        items in a second. `settled` is called now and then, once the records of what is gone are gone too.
        """
        self._run = run
        self._storage = storage
        self._records = records
        self._outcome = outcome
        self._at = at
        self._per_second = per_second
        self._settled = settled
        # Claimed, and not ended. What waits long cannot be restored meanwhile, so with a limit few wait.
        self._claimed: dict[bytes, tuple[Item, Why]] = {}
        self._at_once = CLAIMED_AT_ONCE if per_second is None else max(1, min(CLAIMED_AT_ONCE, int(per_second)))
        self._handed: set[int] = set()
        """Numbers of those claimed that the gravediggers may have begun with."""
        self._gone: list[int] = []
        self._settled_at = time.monotonic()

    def bury(self, items: Iterable[tuple[int, Why]]) -> None:
        """Delete these items, each with why it goes; what cannot be deleted is told and counted, and stays."""
        try:
            with closing(self._ends(items)) as ends:
                for ended in ends:
                    self._end(ended)
                    if len(self._gone) >= _SETTLED_AT_ONCE or time.monotonic() - self._settled_at >= _SETTLED_SECONDS:
                        self._settle()
        except LeaseLost:
            # Another attempt has these items by now.
            raise
        except BaseException:
            # Whatever went wrong is worth more than claims that the next purge finds anyway.
            with suppress(RotaError, OSError):
                self._settle()
                self._give_up()
            raise
        self._settle()

    def _ends(self, items: Iterable[tuple[int, Why]]) -> Generator[Ended, None, None]:
        # One that is closed before it is through closes what it has begun.
        yield from bury(self._storage, self._doomed(items), check=self._run.check)

    def _doomed(self, items: Iterable[tuple[int, Why]]) -> Iterator[Doomed]:
        """Claim items some at a time, and give those that could be claimed, at the pace that is allowed."""
        source = iter(items)
        started, given = time.monotonic(), 0
        while some := dict(islice(source, self._at_once)):
            self._run.check()
            if self._per_second is not None:
                self._wait_until(started + given / self._per_second)
            self._run.confirm()
            claimed = self._records.claim(list(some), "purge", at=self._at)
            self._claimed |= {item.recycled.bin_path: (item, some[item.id]) for item in claimed}
            self._count_unclaimed(some.keys() - {item.id for item in claimed})
            for item in claimed:
                if self._per_second is not None:
                    self._wait_until(started + given / self._per_second)
                given += 1
                self._handed.add(item.id)
                yield Doomed(item.recycled.bin_path, item.recycled.row, item.recycled.bytes)

    def _wait_until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            self._run.check()
            time.sleep(min(left, _STEP_SECONDS))

    def _count_unclaimed(self, ids: set[int]) -> None:
        known = {item.id: item for item in self._records.find(sorted(ids))} if ids else {}
        for each in ids:
            item = known.get(each)
            if item is None:
                why = Why.RESTORED
            elif item.hold is not None:
                why = Why.HELD
            elif item.claimed_by is not None:
                why = Why.CLAIMED
            else:
                # Another purge, which found it changed, has let its time begin anew.
                is_anew = self._at is not None and item.recycled.deleted_at > self._at
                why = Why.TOUCHED if is_anew else Why.WAITING
            self._outcome.kept[why] += 1

    def _end(self, ended: Ended) -> None:
        """Take in what became of an item."""
        item, why = self._claimed.pop(ended.item.bin_path)
        self._handed.discard(item.id)
        if ended.fate is Fate.GONE:
            self._gone.append(item.id)
            self._outcome.gone(item, why, entries=ended.entries, size=ended.bytes)
        elif ended.fate is Fate.MISSING:
            self._gone.append(item.id)
            if why is Why.LEFTOVER:
                # An earlier purge deleted it, and did not come to say so.
                self._outcome.gone(item, why, entries=item.recycled.items, size=item.recycled.bytes)
            else:
                self._outcome.kept[Why.RESTORED] += 1
        elif ended.fate is Fate.REPLACED:
            self._renew(item)
        else:
            said = text_of(item.recycled.original_path)
            self._run.log.error(f"{said!r} could not be deleted from the bin: {ended.reason}")
            self._outcome.kept[Why.FOREIGN if ended.fate is Fate.FOREIGN else Why.FAILED] += 1
            self._let_go([item])

    def _renew(self, item: Item) -> None:
        """Keep what somebody works with: from now on it is what it looks like now, and its time begins anew."""
        place = join(BIN, item.recycled.bin_path)
        row = self._storage.stat(place)
        if row is None:
            self._outcome.kept[Why.RESTORED] += 1
            self._gone.append(item.id)
            return
        size = measure(self._storage, place, row, check=self._run.check)
        looking = item.recycled.looking(row)
        now = looking._replace(kind=row.kind, items=size.entries, bytes=size.bytes, deleted_at=arrival_of(self._run))
        self._records.renew([item._replace(recycled=now)])
        self._run.log.warning(f"{text_of(item.recycled.original_path)!r} was changed in the bin and stays")
        self._outcome.kept[Why.TOUCHED] += 1

    def _let_go(self, items: Iterable[Item]) -> None:
        """Give up claims on items that are in the bin; what is left of others is in the tomb, for the next purge."""
        there = [item.id for item in items if self._storage.stat(item.recycled.folder) is not None]
        self._records.release(there)

    def _settle(self) -> None:
        gone, self._gone = self._gone, []
        self._records.remove(gone)
        self._settled_at = time.monotonic()
        self._settled()

    def _give_up(self) -> None:
        """Give back what was claimed and not ended, as far as that is quickly found out."""
        claimed, self._claimed = [item for item, _ in self._claimed.values()], {}
        until = time.monotonic() + _GIVE_UP_SECONDS
        self._records.release([item.id for item in claimed if item.id not in self._handed])
        handed = (item for item in claimed if item.id in self._handed)
        self._let_go(takewhile(lambda _: time.monotonic() < until, handed))

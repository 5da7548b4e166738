"""Carries out a purge: surveys the bin, finishes what others left, plans, guards, and has buried what goes.

A dry run goes the same way up to the last step, with what it would have written kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from actors.bin_records import Item
from actors.datasources.bins import Recycled
from actors.datasources.graves import TOMB
from actors.datasources.paths import join, split, text_of
from actors.datasources.storage import Datasource, Storage
from actors.recycling.burial import Burial
from actors.recycling.holding import Holds
from actors.recycling.imagining import Imagined
from actors.recycling.leftovers import Leftovers
from actors.recycling.moment import arrival_of
from actors.recycling.outcome import Outcome
from actors.recycling.surveying import Survey, Surveyed
from actors.run import Run
from actors.syncing.meter import sized
from rota.purging import Candidate, Doubt, Plan, Why, Wish

_BATCH = 500
_MOST_SHOWN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a purge is asked to do."""

    wish: Wish
    asked: Mapping[str, Any]
    """What the wish was made of, as parameters: who confirms what is held back confirms just this purge."""
    names: Sequence[bytes]
    """Of the items that go, if only named ones do."""
    confirmed: int
    """So many items may go although it is more than may go unasked."""
    dry_run: bool
    per_second: float | None


class HeldBack(NamedTuple):
    """What stays until somebody confirms it."""

    reason: str
    items: int


class Emptying:
    """One purge of one bin; made for one `execute`."""

    def __init__(
        self, run: Run, datasource: Datasource, storage: Storage, order: Order, *, outcome: Outcome, now_ms: int
    ) -> None:
        """Take what it works with; the storage shows everything, `now_ms` is the time of the purge."""
        self._run = run
        self._name = datasource.name
        self._rules = datasource.rules.bin
        self._storage = storage
        self._order = order
        self._outcome = outcome
        self._now_ms = now_ms
        self._records = run.bin(datasource.name)
        self._holds = Holds(self._rules.hold, storage, check=run.check)
        self._last = self._records.last_purge() or {}
        self._plan = Plan(self._rules, order.wish, now_ms=now_ms, last_purge_ms=self._last.get("whole_at"))
        self._imagined = Imagined()
        self._imagined_held: set[int] = set()
        """Numbers of those in which a pattern matches something; a purge finds that out once it has planned."""
        self._new: list[Recycled] = []
        self.surveyed = Surveyed()

    def execute(self) -> HeldBack | None:
        """Purge; gives what was held back, if anything was."""
        self._storage.verify()
        if not self._order.wish.named and (held_back := self._survey()):
            return held_back
        leftovers = Leftovers(self._run, self._storage, self._records, self._rules)
        if not self._order.dry_run:
            leftovers.settle()
        self._take_in(leftovers)
        # Who confirmed that records go has not looked at anything else.
        is_used_up = self.surveyed.doubt(0) is not None
        self._plan.decide(confirmed=0 if is_used_up else self._order.confirmed)
        if self._holds.are_any:
            self._plan.review(self._held_among, Why.HELD)
        self._outcome.kept.update(self._plan.kept())
        if self._order.dry_run:
            self._foretell(leftovers)
        else:
            self._bury(leftovers)
        return self._hold_back()

    def _survey(self) -> HeldBack | None:
        """Bring records and bin together; gives what is doubtful about that, if anything is."""
        survey = Survey(self._run, self._storage, self._records, self._rules, now_ms=self._now_ms)
        self.surveyed = survey.execute(self._imagine if self._order.dry_run else self._record)
        # Once more: a storage that went away while it was listed looks like an empty one.
        self._storage.verify()
        missing = self.surveyed.missing
        doubt = self.surveyed.doubt(self._order.confirmed)
        if doubt is not None:
            items = (item for some in _batches(missing) for item in self._records.find(some))
            size = sum(item.recycled.bytes for item in items)
            return self._remember(doubt, items=len(missing), size=size, examples=self._records.find(missing[:20]))
        if not self._order.dry_run:
            self._flush()
            self._forget_missing()
            survey.remove_leftovers()
        return None

    def _imagine(self, recycled: Recycled) -> None:
        item = self._imagined.add(recycled)
        is_held = self._holds.match(recycled.original_path, recycled.kind)
        self._plan.add(_candidate(item, is_held=is_held, is_claimed=False))
        if not is_held and self._holds.hold(recycled):
            self._imagined_held.add(item.id)

    def _record(self, recycled: Recycled) -> None:
        self._new.append(recycled)
        if len(self._new) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        new, self._new = self._new, []
        self._run.confirm()
        self._records.add_new(new)

    def _forget_missing(self) -> None:
        for some in _batches(self.surveyed.missing):
            self._run.check()
            gone = [item.id for item in self._records.find(some) if not self._is_somewhere(item.recycled)]
            self._records.remove(gone)

    def _is_somewhere(self, recycled: Recycled) -> bool:
        """Say whether an item came into the bin since that was listed, or lies in the tomb."""
        tomb = join(TOMB, split(recycled.bin_path)[0])
        return any(self._storage.stat(path) is not None for path in (recycled.folder, tomb))

    def _take_in(self, leftovers: Leftovers) -> None:
        """Tell the plan of all items that there are, or of those that are named."""
        if self._order.wish.named:
            self._take_in_named(leftovers)
            return
        free = leftovers.free
        # A purge has forgotten the missing ones by now.
        absent = leftovers.gone.union(self.surveyed.missing if self._order.dry_run else ())
        match = self._holds.match if self._holds.are_any else _never
        anew = leftovers.half_restored if self._order.dry_run else set()
        arrival = arrival_of(self._run)
        for number, outline in enumerate(self._records.outlines()):
            if number % _BATCH == 0:
                self._run.check()
            if outline.id in absent:
                continue
            path = outline.original_path
            self._plan.add(
                Candidate(
                    outline.id,
                    path.decode("utf-8", "surrogateescape"),
                    outline.deleted_by,
                    outline.bin,
                    outline.bytes,
                    arrival if outline.id in anew else outline.deleted_at,
                    outline.keep_until,
                    outline.is_held or match(path, outline.kind),
                    outline.is_claimed and outline.id not in free,
                )
            )

    def _take_in_named(self, leftovers: Leftovers) -> None:
        items = self._records.named(self._order.names)
        self._outcome.kept[Why.RESTORED] += len(self._order.names) - len(items)
        for item in items:
            if item.id in leftovers.gone:
                continue
            held = item.hold is not None or self._holds.match(item.recycled.original_path, item.recycled.kind)
            claimed = item.claimed_by is not None and item.id not in leftovers.free
            self._plan.add(_candidate(item, is_held=held, is_claimed=claimed))

    def _held_among(self, ids: Sequence[int]) -> set[int]:
        known = self._records.find([each for each in ids if not self._imagined.has(each)])
        return self._holds.among(known) | self._imagined_held.intersection(ids)

    def _foretell(self, leftovers: Leftovers) -> None:
        """List and count what would go."""
        for item in leftovers.buried:
            self._outcome.gone(item, Why.LEFTOVER, entries=item.recycled.items, size=item.recycled.bytes)
        oldest = self._imagined.oldest()
        going = self._plan.going()
        while some := dict(islice(going, _BATCH)):
            self._run.check()
            known = {item.id: item for item in self._records.find([each for each in some if each not in oldest])}
            for number, why in some.items():
                found = known.get(number) or oldest.get(number)
                if found is not None:
                    self._outcome.gone(found, why, entries=found.recycled.items, size=found.recycled.bytes)
                elif self._imagined.has(number):
                    entries, size = self._imagined.size_of(number)
                    self._outcome.gone_unlisted(entries=entries, size=size)

    def _bury(self, leftovers: Leftovers) -> None:
        items, size = self._plan.total()
        total = self._outcome.removed + items + len(leftovers.buried)
        self._tell(total, size)
        self._burial(total, size, at=None).bury((item.id, Why.LEFTOVER) for item in leftovers.buried)
        at = None if self._order.wish.named else self._now_ms
        self._burial(total, size, at=at).bury(self._plan.going())

    def _burial(self, total: int, size: int, *, at: int | None) -> Burial:
        return Burial(
            self._run,
            self._storage,
            self._records,
            outcome=self._outcome,
            at=at,
            per_second=self._order.per_second,
            settled=self._settled(total, size),
        )

    def _settled(self, total: int, size: int) -> Callable[[], None]:
        def settled() -> None:
            self._tell(total, size)
            self._run.checkpoint({"counts": self._outcome.counts()})

        return settled

    def _tell(self, total: int, size: int) -> None:
        outcome = self._outcome
        text = f"{outcome.entries:,} entries, {sized(outcome.bytes)} of {sized(max(size, outcome.bytes))}"
        self._run.progress(outcome.removed, max(total, outcome.removed), "items", text)

    def _hold_back(self) -> HeldBack | None:
        """Remember what was held back, or that nothing was."""
        doubts = self._plan.doubts
        if doubts:
            others = f" (and of {len(doubts) - 1:,} more bins)" if len(doubts) > 1 else ""
            return self._remember(
                f"{doubts[0].reason}{others}",
                items=sum(each.items for each in doubts),
                size=sum(each.bytes for each in doubts),
                examples=self._examples(doubts[0]),
            )
        if not self._order.dry_run and self._settles(self._records.doubt()):
            self._records.record_doubt(None)
        return None

    def _settles(self, doubt: Mapping[str, Any] | None) -> bool:
        """Say whether there is a doubt that nobody need confirm any more, now that nothing was held back."""
        return doubt is not None and (self._order.wish.follows_rules or doubt.get("asked") == self._order.asked)

    def _examples(self, doubt: Doubt) -> list[Item]:
        oldest = self._imagined.oldest()
        known = self._records.find([each for each in doubt.examples if each not in oldest])
        return [*known, *(oldest[each] for each in doubt.examples if each in oldest)]

    def _remember(self, reason: str, *, items: int, size: int, examples: Sequence[Item]) -> HeldBack:
        if not self._order.dry_run:
            paths = [text_of(item.recycled.original_path)[:_MOST_SHOWN] for item in examples]
            said = {"reason": reason, "items": items, "bytes": size, "examples": paths, "asked": self._order.asked}
            self._records.record_doubt(said)
        return HeldBack(reason, items)

    def record(self, *, held_back: bool) -> None:
        """Remember how it went; what was held back must be no less doubtful tomorrow."""
        if self._order.dry_run:
            return
        # One with limits of its own says nothing about what the rules would take.
        is_whole = self._order.wish.follows_rules and not held_back
        whole_at = self._now_ms if is_whole else self._last.get("whole_at")
        said: dict[str, Any] = {**self._outcome.counts(), "kept": self._outcome.kept_counts(), "whole_at": whole_at}
        self._records.record_purge(said)


def _candidate(item: Item, *, is_held: bool, is_claimed: bool) -> Candidate:
    known = item.recycled
    return Candidate(
        item.id,
        known.original_path.decode("utf-8", "surrogateescape"),
        known.deleted_by,
        known.bin,
        known.bytes,
        known.deleted_at,
        known.keep_until,
        is_held,
        is_claimed,
    )


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]


def _never(_path: bytes, _kind: str) -> bool:
    return False

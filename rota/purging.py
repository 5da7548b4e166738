"""Decides what a purge takes out of a bin: by age, by size and by number, oldest first. Pure.

Items are added one by one and kept as a few numbers each (some 30 bytes), so that what is decided is about one moment,
however large the bin and whatever happens to it meanwhile. Limits count per group: the items of one bin to which the
same part of the rules applies. A first pass has counted each group when the second goes through the items, the oldest
first, and lets go until the rest is within the limits.

What must stay (held, or kept until a time to come) counts for size and number all the same. What is on its way out by
another task, and what was deleted later than now, does not.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from rota.bins import BinRules, fits
from rota.times import DAY_MS

FEWEST = 20
"""So many items of a bin may always go."""
LONG_MS = 3 * DAY_MS
"""A purge that lies back less than this is never long ago: bins are purged once a day."""
MOST_EXAMPLES = 20

_BATCH = 500


class Why(StrEnum):
    """Why an item goes, or stays."""

    AGE = "age"  # it was kept as long as the rules say
    SIZE = "size"  # its bin has more bytes than are kept
    COUNT = "count"  # its bin has more items than are kept
    DUE = "due"  # it was kept until a time that has come
    ASKED = "asked"  # somebody named it
    LEFTOVER = "leftover"  # an earlier purge had begun with it
    YOUNG = "young"  # it stays: it is kept for longer
    WITHIN_LIMITS = "within_limits"  # it stays: there is no age for it, and the limits leave room
    HELD = "held"  # it stays whatever the rules: somebody or a pattern holds it
    WAITING = "waiting"  # it stays until a time that has not come
    FUTURE = "future"  # it was deleted later than now: one of the two clocks is wrong
    CLAIMED = "claimed"  # another task is taking it out
    DOUBTFUL = "doubtful"  # more of its bin would go than may go unasked
    TOUCHED = "touched"  # it was changed since it came
    FOREIGN = "foreign"  # another file system is mounted in it
    RESTORED = "restored"  # it was taken out of the bin meanwhile
    FAILED = "failed"  # it could not be deleted
    OTHERS = "others"  # nobody asked about it

    @property
    def goes(self) -> bool:
        """Whether the item goes."""
        return self in _GOING


_GOING = frozenset({Why.AGE, Why.SIZE, Why.COUNT, Why.DUE, Why.ASKED, Why.LEFTOVER})
_WHYS = tuple(Why)
_CODES = {why: code for code, why in enumerate(_WHYS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a purge is asked for; what is None follows the rules."""

    older_than_ms: int | None = None
    max_size: int | None = None
    max_items: int | None = None
    user: str | None = None
    """Only what this user deleted."""
    folder: str | None = None
    """Only what was deleted in this folder and below it, and the folder itself."""
    named: bool = False
    """Only named items were added: they go whatever the rules, unless they are held."""

    @property
    def has_limits(self) -> bool:
        """Whether limits were given, which then are about what is asked for alone."""
        return self.max_size is not None or self.max_items is not None

    @property
    def is_whole(self) -> bool:
        """Whether it is about the whole bin."""
        return self.user is None and self.folder is None and not self.named

    @property
    def follows_rules(self) -> bool:
        """Whether it is what the rules alone make of the whole bin."""
        return self.is_whole and self.older_than_ms is None and not self.has_limits

    def is_about(self, path: str, user: str | None) -> bool:
        """Say whether it is about what this user deleted at this path."""
        return fits(path, user, folder=self.folder, deleted_by=self.user)


class Candidate(NamedTuple):
    """An item of a bin, as far as it matters here."""

    id: int
    path: str
    """Where it was."""
    user: str | None
    """Who deleted it."""
    bin: str
    bytes: int
    deleted_at: int
    keep_until: int | None = None
    is_held: bool = False
    is_claimed: bool = False
    """Whether another task is taking it out."""


class Doubt(NamedTuple):
    """What is held back of one bin until somebody confirms it."""

    bin: str
    reason: str
    items: int
    bytes: int
    known: int
    """How many items the bin has."""
    examples: list[int]
    """Ids of the first of them."""


@dataclass(slots=True)
class _Group:
    """Items of one bin that the same rules are about."""

    bin: str
    keep_ms: int | None
    max_size: int | None
    max_items: int | None
    bytes: int = 0
    items: int = 0

    def take(self, size: int, deleted_at: int, now_ms: int) -> Why:
        """Decide about the oldest item that nothing was decided about."""
        if self.keep_ms is not None and now_ms - deleted_at >= self.keep_ms:
            why = Why.AGE
        elif self.max_size is not None and self.bytes > self.max_size:
            why = Why.SIZE
        elif self.max_items is not None and self.items > self.max_items:
            why = Why.COUNT
        else:
            return Why.WITHIN_LIMITS if self.keep_ms is None else Why.YOUNG
        self.let_go(size)
        return why

    def let_go(self, size: int) -> None:
        self.bytes -= size
        self.items -= 1


@dataclass(slots=True)
class _Share:
    """How much of one bin would go by what may be doubted."""

    known: int = 0
    items: int = 0
    bytes: int = 0
    places: array[int] = field(default_factory=lambda: array("l"))


class Plan:
    """What becomes of the items of a bin: add them all, `decide`, then ask."""

    def __init__(self, rules: BinRules, wish: Wish, *, now_ms: int, last_purge_ms: int | None) -> None:
        """Begin one; `last_purge_ms` is when the whole bin was purged last, None if it is not known."""
        self._rules = rules
        self._wish = wish
        self._now_ms = now_ms
        self._last_purge_ms = last_purge_ms
        self._ids = array("q")
        self._deleted_at = array("q")
        self._sizes = array("q")
        self._places = array("l")  # which group
        self._codes = bytearray()
        self._due: dict[int, bool] = {}
        """By place, of the items that are kept until some time: whether it has come."""
        self._groups: list[_Group] = []
        self._numbers: dict[tuple[int, str], int] = {}
        self._order: Sequence[int] = ()
        self._others = bytearray()  # whether nobody asked about it
        self.doubts: list[Doubt] = []

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, item: Candidate) -> None:
        """Take in an item."""
        wish, place = self._wish, len(self._ids)
        is_asked_for = wish.is_about(item.path, item.user)
        if not is_asked_for and wish.has_limits:
            return
        self._ids.append(item.id)
        self._deleted_at.append(item.deleted_at)
        self._sizes.append(item.bytes)
        self._places.append(self._group_of(item))
        self._codes.append(_CODES[self._first_look(item)])
        self._others.append(not is_asked_for)
        if item.keep_until is not None:
            self._due[place] = item.keep_until <= self._now_ms

    def decide(self, *, confirmed: int = 0) -> None:
        """Decide about everything that was added; so many items may go although it is more than may go unasked."""
        self._order = self._oldest_first()
        for place in range(len(self._ids)):
            if self._counts(place):
                group = self._groups[self._places[place]]
                group.items += 1
                group.bytes += self._sizes[place]
        shares: dict[str, _Share] = {}
        for place in self._order:
            if self._counts(place):
                self._decide_one(place, shares)
        for place, is_other in enumerate(self._others):
            if is_other:
                self._codes[place] = _CODES[Why.OTHERS]
        self._hold_back(shares, confirmed)

    def review(self, stay: Callable[[Sequence[int]], Collection[int]], why: Why) -> None:
        """Let some of what goes stay after all, for this reason: `stay` is asked which, some hundreds at a time."""
        going = (place for place in self._order if _WHYS[self._codes[place]].goes)
        while some := {self._ids[place]: place for place in islice(going, _BATCH)}:
            for item in stay(list(some)):
                self._codes[some[item]] = _CODES[why]

    def going(self) -> Iterator[tuple[int, Why]]:
        """Give the ids of what goes, the oldest first."""
        for place in self._order:
            why = _WHYS[self._codes[place]]
            if why.goes:
                yield self._ids[place], why

    def kept(self) -> Counter[Why]:
        """Count what was asked about and stays, by the reason."""
        counts = Counter(self._codes)
        stays = (why for why in Why if not why.goes and why is not Why.OTHERS)
        return Counter({why: counts[_CODES[why]] for why in stays if counts[_CODES[why]]})

    def total(self) -> tuple[int, int]:
        """Give how many items go, and their bytes."""
        items = size = 0
        for place in self._order:
            if _WHYS[self._codes[place]].goes:
                items += 1
                size += self._sizes[place]
        return items, size

    def _group_of(self, item: Candidate) -> int:
        number, keeping = self._rules.part_of(item.path, item.user)
        key = (number, item.bin)
        known = self._numbers.get(key)
        if known is None:
            wish = self._wish
            known = self._numbers[key] = len(self._groups)
            self._groups.append(
                _Group(
                    item.bin,
                    keeping.keep_ms if wish.older_than_ms is None else wish.older_than_ms,
                    keeping.max_size if wish.max_size is None else wish.max_size,
                    keeping.max_items if wish.max_items is None else wish.max_items,
                )
            )
        return known

    def _first_look(self, item: Candidate) -> Why:
        """Say what can be said of an item without the others; `young` if nothing can."""
        if item.is_claimed:
            return Why.CLAIMED
        if item.is_held:
            return Why.HELD
        if self._wish.named:
            return Why.ASKED
        return Why.FUTURE if item.deleted_at > self._now_ms else Why.YOUNG

    def _counts(self, place: int) -> bool:
        return _WHYS[self._codes[place]] not in {Why.CLAIMED, Why.FUTURE}

    def _oldest_first(self) -> Sequence[int]:
        """Give all places in the order of deletion; those of the same moment as they were added."""
        places = range(len(self._ids))
        when = self._deleted_at
        if all(when[place] <= when[place + 1] for place in places[:-1]):
            return places
        return array("l", sorted(places, key=when.__getitem__))

    def _decide_one(self, place: int, shares: dict[str, _Share]) -> None:
        why = _WHYS[self._codes[place]]
        group, size = self._groups[self._places[place]], self._sizes[place]
        share = shares.setdefault(group.bin, _Share())
        share.known += 1
        if why is Why.YOUNG:
            if (is_due := self._due.get(place)) is None:
                why = group.take(size, self._deleted_at[place], self._now_ms)
            elif is_due:
                why = Why.DUE
                group.let_go(size)
            else:
                why = Why.WAITING
        self._codes[place] = _CODES[why]
        if self._others[place]:
            return
        if why in {Why.SIZE, Why.COUNT} or (why is Why.AGE and self._is_long_ago(group)):
            share.items += 1
            share.bytes += size
            share.places.append(place)

    def _is_long_ago(self, group: _Group) -> bool:
        """Say whether so long nothing was purged that everything may just look old."""
        if self._last_purge_ms is None:
            return True
        return self._now_ms - self._last_purge_ms > max(2 * (group.keep_ms or 0), LONG_MS)

    def _hold_back(self, shares: dict[str, _Share], confirmed: int) -> None:
        most = self._rules.max_purged
        doubtful = {
            name: share for name, share in shares.items() if share.items > FEWEST and share.items > share.known * most
        }
        if sum(share.items for share in doubtful.values()) <= confirmed:
            return
        for name, share in sorted(doubtful.items()):
            codes = {_WHYS[self._codes[place]] for place in share.places}
            reason = f"{share.items:,} of the {share.known:,} items{_of_bin(name)} would go, more than {most:.0%}"
            if Why.AGE in codes:
                reason += ", and the last purge is long ago or not known"
            for place in share.places:
                self._codes[place] = _CODES[Why.DOUBTFUL]
            examples = [self._ids[place] for place in share.places[:MOST_EXAMPLES]]
            self.doubts.append(Doubt(name, reason, share.items, share.bytes, share.known, examples))


def _of_bin(name: str) -> str:
    return f" of {name}" if name else " in the bin"

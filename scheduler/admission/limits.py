"""Which place a run gets that needs a slot of a limited key: decided from who holds and who waits, without any I/O.

| overlap | when no slot is free |
| --- | --- |
| skip | it is skipped |
| buffer_one | it waits, if nobody waits yet |
| buffer_all, allow_all | it waits in line, unless 1,000 do |
| cancel_other | the oldest that holds a slot is asked to cancel, those that wait are cancelled, it waits |
| terminate_other | the oldest that holds a slot is ended, those that wait are cancelled, it starts |

A slot that is free while others wait belongs to the first of them that may use it: nobody overtakes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rota.jobs import Overlap
from rota.messages import Priority

MOST_WAITING = 1000
"""Runs that may wait for the slots of one key."""
_NAMED = 3
"""Runs that a reason names; of the others it says how many there are."""
_RANKS: dict[Priority, int] = {"high": 0, "normal": 1, "low": 2}


@dataclass(frozen=True, slots=True)
class Holder:
    """A run that holds a slot; `asked` means that it was asked to cancel and will free it soon."""

    run: str
    job: str
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Waiter:
    """A run that waits and may be promoted; it can use the slots below `limit`."""

    run: str
    priority: Priority
    limit: int


@dataclass(slots=True)
class Occupancy:
    """Who holds the numbered slots of a key, and how many wait for one.

    `ready` of those that wait could start at once, in slots below `widest`; the others are paused. `first` is the one
    that has waited longest.
    """

    key: str
    held: dict[int, Holder] = field(default_factory=dict)
    waiting: int = 0
    first: str | None = None
    ready: int = 0
    widest: int = 0
    # A key may have 10,000 slots: what was found out about them once is not found out again for each of many runs.
    _full_below: int = 0
    _said: dict[int, str] = field(default_factory=dict)

    def free(self, limit: int) -> int | None:
        """Return the lowest free slot below `limit` that nobody who waits has a claim to."""
        while self._full_below in self.held:
            self._full_below += 1
        claimed = self.ready
        for number in range(self._full_below, limit):
            if number in self.held:
                continue
            if claimed and number < self.widest:
                claimed -= 1
                continue
            return number
        return None

    def hold(self, number: int, holder: Holder) -> None:
        """Let a run have a slot."""
        self.held[number] = holder
        self._said.clear()

    def leave(self, number: int) -> None:
        """Take a slot back."""
        del self.held[number]
        self._full_below = min(self._full_below, number)
        self._said.clear()

    def line_up(self, run: str, limit: int) -> None:
        """Let a run wait behind the others."""
        self.waiting += 1
        self.first = self.first or run
        self.ready += 1
        self.widest = max(self.widest, limit)

    def clear_line(self) -> None:
        """Forget those that wait."""
        self.waiting = self.ready = self.widest = 0
        self.first = None

    def in_the_way(self, limit: int) -> str:
        """Say in words why no slot below `limit` is free."""
        said = self._said.get(limit)
        if said is None:
            said = self._said[limit] = _in_the_way(self, limit)
        return said

    def oldest(self, limit: int) -> int | None:
        """Return the slot below `limit` whose run was admitted first."""
        numbers = [number for number in self.held if number < limit]
        return min(numbers, key=lambda number: self.held[number].run, default=None)

    def asked(self, limit: int) -> bool:
        """Say whether a slot below `limit` is about to be freed by a run that was asked to cancel."""
        return any(holder.asked for number, holder in self.held.items() if number < limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What becomes of a run: it starts in a `slot`, it `waits`, or it is skipped; `reason` is for the last two.

    `clears` means that those who wait are cancelled, `cancels` and `terminates` name the slot whose run has to go.
    """

    slot: int | None = None
    waits: bool = False
    wait_no: int | None = None
    reason: str | None = None
    clears: bool = False
    cancels: int | None = None
    terminates: int | None = None


def decide(occupancy: Occupancy, overlap: Overlap, limit: int) -> Place:
    """Return the place of one more run."""
    if overlap in ("cancel_other", "terminate_other"):
        return _in_favour(occupancy, overlap, limit)
    slot = occupancy.free(limit)
    if slot is not None:
        return Place(slot=slot)
    if overlap == "skip":
        return Place(reason=occupancy.in_the_way(limit))
    return _in_line(occupancy, overlap, limit)


def _in_line(occupancy: Occupancy, overlap: Overlap, limit: int) -> Place:
    if overlap == "buffer_one":
        if occupancy.waiting:
            return Place(reason=f"one run waits already: {occupancy.first}")
        return Place(waits=True, wait_no=0, reason=f"waits: {occupancy.in_the_way(limit)}")
    if occupancy.waiting >= MOST_WAITING:
        return Place(reason=f"{occupancy.waiting} runs wait for {_name(occupancy.key)} already, more are not kept")
    return Place(waits=True, reason=f"waits: {occupancy.in_the_way(limit)}")


def assign(held: Iterable[int], waiters: Iterable[Waiter]) -> dict[str, int]:
    """Give free slots to those that wait, in their order: by priority, then as they were admitted.

    One that may use none of the free slots, because its job allows fewer, does not hold up those behind it.
    """
    taken = set(held)
    assigned: dict[str, int] = {}
    for waiter in sorted(waiters, key=lambda each: (_RANKS[each.priority], each.run)):
        slot = next((number for number in range(waiter.limit) if number not in taken), None)
        if slot is not None:
            taken.add(slot)
            assigned[waiter.run] = slot
    return assigned


def _in_the_way(occupancy: Occupancy, limit: int) -> str:
    holders = sorted((holder for number, holder in occupancy.held.items() if number < limit), key=lambda one: one.run)
    if not holders:
        return f"others wait for {_name(occupancy.key)} already and go first"
    if len(holders) > 1:
        return f"{len(holders)} runs {_with(occupancy.key)} are still open: {listed([one.run for one in holders])}"
    (holder,) = holders
    if occupancy.key == f"job:{holder.job}":
        return f"run {holder.run} is still open"
    return f"run {holder.run} of the job {holder.job}, {_with(occupancy.key)}, is still open"


def _in_favour(occupancy: Occupancy, overlap: Overlap, limit: int) -> Place:
    """Decide for a run that others have to give way to."""
    clears = occupancy.waiting > 0
    slot = next((number for number in range(limit) if number not in occupancy.held), None)
    if slot is not None:
        return Place(slot=slot, clears=clears)
    oldest = occupancy.oldest(limit)
    assert oldest is not None  # a limit is at least 1, and none of its slots is free
    if overlap == "terminate_other":
        return Place(slot=oldest, clears=clears, terminates=oldest)
    reason = f"waits: {occupancy.in_the_way(limit)}"
    if occupancy.asked(limit):
        return Place(waits=True, reason=reason, clears=clears)
    return Place(waits=True, reason=reason, clears=clears, cancels=oldest)


def _name(key: str) -> str:
    kind, _, name = key.partition(":")
    return f"the job {name}" if kind == "job" else f"the key {name}"


def _with(key: str) -> str:
    kind, _, name = key.partition(":")
    return f"of the job {name}" if kind == "job" else f"with the key {name}"


def listed(runs: Sequence[str]) -> str:
    """Name the first few of these runs, and say how many more there are."""
    named = ", ".join(runs[:_NAMED])
    return named if len(runs) <= _NAMED else f"{named} and {len(runs) - _NAMED} more"

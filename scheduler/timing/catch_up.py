"""What becomes of the ticks of one trigger that are due: which start runs, which are skipped, and when it is due next.

Plain functions of the schedule and the time. Normally one tick is due and starts one run. When nobody was there to
decide for longer than a change of leader takes, or everything was paused, the job's `catch_up` says what becomes of all
that was missed:

| policy | starts a run | is skipped, with a record |
| --- | --- | --- |
| skip | none | all |
| last | the last one, unless it was missed for longer than `window` | the others |
| all | the newest `limit` of those within `window` | the others |

Each of the newest 100 skipped ticks has its own record; all older ones share one, which says how many they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from rota.jobs import CatchUp
from rota.times import rfc3339

Following = Callable[[int], int | None]
"""Gives the first due time strictly after an instant, None for never."""

ON_TIME_MS = 5_000
"""A tick decided this long after it was due is still on time: no longer than a change of leader takes."""
MOST_RECORDS = 100
"""Skipped ticks with a record of their own."""
MOST_RUNS = 100
"""Runs that one trigger starts in one pass, so that its neighbours get their turn."""
MOST_COUNTED = 1_000
"""How far ticks without a record of their own are counted."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A due time that starts no run, and why; one for several ticks names the first of them in `since`."""

    due: int
    reason: str
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What one pass decides for a trigger: `next_due` is its first due time that is not decided, None for never."""

    runs: tuple[int, ...]
    skips: tuple[Skip, ...]
    next_due: int | None


def decide(due: int, now: int, following: Following, policy: CatchUp, *, start: int, jitter_ms: int = 0) -> Decision:
    """Decide all due times from `due`, the first that is not decided, until `now`.

    `start` is when the tick of `due` was to start, up to `jitter_ms` later than it is due. Later due times whose own
    start may still lie ahead are left for then.
    """
    until = max(due, now - jitter_ms)
    if now - start > ON_TIME_MS:
        return _missed(due, until, now, following, policy)
    next_due = following(due)
    if next_due is None or next_due > until:
        return Decision((due,), (), next_due)
    runs = tuple(islice(_due_times(due, until, following), MOST_RUNS))
    return Decision(runs, (), following(runs[-1]))


def _missed(first: int, until: int, now: int, following: Following, policy: CatchUp) -> Decision:
    wanted = policy.limit if policy.policy == "all" else 1
    pending = newest(first, until, following, wanted + MOST_RECORDS)
    runs = _chosen(pending, now, policy)
    if len(runs) > MOST_RUNS:
        # The rest of a long list is for the next pass, which finds it first in line.
        runs = runs[:MOST_RUNS]
        pending = pending[: pending.index(runs[-1]) + 1]
    chosen = set(runs)
    rules = f"catch_up: {policy.policy}, window {policy.window}, limit {policy.limit}"
    reason = f"missed while no scheduler was there or everything was paused ({rules})"
    alone = [due for due in pending if due not in chosen][-MOST_RECORDS:]
    skips = [Skip(due, reason) for due in alone]
    oldest = min([*runs, *alone])
    if oldest > first:
        skips.insert(0, _summary(first, oldest, following, reason))
    return Decision(tuple(runs), tuple(skips), following(pending[-1]))


def _chosen(pending: list[int], now: int, policy: CatchUp) -> list[int]:
    if policy.policy == "skip":
        return []
    within = [due for due in pending if now - due <= policy.window_ms]
    return within[-(1 if policy.policy == "last" else policy.limit) :]


def _summary(first: int, before: int, following: Following, reason: str) -> Skip:
    """Make the record of all due times from `first` until the one before `before`."""
    count = sum(1 for _ in islice(_due_times(first, before - 1, following), MOST_COUNTED + 1))
    last = latest(first, before - 1, following)
    number = f"more than {MOST_COUNTED}" if count > MOST_COUNTED else str(count)
    return Skip(last, f"{number} ticks from {rfc3339(first)} to {rfc3339(last)}: {reason}", since=first)


def newest(first: int, until: int, following: Following, most: int) -> list[int]:
    """Return the last `most` due times from `first`, which is one, until `until`, in order.

    Looks back over growing spans, so that the work follows what is returned, not what was missed.
    """
    last = latest(first, until, following)
    span = 1_000
    while True:
        start = max(first, last - span)
        begin = first if start == first else following(start)
        found = deque(_due_times(begin, until, following), maxlen=most)
        if start == first or len(found) == most:
            return list(found)
        span *= 4


def latest(first: int, until: int, following: Following) -> int:
    """Return the last due time from `first`, which is one, until `until`, in some forty looks."""
    low, high = first, until  # there is a due time after low - 1 until `until`, and none after high
    if not _any_due(low, until, following):
        return first
    while high - low > 1:
        middle = (low + high) // 2
        if _any_due(middle, until, following):
            low = middle
        else:
            high = middle
    return high


def _any_due(after: int, until: int, following: Following) -> bool:
    due = following(after)
    return due is not None and due <= until


def _due_times(due: int | None, until: int, following: Following) -> Iterator[int]:
    while due is not None and due <= until:
        yield due
        due = following(due)

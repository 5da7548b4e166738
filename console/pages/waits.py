"""What a run waits for, in words: a slot that others hold, its turn by the rate limit, or a worker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rota.states import RunState
from store.engine import Connection
from store.queries import jobs, runs
from store.records import RunRecord, SlotRecord

_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What a run waits for; `behind` names runs that hold what it needs, `more` counts the others, `until` is a time.

    A person reads `words`, then the runs or the time.
    """

    words: str
    behind: tuple[str, ...] = ()
    more: int = 0
    until: int | None = None


def waits_of(conn: Connection, found: Iterable[RunRecord], now: int) -> dict[str, Wait]:
    """Return of those of these runs that have not begun what they wait for, by their ids."""
    fresh = [run for run in found if run.state in (RunState.WAITING, RunState.QUEUED) and run.cancel_requested == 0]
    if not fresh:
        return {}
    held = runs.slots(conn, {run.wait_key for run in fresh if run.wait_key is not None})
    paused = jobs.paused(conn) is not None
    return {run.id: _wait(run, held, now, paused=paused) for run in fresh}


def _wait(run: RunRecord, held: dict[str, list[SlotRecord]], now: int, *, paused: bool) -> Wait:
    if run.wait_key is not None:
        holders = sorted({slot.run for slot in held[run.wait_key]})
        if holders:
            words = f"waits for its turn{_among(run)}, behind"
            return Wait(words=words, behind=tuple(holders[:_NAMED]), more=max(0, len(holders) - _NAMED))
        return Wait(words="waits for the end of the pause" if paused else "is about to start: its turn has come")
    if run.start_at is not None and run.start_at > now:
        return Wait(words="waits for its turn by the rate limit, which comes", until=run.start_at)
    if run.state is RunState.WAITING:
        return Wait(words="waits for the end of the pause" if paused else "is about to start")
    return Wait(words="waits for a worker")


def _among(run: RunRecord) -> str:
    """Return whose turns are counted, where it is not the job's own runs alone."""
    kind, _, name = (run.wait_key or "").partition(":")
    return "" if kind == "job" and name == run.job else f" with the key {name}"

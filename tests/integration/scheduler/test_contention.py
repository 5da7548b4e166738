"""Eight processes at once on both databases: limits hold, are used fully, and nobody overtakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from rota.jobs import Rate
from rota.states import RunState
from store.engine import Store
from store.queries import runs
from tests.integration.scheduler.contenders import PROCESSES, RATE, SLOTS, contend

_RANKS = {"urgent": 0, "tidy": 1}


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a run, in the order in which the database made them."""

    run: str
    job: str
    state: str
    slot: int | None


@dataclass(slots=True)
class Replay:
    """Who held and who waited after each step."""

    held: dict[str, int] = field(default_factory=dict)
    line: dict[str, str] = field(default_factory=dict)
    most_held: int = 0
    promoted: int = 0
    idle: int = 0
    longest_idle: int = 0
    """How many changes in a row left a slot free although somebody waited."""

    def take(self, step: Step) -> None:
        """Follow one step, and check that it was allowed."""
        if step.slot is not None and step.run not in self.held:
            self._start(step)
        elif step.slot is None:
            self.held.pop(step.run, None)
        self.line.pop(step.run, None)
        if step.state == "waiting":
            self.line[step.run] = step.job
        self.most_held = max(self.most_held, len(self.held))
        self.idle = self.idle + 1 if self.line and len(self.held) < SLOTS else 0
        self.longest_idle = max(self.longest_idle, self.idle)

    def _start(self, step: Step) -> None:
        assert step.slot not in self.held.values(), "two runs hold one slot"
        place = (_RANKS[step.job], step.run)
        if step.run in self.line:
            self.promoted += 1
            assert place == min((_RANKS[job], run) for run, job in self.line.items()), "somebody was overtaken"
        else:
            assert not self.line, "somebody who just came was preferred to those who wait"
        assert step.slot is not None
        self.held[step.run] = step.slot


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    store = Store(database_url)
    yield store
    store.close()


def history(store: Store) -> list[Step]:
    with store.reading() as conn:
        rows = conn.exec_driver_sql("SELECT run, job, state, slot FROM history ORDER BY seq")
        return [Step(*row) for row in rows]


def test_slots_of_a_key_are_never_exceeded_used_fully_and_given_in_order(store: Store, database_url: str) -> None:
    said = contend(database_url, "slots")

    replay = Replay()
    for step in history(store):
        replay.take(step)
    assert len(said) == PROCESSES
    assert replay.most_held == SLOTS
    assert replay.promoted > 20
    assert replay.longest_idle < PROCESSES, "whoever frees a slot gives it on in the same transaction"
    with store.reading() as conn:
        assert not any(runs.count_open(conn).values())
        ended = sum(counts.get("ended", 0) for counts in said)
        assert len(runs.list_runs(conn, states=[RunState.SUCCEEDED], limit=500).items) == min(ended, 500)


def test_slots_are_never_exceeded_by_runs_with_elbows(store: Store, database_url: str) -> None:
    said = contend(database_url, "elbows")

    replay = Replay()
    for step in history(store):
        replay.take(step)
    assert len(said) == PROCESSES
    assert replay.most_held == SLOTS
    assert replay.longest_idle < PROCESSES, "whoever frees a slot gives it on in the same transaction"
    with store.reading() as conn:
        assert not any(runs.count_open(conn).values())


def test_rate_of_a_key_is_never_exceeded(store: Store, database_url: str) -> None:
    said = contend(database_url, "rates")

    rate = Rate.model_validate(RATE)
    with store.reading() as conn:
        starts = sorted(one.start_at or 0 for one in runs.list_runs(conn, job="tidy", limit=500).items)
    assert len(starts) == sum(counts["queued"] for counts in said) == 12 * PROCESSES
    gaps = [later - earlier for earlier, later in zip(starts, starts[rate.limit :], strict=False)]
    assert min(gaps) >= rate.period_ms
    # Once there are more than may start, turns are given without a gap.
    assert sorted(gaps)[len(gaps) // 2] == rate.period_ms

"""The history is kept as the jobs say, and no longer; both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from actors.history import Bound, Freed
from actors.prune import PruneParams, PruneResult, prune
from actors.stored_history import StoredHistory
from actors.testing import RecordingRun
from actors.upkeep.pruning import Pruning
from rota.errors import Cancelled
from rota.events import Event
from rota.ids import new_id
from rota.messages import LogLine
from rota.runs import Cause
from rota.states import RunState
from rota.times import DAY_MS
from store.engine import Store
from store.queries import audit, events, jobs, outcomes, runs, users
from store.records import Closing, Deed, NewRun, UserRecord
from store.tables import jobs as jobs_table
from tests.factories import make_job, make_outcome, make_run, make_task

NOW = 1_800_000_000_000


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    opened = Store(database_url)
    yield opened
    opened.close()


def define(store: Store, name: str = "tidy", **fields: Any) -> None:
    with store.writing() as conn:
        jobs.save(conn, make_job(name, **fields), author="a", source="test", at=NOW)


def ended_runs(store: Store, count: int, *, days_ago: int = 0, job: str = "tidy", message: str = "x") -> list[NewRun]:
    """Record runs that were admitted and ended so long ago, each with a task, an attempt and a log line."""
    at = NOW - days_ago * DAY_MS
    made = [make_run(job=job, queued_at=at) for _ in range(count)]
    tasks = [make_task(run) for run in made]
    line = LogLine(n=1, at=at, level="info", message=message)
    with store.writing() as conn:
        runs.insert_admitted(conn, made, tasks)
        outcomes.apply(conn, [make_outcome("finished", task, at=at, lines=(line,)) for task in tasks])
        runs.close(conn, [Closing(run=run.id, state=RunState.FAILED, at=at) for run in made])
    return made


def open_run(store: Store, *, days_ago: int = 0) -> NewRun:
    run = make_run(queued_at=NOW - days_ago * DAY_MS, cause=Cause.of_person("alice", new_id()))
    with store.writing() as conn:
        runs.insert_admitted(conn, [run], [make_task(run)])
    return run


def left(store: Store, job: str = "tidy") -> set[str]:
    with store.reading() as conn:
        return {run.id for run in runs.list_runs(conn, job=job, limit=500).items}


def ids(made: list[NewRun]) -> set[str]:
    return {run.id for run in made}


def new_run(store: Store, state: Any = None) -> RecordingRun:
    run = RecordingRun(state=state, history=StoredHistory(store))
    run.id = f"{NOW >> 16:08x}-{NOW & 0xFFFF:04x}-7000-8000-000000000001"
    return run


def pruned(store: Store, run: RecordingRun | None = None, **params: Any) -> PruneResult:
    return prune(run or new_run(store), PruneParams(**params))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's clock, a year ahead: what counts is when the run was admitted."""
    monkeypatch.setattr("actors.recycling.moment.wall_ms", lambda: NOW + 365 * DAY_MS)


def test_runs_beyond_number_or_age_are_removed(store: Store) -> None:
    define(store, keep={"runs": 5, "days": 10})
    ended_runs(store, 4, days_ago=11)
    newest = ended_runs(store, 8)[3:]

    result = pruned(store)

    assert left(store) == ids(newest)
    assert (result.runs, result.rows, result.bytes) == (7, 28, 7)


def test_days_are_counted_to_the_millisecond(store: Store) -> None:
    define(store, keep={"days": 10})
    kept = ended_runs(store, 1, days_ago=10)

    assert pruned(store).runs == 0

    run = new_run(store)
    pruning = Pruning(run, run.history(), now_ms=NOW + 1)
    pruning.prune(runs=None, days=None)
    assert (pruning.freed.runs, ids(kept) & left(store)) == (1, set())


def test_open_runs_and_its_own_are_never_removed(store: Store) -> None:
    define(store, keep={"runs": 1, "days": 1})
    ancient, own = open_run(store, days_ago=1000), open_run(store)
    ended = ended_runs(store, 2)
    run = new_run(store)
    run.id = own.id

    prune(run, PruneParams(runs=1, days=1))

    assert left(store) == {ancient.id, own.id, ended[-1].id}


def test_no_job_keeps_more_than_is_asked_for(store: Store) -> None:
    define(store, keep={"runs": 5, "days": 10})
    define(store, "other", keep={"runs": 2})
    of_tidy, of_other = ended_runs(store, 6), ended_runs(store, 6, job="other")

    pruned(store, runs=3, days=20)

    assert left(store) == ids(of_tidy[-3:])
    assert left(store, "other") == ids(of_other[-2:])


def test_runs_of_deleted_jobs_go_with_time_or_as_is_asked_for(store: Store) -> None:
    ended_runs(store, 3, days_ago=91)
    kept = ended_runs(store, 3, days_ago=89)

    pruned(store)
    assert left(store) == ids(kept)

    pruned(store, runs=2)
    assert left(store) == ids(kept[-2:])

    pruned(store, days=88)
    assert left(store) == set()


def test_of_a_job_whose_definition_cannot_be_read_everything_stays(store: Store) -> None:
    define(store)
    kept = ended_runs(store, 3, days_ago=1000)
    with store.writing() as conn:
        conn.execute(update(jobs_table).values(definition='{"keep": {"runs": "many"}}'))

    assert pruned(store, runs=1, days=1).runs == 0
    assert left(store) == ids(kept)


def test_all_jobs_are_looked_at_however_many_they_are(store: Store) -> None:
    names = [f"job-{number:03}" for number in range(201)]
    for name in names:
        ended_runs(store, 2, job=name)

    assert pruned(store, runs=1).runs == len(names)
    assert pruned(store, runs=1) == PruneResult(runs=0, rows=0, bytes=0)


def test_each_step_is_bounded_and_followed_by_a_rest_while_there_is_more(store: Store) -> None:
    ended_runs(store, 1100)
    run = new_run(store)
    rests: list[float] = []
    pruning = Pruning(run, run.history(), now_ms=NOW, rest=rests.append)

    pruning.prune(runs=1, days=None)

    assert pruning.freed.runs == 1099
    assert len(rests) == 2
    steps = [report.done for report in run.reports]
    assert steps == sorted(set(steps))
    assert len(steps) == 3
    assert run.checks > 3


def test_a_pass_that_ends_early_is_finished_by_the_next_attempt(store: Store) -> None:
    ended_runs(store, 1100)
    run = new_run(store)

    def cancel(_: int) -> None:
        if run.checkpoints:
            raise Cancelled

    run.on_check = cancel
    with pytest.raises(Cancelled):
        pruned(store, run, runs=1)
    assert run.checkpoints == [{"runs": 500, "rows": 2000, "bytes": 500}]

    assert pruned(store, new_run(store, run.checkpoints[-1]), runs=1).runs == 1099


def test_oldest_lines_go_when_logs_are_too_large(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.upkeep.pruning.LOG_BYTES", 3500)
    made = ended_runs(store, 10, message="x" * 750)

    result = pruned(store)

    assert (result.runs, result.rows, result.bytes) == (0, 7, 7 * 750)
    with store.reading() as conn:
        assert [len(runs.log(conn, run.id).items) for run in made] == [0] * 7 + [1] * 3


def test_what_belongs_to_no_run_goes_when_it_is_old(store: Store) -> None:
    with store.writing() as conn:
        users.save(conn, UserRecord(name="a", label="A", role="user", created_at=NOW))
        for days in (29, 31, 364, 366):
            event = Event(id=str(days), source="s", type="entry.created", time=None)
            events.record(conn, [event], at=NOW - days * DAY_MS)
            audit.add(conn, [Deed(at=NOW - days * DAY_MS, who="a", action="job.save", target="job:tidy")])

    assert pruned(store).rows == 4

    with store.reading() as conn:
        assert [event.id for event in events.list_events(conn).items] == ["29"]
        assert len(audit.list_deeds(conn).items) == 3


def test_history_says_which_jobs_may_have_too_much(store: Store) -> None:
    ended_runs(store, 3)
    ended_runs(store, 1, job="other")
    history = StoredHistory(store)

    assert history.overfull({"tidy": Bound(2, 0), "other": Bound(2, 0), "none": Bound(0, NOW)}) == ["tidy"]
    assert history.prune_job("other", Bound(5, 0)) == Freed()

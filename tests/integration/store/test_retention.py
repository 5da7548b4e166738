"""History goes by age, by count and by bytes, in bounded batches, and open runs stay."""

from __future__ import annotations

from sqlalchemy import func, select

from rota.events import Event
from rota.messages import LogLine
from rota.states import RunState
from store.engine import Store
from store.queries import audit, events, jobs, outcomes, retention, runs, tokens, users
from store.records import Closing, Deed, NewTask, TokenRecord, UserRecord
from store.tables import attempts, log_lines, tasks
from tests.factories import NOW, make_job, make_outcome, make_run, make_task


def _ended(store: Store, *, at: int = NOW, job: str = "tidy", count: int = 1, message: str = "done") -> list[NewTask]:
    """Record runs that were admitted and ended at a time, each with an attempt and a log line."""
    new = [make_run(job=job, queued_at=at) for _ in range(count)]
    of_runs = [make_task(run) for run in new]
    line = LogLine(n=1, at=at, level="info", message=message)
    with store.writing() as conn:
        runs.insert_admitted(conn, new, of_runs)
        outcomes.apply(conn, [make_outcome("finished", task, at=at, lines=(line,)) for task in of_runs])
        runs.close(conn, [Closing(run=run.id, state=RunState.FAILED, at=at) for run in new])
    return of_runs


def _left(store: Store, job: str = "tidy") -> list[str]:
    with store.reading() as conn:
        return [run.id for run in runs.list_runs(conn, job=job, limit=500).items]


def _orphans(store: Store) -> list[int]:
    with store.reading() as conn:
        return [
            conn.execute(select(func.count()).select_from(table)).scalar_one() for table in (tasks, attempts, log_lines)
        ]


def test_old_runs_go_with_all_that_hangs_on_them(store: Store) -> None:
    _ended(store, at=NOW - 100, count=3)
    (kept,) = _ended(store, at=NOW)

    with store.writing() as conn:
        first = retention.prune_job(conn, "tidy", keep=9, ended_before=NOW, limit=2)
        second = retention.prune_job(conn, "tidy", keep=9, ended_before=NOW, limit=2)

    assert (first.runs, first.rows, first.bytes, first.more) == (2, 8, 8, True)
    assert (second.runs, second.more) == (1, False)
    assert (_left(store), _orphans(store)) == ([kept.run], [1, 1, 1])


def test_open_runs_stay_however_old(store: Store) -> None:
    run = make_run(queued_at=NOW - 1000)
    with store.writing() as conn:
        runs.insert_admitted(conn, [run], [make_task(run)])
        assert retention.prune_job(conn, "tidy", keep=0, ended_before=NOW + 1000).runs == 0
        assert runs.clear_history(conn, "tidy").runs == 0

    assert _left(store) == [run.id]


def test_a_job_keeps_its_newest_runs(store: Store) -> None:
    done = _ended(store, count=5)
    _ended(store, job="other", count=5)

    with store.writing() as conn:
        removed = retention.prune_job(conn, "tidy", keep=2, ended_before=0)

    assert removed.runs == 3
    assert _left(store) == [done[4].run, done[3].run]
    assert len(_left(store, "other")) == 5


def test_a_job_drops_what_is_too_old_though_few(store: Store) -> None:
    _ended(store, at=NOW - 100)
    (kept,) = _ended(store, at=NOW)

    with store.writing() as conn:
        assert retention.prune_job(conn, "tidy", keep=9, ended_before=NOW).runs == 1
        assert retention.jobs_with_runs(conn) == ["tidy"]

    assert _left(store) == [kept.run]


def test_cleared_history_goes_in_batches(store: Store) -> None:
    _ended(store, count=5)

    with store.writing() as conn:
        assert [runs.clear_history(conn, "tidy", limit=2).more for _ in range(3)] == [True, True, False]

    assert (_left(store), _orphans(store)) == ([], [0, 0, 0])


def test_the_newest_lines_stay_within_their_bytes(store: Store) -> None:
    done = [_ended(store, message="x" * 750)[0] for _ in range(10)]

    with store.writing() as conn:
        assert retention.log_cutoff(conn, keep_bytes=100_000) == 0
        cutoff = retention.log_cutoff(conn, keep_bytes=3500)
        removed = [retention.prune_log(conn, before_seq=cutoff, limit=4) for _ in range(3)]

    assert [(batch.rows, batch.bytes, batch.more) for batch in removed] == [
        (4, 3000, True), (3, 2250, False), (0, 0, False),
    ]  # fmt: skip
    with store.reading() as conn:
        assert [len(runs.log(conn, task.run).items) for task in done] == [0] * 7 + [1] * 3


def test_old_events_deeds_and_tokens_go(store: Store) -> None:
    event = [Event(id=str(number), source="s", type="entry.created", time=None) for number in range(2)]
    with store.writing() as conn:
        events.record(conn, [event[0]], at=NOW - 1)
        events.record(conn, [event[1]], at=NOW)
        audit.add(conn, [Deed(at=at, who="a", action="job.save", target="job:tidy") for at in (NOW - 1, NOW)])
        users.save(conn, UserRecord(name="a", label="A", role="user", created_at=NOW))
        for number, expires in enumerate((NOW - 1, NOW + 1, None)):
            token = TokenRecord(
                id=str(number), user="a", label="", purpose="api", role="user", created_at=1, expires_at=expires
            )
            tokens.create(conn, token, secret=str(number))

    with store.writing() as conn:
        assert retention.prune_events(conn, received_before=NOW, limit=1).more
        assert retention.prune_audit(conn, before=NOW).rows == 1
        assert retention.prune_tokens(conn, expired_before=NOW).rows == 1

    with store.reading() as conn:
        assert [found.id for found in events.list_events(conn).items] == ["1"]
        assert [deed.at for deed in audit.list_deeds(conn).items] == [NOW]
        assert [token.id for token in tokens.list_tokens(conn, "a")] == ["2", "1"]


def test_definitions_go_when_nothing_follows_them(store: Store) -> None:
    with store.writing() as conn:
        for number in range(1, 5):
            jobs.save(conn, make_job(label=f"v{number}"), author="a", source="api", at=NOW + number)
        jobs.save(conn, make_job("gone"), author="a", source="api", at=NOW)
        jobs.delete(conn, "gone")
        runs.insert_admitted(conn, [make_run(job_version=2)], [])

        assert retention.prune_versions(conn, saved_before=NOW + 2).rows == 1
        assert retention.prune_versions(conn, saved_before=NOW + 99).rows == 1

        assert [version.version for version in jobs.versions(conn, "tidy").items] == [4, 2]
        assert [version.version for version in jobs.versions(conn, "gone").items] == [1]


def test_newest_definition_of_each_source_stays(store: Store) -> None:
    sources = ("shipped", "shipped", "tidy.yaml", "api", "api")
    with store.writing() as conn:
        for number, source in enumerate(sources, 1):
            jobs.save(conn, make_job(label=f"v{number}"), author="a", source=source, at=NOW)

        retention.prune_versions(conn, saved_before=NOW + 1)

        assert [version.version for version in jobs.versions(conn, "tidy").items] == [5, 3, 2]

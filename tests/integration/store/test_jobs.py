"""Definitions: versions, switches, lists, and the sign that something changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from rota.errors import Conflict, NotFound, Refused
from rota.states import RunState
from store.engine import Store
from store.queries import jobs, revision, runs, ticks
from store.records import JobRecord, Pause, TickRecord
from tests.factories import NOW, make_job, make_run


def _save(
    store: Store, name: str = "tidy", *, at: int = NOW, expected: int | None = None, **fields: object
) -> JobRecord:
    with store.writing() as conn:
        return jobs.save(conn, make_job(name, **fields), author="alice", source="api", at=at, expected_version=expected)


def test_a_saved_job_comes_back_as_it_was(store: Store) -> None:
    job = make_job("tidy", label="Tidy up", owner="alice", triggers=[{"cron": "0 3 * * *"}])

    with store.writing() as conn:
        jobs.save(conn, job, author="alice", source="tidy.yaml", at=NOW)
    with store.reading() as conn:
        found = jobs.get(conn, "tidy")

    assert found.job() == job
    assert (found.label, found.owner, found.kind, found.version) == ("Tidy up", "alice", "user", 1)
    assert (found.source, found.author, found.created_at, found.enabled) == ("tidy.yaml", "alice", NOW, True)


def test_only_a_changed_definition_is_a_new_version(store: Store) -> None:
    _save(store)
    assert _save(store, at=NOW + 1).version == 1

    changed = _save(store, label="Tidy", at=NOW + 2)

    assert (changed.version, changed.created_at, changed.updated_at) == (2, NOW, NOW + 2)
    with store.reading() as conn:
        assert [version.version for version in jobs.versions(conn, "tidy").items] == [2, 1]
        assert jobs.get_version(conn, "tidy", 2).definition["label"] == "Tidy"
        with pytest.raises(NotFound):
            jobs.get_version(conn, "tidy", 3)


def test_a_save_that_lost_the_race_is_a_conflict(store: Store) -> None:
    _save(store, expected=0)
    _save(store, label="Mine", expected=1)

    with pytest.raises(Conflict):
        _save(store, label="Theirs", expected=1)
    with pytest.raises(Conflict):
        _save(store, label="Theirs", expected=0)


def test_a_new_definition_leaves_the_switch_alone(store: Store) -> None:
    _save(store)
    with store.writing() as conn:
        assert jobs.set_enabled(conn, ["tidy", "none"], False, at=NOW, reason="too many failures") == ["tidy"]

    saved = _save(store, label="Tidy")

    assert (saved.enabled, saved.enabled_reason) == (False, "too many failures")


def test_a_definition_that_changes_its_own_switch_moves_it(store: Store) -> None:
    _save(store)
    assert _save(store, enabled=False).enabled is False
    assert _save(store, enabled=True).enabled is True


def test_setting_a_switch_twice_moves_it_once(store: Store) -> None:
    _save(store)
    with store.writing() as conn:
        assert jobs.set_enabled(conn, ["tidy"], False, at=NOW) == ["tidy"]
        assert jobs.set_enabled(conn, ["tidy"], False, at=NOW) == []


def test_every_change_moves_the_stamp_and_nothing_else_does(store: Store) -> None:
    def stamp() -> int:
        with store.reading() as conn:
            return revision.read(conn).value

    last = stamp()
    for change in (
        lambda conn: jobs.save(conn, make_job(), author="a", source="api", at=NOW),
        lambda conn: jobs.set_enabled(conn, ["tidy"], False, at=NOW),
        lambda conn: jobs.delete(conn, "tidy"),
        lambda conn: jobs.pause_everything(conn, person="ada", at=NOW),
        lambda conn: jobs.resume_everything(conn, person="ada", at=NOW),
    ):
        with store.writing() as conn:
            change(conn)
        assert stamp() > last
        last = stamp()
    with store.writing() as conn:
        jobs.set_enabled(conn, ["tidy"], True, at=NOW)
        jobs.resume_everything(conn, person="ada", at=NOW)
    assert stamp() == last


def test_a_deleted_job_leaves_its_history(store: Store) -> None:
    _save(store)
    with store.writing() as conn:
        ticks.set_due(conn, [TickRecord(job="tidy", trigger="a" * 12, due=NOW)])
        runs.insert_admitted(conn, [make_run(job="tidy")], [])
        jobs.delete(conn, "tidy")

    with store.reading() as conn:
        assert jobs.find(conn, "tidy") is None
        assert ticks.page(conn, limit=100) == []
        assert len(runs.list_runs(conn, job="tidy").items) == 1
        assert jobs.get_version(conn, "tidy", 1).version == 1
    assert _save(store).version == 2


def test_what_is_not_there_is_not_found(store: Store) -> None:
    with store.writing() as conn, pytest.raises(NotFound):
        jobs.get(conn, "none")
    with store.writing() as conn, pytest.raises(NotFound):
        jobs.delete(conn, "none")


def test_a_job_shows_its_last_run_and_next_tick(store: Store) -> None:
    _save(store)
    older, newest = make_run(), make_run(state=RunState.SKIPPED, reason="still running")
    with store.writing() as conn:
        runs.insert_admitted(conn, [older, newest], [])
        ticks.set_due(
            conn, [TickRecord(job="tidy", trigger=key, due=due) for key, due in (("a", 9), ("b", 5), ("c", None))]
        )

    with store.reading() as conn:
        found = jobs.get(conn, "tidy")

    assert found.next_due == 5
    assert found.last_run is not None
    assert (found.last_run.id, found.last_run.state, found.last_run.ended_at) == (newest.id, RunState.SKIPPED, NOW)


def test_jobs_are_filtered(store: Store) -> None:
    _save(store, "purge-bins", label="Empty recycle bins", owner="system")
    _save(store, "tidy", owner="alice", enabled=False)

    def names(**filters: object) -> list[str]:
        with store.reading() as conn:
            return [job.name for job in jobs.list_jobs(conn, **filters).items]  # type: ignore[arg-type]

    assert names() == ["purge-bins", "tidy"]
    assert names(kind="system") == ["purge-bins"]
    assert names(owner="alice") == ["tidy"]
    assert names(enabled=True) == ["purge-bins"]
    assert names(q="RECYCLE") == ["purge-bins"]
    assert names(q="%") == []
    assert names(kind="user", q="purge") == []


def test_pages_of_jobs_join_up(store: Store) -> None:
    names = [f"job-{number:02}" for number in range(7)]
    for name in reversed(names):
        _save(store, name)

    seen: list[str] = []
    cursor = None
    with store.reading() as conn:
        while True:
            page = jobs.list_jobs(conn, cursor=cursor, limit=3)
            seen += [job.name for job in page.items]
            if page.next is None:
                break
            cursor = page.next

    assert seen == names


def test_current_jobs_are_read_by_name(store: Store) -> None:
    _save(store, "b")
    _save(store, "a", label="A", at=NOW + 1)
    with store.writing() as conn:
        jobs.set_enabled(conn, ["b"], False, at=NOW + 2)

    with store.reading() as conn:
        found = jobs.current(conn, ["a", "b", "none"])

    assert [(found[name].version, found[name].enabled, found[name].enabled_at) for name in ("a", "b")] == [
        (1, True, NOW + 1),
        (1, False, NOW + 2),
    ]
    assert found["a"].definition["label"] == "A"
    assert "none" not in found


def test_changes_are_read_in_pages_the_oldest_first(store: Store) -> None:
    for name in ("c", "a", "b"):
        _save(store, name)
    with store.reading() as conn:
        first, second = revision.changed(conn, after=(0, ""), limit=2)
        rest = revision.changed(conn, after=(second.revision, second.name), limit=2)
    assert [first.name, second.name, *(one.name for one in rest)] == ["c", "a", "b"]

    with store.writing() as conn:
        jobs.set_enabled(conn, ["c"], False, at=NOW)
    with store.reading() as conn:
        later = revision.changed(conn, after=(rest[-1].revision, rest[-1].name), limit=2)
    assert [one.name for one in later] == ["c"]


def test_jobs_that_listen_for_events_are_told_apart(store: Store) -> None:
    _save(store, "by-hand")
    _save(store, "listens", triggers=[{"event": "entry.*"}])
    _save(store, "no-more", triggers=[{"event": "entry.*"}])
    _save(store, "no-more", triggers=[{"every": "PT1H"}])

    with store.reading() as conn:
        assert list(revision.listening(conn)) == ["listens"]


def test_deletion_is_told_by_the_revision(store: Store) -> None:
    _save(store)
    with store.writing() as conn:
        jobs.delete(conn, "tidy")

    with store.reading() as conn:
        now = revision.read(conn)
    assert now.deleted == now.value


def test_pause_of_everything_says_since_when_who_and_why(store: Store) -> None:
    with store.writing() as conn:
        assert jobs.pause_everything(conn, person="ada", reason="we move", at=NOW)
        assert not jobs.pause_everything(conn, person="bob", at=NOW + 1)
        assert jobs.paused(conn) == Pause(at=NOW, person="ada", reason="we move")

        assert jobs.resume_everything(conn, person="ada", at=NOW + 2)
        assert not jobs.resume_everything(conn, person="ada", at=NOW + 3)
        assert jobs.paused(conn) is None


@pytest.mark.parametrize("cursor", ["é", "a b", "!!!!", "_w"])
def test_a_cursor_of_somebody_else_is_refused(store: Store, cursor: str) -> None:
    with store.reading() as conn, pytest.raises(Refused):
        jobs.versions(conn, "tidy", cursor=cursor)


def test_definitions_that_are_held_change_after_the_one_who_holds_them(store: Store) -> None:
    with store.writing() as conn:
        jobs.save(conn, make_job(), author="a", source="set:ours", at=NOW)

    def look() -> object:
        with store.writing() as conn:
            revision.hold(conn)
            return jobs.find(conn, "tidy")

    with ThreadPoolExecutor() as pool:
        with store.writing() as conn:
            revision.hold(conn)
            found = pool.submit(look)
            wait([found], timeout=0.3)
            jobs.delete(conn, "tidy")
        assert found.result() is None

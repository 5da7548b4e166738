"""Transactions, their errors and their locks."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from rota.errors import Conflict, PermanentError, Refused, StoreUnavailable
from rota.states import RunState
from store.engine import Store
from store.queries import jobs, runs
from store.records import Closing
from tests.factories import NOW, make_job, make_run


def _count_runs(store: Store) -> int:
    with store.reading() as conn:
        return sum(runs.count_open(conn).values())


def test_a_store_answers(store: Store) -> None:
    store.ping()


def test_a_block_that_raises_writes_nothing(store: Store) -> None:
    def change(conn: Connection) -> None:
        runs.insert_admitted(conn, [make_run()], [])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(change)

    assert _count_runs(store) == 0


def test_a_broken_constraint_is_a_conflict(store: Store) -> None:
    with pytest.raises(Conflict) as caught, store.writing() as conn:
        conn.execute(text("INSERT INTO revision (id, value) VALUES (1, 0)"))

    assert caught.value.__cause__ is not None


def test_the_database_refuses_impossible_states(store: Store) -> None:
    with store.writing() as conn:
        runs.insert_admitted(conn, [make_run()], [])

    for change in ("state = 'done'", "state = 'failed'", "ended_at = 1", "slot_no = 1", "cancel_requested = 7"):
        with pytest.raises(Conflict), store.writing() as conn:
            conn.execute(text(f"UPDATE runs SET {change}"))


def test_a_wrong_statement_is_permanent(store: Store) -> None:
    with pytest.raises((PermanentError, StoreUnavailable)), store.writing() as conn:
        conn.execute(text("UPDATE nowhere SET nothing = 1"))


def test_an_error_does_not_tell_the_values(store: Store) -> None:
    with store.writing() as conn:
        jobs.save(conn, make_job(), author="a", source="api", at=NOW)

    with pytest.raises(Conflict) as caught, store.writing() as conn:
        conn.execute(text("UPDATE jobs SET kind = :kind, label = :label"), {"kind": "x", "label": "s3cret"})

    assert "s3cret" not in str(caught.value)


def test_an_unreachable_database_is_unavailable(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/none/rota.db", "postgresql://nobody@127.0.0.1:1/none"):
        store = Store(url)
        with pytest.raises(StoreUnavailable):
            store.ping()
        store.close()


def test_the_password_is_not_shown() -> None:
    store = Store("postgresql://rota:s3cret@127.0.0.1/rota")

    assert "s3cret" not in repr(store)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "rota.db"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(Refused):
        Store(url)


def test_close_is_safe_twice_and_before_use(database_url: str) -> None:
    store = Store(database_url)
    store.close()
    store.close()


def test_threads_that_write_take_turns(store: Store) -> None:
    def admit_some() -> None:
        for _ in range(20):
            with store.writing() as conn:
                runs.insert_admitted(conn, [make_run()], [])

    threads = [threading.Thread(target=admit_some) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert _count_runs(store) == 120


def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    with store.writing() as conn:
        runs.insert_admitted(conn, [make_run()], [])
        assert _count_runs(store) == 0

    assert _count_runs(store) == 1


def test_sqlite_is_set_up_for_crashes_and_keys(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    with store.reading() as conn:
        said = {name: conn.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "foreign_keys")}
    store.close()

    assert said == {"journal_mode": "wal", "foreign_keys": 1}


def test_checkpoint_carries_the_log_over_while_somebody_writes(sqlite_url: str) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    store = Store(sqlite_url)
    with store.writing() as conn:
        conn.exec_driver_sql("CREATE TABLE filled AS SELECT zeroblob(1000000)")
    before = file.stat().st_size

    with store.writing() as conn:
        conn.exec_driver_sql("INSERT INTO filled VALUES (1)")
        store.checkpoint()

    assert file.stat().st_size >= before + 1_000_000
    store.close()


def test_postgresql_checkpoints_by_itself(postgres_url: str) -> None:
    store = Store(postgres_url)
    store.checkpoint()
    store.close()


def test_postgresql_bounds_every_wait(postgres_url: str) -> None:
    store = Store(postgres_url)
    with store.reading() as conn:
        said = [conn.execute(text(f"SHOW {name}")).scalar() for name in ("statement_timeout", "lock_timeout")]
    store.close()

    assert said == ["5s", "2s"]


def test_a_deadlock_is_tried_again(postgres_url: str) -> None:
    store = Store(postgres_url)
    first, second = make_run(), make_run()
    with store.writing() as conn:
        runs.insert_admitted(conn, [first, second], [])
    both_hold_one = threading.Barrier(2)
    tries: list[int] = []

    def close_both(*order: str) -> None:
        waited: list[bool] = []

        def change(conn: Connection) -> None:
            tries.append(1)
            _close(conn, order[0])
            if not waited:
                waited.append(True)
                both_hold_one.wait(timeout=10)
            _close(conn, order[1])

        store.write(change)

    threads = [
        threading.Thread(target=close_both, args=order) for order in ((first.id, second.id), (second.id, first.id))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.reading() as conn:
        assert {run.state for run in runs.list_runs(conn).items} == {RunState.FAILED}
    assert len(tries) == 3
    store.close()


def _close(conn: Connection, run: str) -> None:
    conn.execute(text("UPDATE runs SET reason = 'touched' WHERE id = :run"), {"run": run})
    runs.close(conn, [Closing(run=run, state=RunState.FAILED, at=NOW)])


def test_other_errors_are_not_tried_again(store: Store) -> None:
    tries = []

    def change(conn: Connection) -> None:
        tries.append(1)
        conn.execute(text("INSERT INTO revision (id, value) VALUES (1, 0)"))

    with pytest.raises(Conflict):
        store.write(change)

    assert len(tries) == 1

"""One sync at a time writes to a catalog."""

from __future__ import annotations

import threading

import pytest

from actors.sync import SyncParams, sync
from rota.errors import Cancelled, TemporaryError
from tests.replay import replay
from tests.trees import make_tree
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("actors.syncing.holding._POLL_SECONDS", 0.02)


def another_run(synced):
    run = synced.new_run()
    run.task = "another-task"
    return run


def test_a_sync_waits_for_the_one_before_it(synced):
    make_tree(synced.root, {"a": b""})
    catalog = synced.open_catalog()
    assert catalog.hold("first-task") is None
    run = another_run(synced)
    waiting = threading.Thread(target=sync, args=(run, SyncParams(datasource="files")))
    waiting.start()
    wait_until(lambda: run.log.lines, timeout=60)

    assert run.log.lines[0] == ("info", "files: waiting, task first-task is syncing it")
    assert synced.known() == {}
    catalog.release()
    waiting.join(120)
    assert synced.is_exact()


def test_a_sync_does_not_wait_for_ever(synced, monkeypatch):
    monkeypatch.setattr("actors.syncing.holding.WAIT_SECONDS", 0.1)
    assert synced.open_catalog().hold("first-task") is None

    with pytest.raises(TemporaryError, match="task first-task has been syncing it"):
        synced.sync(another_run(synced))


def test_a_waiting_sync_can_be_cancelled(synced):
    assert synced.open_catalog().hold("first-task") is None
    run = another_run(synced)
    run.interrupt(Cancelled("by a person"))

    with pytest.raises(Cancelled):
        synced.sync(run)


def test_the_next_attempt_of_a_task_takes_over_at_once(synced):
    make_tree(synced.root, {"a": b""})
    run = synced.new_run()
    assert synced.open_catalog().hold(run.task) is None

    assert synced.changes(run) == {"created": 1}


def test_a_zombie_attempt_writes_nothing(synced):
    make_tree(synced.root, {"a": b""})
    zombie = synced.watched()
    run = synced.new_run(catalog=zombie)

    def take_over(check):
        if zombie.holds == 1 and synced.changes(synced.new_run()) == {"created": 1}:
            make_tree(synced.root, {"b": b""})

    run.on_check = take_over
    with pytest.raises(TemporaryError, match="another sync took over"):
        synced.sync(run)

    assert zombie.holds == 1
    assert set(synced.known()) == {b"a"}
    assert not [event for event in run.events if event.type.startswith("entry.")]
    assert synced.changes() == {"created": 1}


def test_nobody_writes_without_holding(synced):
    with pytest.raises(RuntimeError, match="held"):
        synced.open_catalog().keep()


@pytest.mark.parametrize("failing", [None, "check"])
def test_the_catalog_is_free_afterwards(synced, failing):
    run = synced.new_run()
    if failing:
        run.interrupt(Cancelled("by a person"))
        with pytest.raises(Cancelled):
            synced.sync(run)
    else:
        synced.sync(run)

    assert synced.open_catalog().hold("another-task") is None


def test_a_dry_run_waits_for_nobody(synced):
    make_tree(synced.root, {"a": b""})
    assert synced.open_catalog().hold("first-task") is None

    assert synced.changes(another_run(synced), dry_run=True) == {"created": 1}


def test_syncs_at_once_leave_an_exact_catalog_and_tell_each_change_once(synced, small_batches):
    make_tree(synced.root, {f"d{n}": {str(m): b"" for m in range(5)} for n in range(10)})
    runs = [synced.new_run() for _ in range(4)]
    threads = []
    for n, run in enumerate(runs):
        run.task = f"task-{n}"
        threads.append(threading.Thread(target=sync, args=(run, SyncParams(datasource="files"))))
    for thread in threads:
        thread.start()
    for n in range(10):
        (synced.root / f"d{n}" / "0").rename(synced.root / f"moved{n}")
    for thread in threads:
        thread.join(120)

    synced.sync()
    assert synced.is_exact()
    told = sorted((run.events for run in [*runs, synced.run]), key=lambda events: events[-1].data["created"])
    created = [entry["path"] for events in told for event in events if event.type == "entry.created"
               for entry in event.data["entries"]]  # fmt: skip
    assert len(created) == len(set(created))
    in_turn = sorted(told, key=lambda events: -events[-1].data["created"])
    after = replay({}, [event for events in in_turn for event in events])
    assert set(after) >= set(synced.known())

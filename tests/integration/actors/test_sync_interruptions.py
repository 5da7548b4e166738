"""Syncs that are cancelled, killed and continued."""

from __future__ import annotations

import shutil

import pytest

from rota.errors import Cancelled, Paused, TemporaryError
from tests.integration.actors.conftest import TREE, Killed
from tests.replay import replay
from tests.trees import make_tree, walked


def test_cancel_ends_a_sync_between_two_folders(synced):
    make_tree(synced.root, {str(n): {"x": b""} for n in range(50)})
    run = synced.new_run()
    run.on_check = lambda check: run.interrupt(Cancelled("by a person")) if check == 10 else None

    with pytest.raises(Cancelled):
        synced.sync(run)

    assert run.checks == 10
    assert synced.changes() == {"created": 100}


@pytest.mark.usefixtures("small_batches")
def test_interrupted_sync_counts_what_it_wrote_before(make_synced):
    """Interrupted wherever it asks, the next attempt tells of all that both of them wrote."""
    for at in range(1, 60, 3):
        synced = make_synced()
        make_tree(synced.root, {f"d{n}": {str(m): b"" for m in range(12)} for n in range(5)})
        run = synced.new_run()
        run.on_check = lambda check, run=run, at=at: run.interrupt(Paused("for a while")) if check == at else None
        try:
            synced.sync(run)
        except Paused:
            again = synced.new_run(state=run.checkpoints[-1] if run.checkpoints else None)
            assert synced.sync(again).created == 65
        else:
            return
    pytest.fail("it never came to its end")


@pytest.mark.parametrize("with_checkpoint", [True, False])
@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.usefixtures("small_batches")
def test_killed_sync_is_continued(make_synced, with_checkpoint, committed):
    """Killed before or after each of its transactions, with the last checkpoint or with none."""
    for deadly in range(1, 40):
        synced = make_synced()
        make_tree(synced.root, {f"d{n}": {"x": b"1", "e": {"y": b"2", "z": b"3"}} for n in range(6)})
        make_tree(synced.root, {"gone": {str(n): {str(m): b"" for m in range(4)} for n in range(4)}})
        synced.sync()
        before = synced.known()
        make_tree(synced.root, {f"n{n}": {"x": b"1", "e": {"y": b"2"}} for n in range(4)})
        (synced.root / "d1").rename(synced.root / "n1" / "d1")
        (synced.root / "d2" / "e" / "y").rename(synced.root / "a")
        (synced.root / "d3" / "x").write_bytes(b"changed")
        shutil.rmtree(synced.root / "d4")
        shutil.rmtree(synced.root / "gone")
        shutil.rmtree(synced.root / "d5" / "e")
        make_tree(synced.root, {"d5": {"e": b"file"}})

        run = synced.new_run(catalog=synced.watched(die_at=deadly, committed=committed))
        survived = _survives(synced, run, allow_deletions=True)
        state = run.checkpoints[-1] if with_checkpoint and run.checkpoints and not survived else None
        again = synced.new_run(state=state)
        if not survived:
            assert synced.sync(again, allow_deletions=True).entries == len(walked(synced.root))

        assert synced.is_exact()
        told = replay({path: seen[:2] for path, seen in before.items()}, run.events + again.events)
        assert told == {path: seen[:2] for path, seen in synced.known().items()}
        if survived:
            return
    pytest.fail("it never came to its end")


def _survives(synced, run, **params):
    try:
        synced.sync(run, **params)
    except Killed:
        return False
    return True


def test_killed_first_sync_skips_what_is_done(synced, small_batches):
    make_tree(synced.root, {f"d{n:02}": {str(m): b"1" for m in range(8)} for n in range(20)})
    run = synced.new_run(catalog=synced.watched(die_at=20, committed=True))
    assert not _survives(synced, run)
    done = run.checkpoints[-1]["resume"]["cursor"]
    again = synced.new_run(state=run.checkpoints[-1])

    result = synced.sync(again)

    assert done > "d02"
    assert (result.created, result.entries) == (180 - _told_but_uncounted(run), 180)
    assert again.checks < run.checks + 20
    assert synced.is_exact()


def _told_but_uncounted(run):
    """What the killed attempt wrote after its last checkpoint."""
    told = sum(len(event.data["entries"]) for event in run.events)
    return told - run.checkpoints[-1]["resume"]["counts"]["created"]


def test_bus_away_leaves_the_catalog_as_it_was(synced, monkeypatch):
    make_tree(synced.root, TREE)
    run = synced.new_run()

    def emit(*args):
        raise TemporaryError("the bus is away")

    monkeypatch.setattr(run, "emit", emit)
    with pytest.raises(TemporaryError):
        synced.sync(run)

    assert synced.known() == {}
    assert synced.changes() == {"created": 9}

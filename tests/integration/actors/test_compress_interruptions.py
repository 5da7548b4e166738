"""The actor `compress` when it is paused, cancelled or taken over, and when it goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.drafts import parse_draft
from rota.errors import Cancelled, Interrupted, LeaseLost, Paused, PermanentError, ShuttingDown, TemporaryError
from tests.integration.actors.compressed import Compressed, contents, members
from tests.trees import File, make_tree

_MIB = 1024 * 1024
OLD = 1_600_000_000
FORMATS = ["zip", "tar", "tar.gz", "tar.zst"]
WHOLE: dict[str, int] = {}
DIVIDED = {"split_bytes": 700_000}


@pytest.fixture(autouse=True)
def keeps_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep where another attempt can go on wherever the format can."""
    monkeypatch.setattr("actors.compressing.making.KEEP_BYTES", 1)


@pytest.fixture
def compressed(tmp_path: Path) -> Compressed:
    """A tree with many small files, and two that are large."""
    made = Compressed(tmp_path)
    small = {f"d{n}": {f"{k}": File(os.urandom(20_000) + bytes(5_000), OLD) for k in range(12)} for n in range(12)}
    make_tree(made.origin, {"a": {**small, "e": File(os.urandom(9 * _MIB), OLD), "z": File(bytes(18 * _MIB), OLD)}})
    for folder, _, _ in os.walk(made.origin):
        os.utime(folder, (OLD, OLD))
    return made


def interrupted(compressed: Compressed, reason: Interrupted, when: Callable[[Any], bool], **params: Any) -> None:
    """Begin, or go on, and interrupt it when something is so of the checkpoint made last."""
    run = compressed.next_run() if compressed.run.checkpoints else compressed.new_run()
    run.on_check = lambda _: run.interrupt(reason) if run.checkpoints and when(run.checkpoints[-1]) else None
    with pytest.raises(type(reason)):
        compressed.compress("a", run=run, **params)


def behind(size: int) -> Callable[[Any], bool]:
    return lambda state: bool(state["points"]) and state["points"][0]["written"] > size


@pytest.mark.parametrize("params", [WHOLE, DIVIDED], ids=["whole", "divided"])
@pytest.mark.parametrize("format_", [*FORMATS, "tar.xz"])
def test_a_paused_archive_goes_on_and_has_the_same_bytes(compressed, format_, params):
    given = {"format": format_, "manifest": True, "level": 0 if format_ == "tar.xz" else None}
    wanted = compressed.compress("a", target="wanted", **given)
    compressed.run = compressed.new_run()

    for size in (500_000, 2_000_000, 9 * _MIB):
        interrupted(compressed, Paused(), behind(size), target="x", **given, **params)
        assert all(parse_draft(os.fsencode(name)) for name in compressed.there() if not name.startswith("wanted"))
    begun = compressed.run.checkpoints[-1]["points"][0]["written"]
    done = compressed.compress("a", run=compressed.next_run(), target="x", **given, **params)

    parts = sorted(compressed.goal.glob("x.0*")) if params else [compressed.goal / "x"]
    assert b"".join(part.read_bytes() for part in parts) == (compressed.goal / "wanted").read_bytes()
    assert (compressed.goal / "x.sha256").read_bytes() == (compressed.goal / "wanted.sha256").read_bytes()
    assert (done.entries, done.bytes_in, done.bytes_out) == (wanted.entries, wanted.bytes_in, wanted.bytes_out)
    assert begun > 9 * _MIB
    assert compressed.run.reports[-1].done == compressed.run.reports[-1].total == wanted.bytes_in
    assert [name for name in compressed.there() if ".rota" in name] == []


def test_what_is_in_already_is_not_read_again(compressed, monkeypatch):
    interrupted(compressed, Paused(), behind(3_000_000))
    monkeypatch.setattr("actors.transferring.tally._INTERVAL_SECONDS", 0.0)

    compressed.compress("a", run=compressed.next_run())

    first = next(report for report in compressed.run.reports if report.total)
    assert 3_000_000 < first.done < first.total == 144 * 25_000 + 27 * _MIB
    assert compressed.said("info")[0].startswith("goes on behind")


@pytest.mark.parametrize("format_", FORMATS)
def test_a_large_file_that_changed_while_nobody_worked_is_packed_anew(compressed, format_):
    large = compressed.origin / "a" / "e"
    interrupted(
        compressed, Paused(), lambda state: bool(state["points"]) and bool(state["points"][0]["begun"]), format=format_
    )
    changed = os.urandom(9 * _MIB + 5)
    large.write_bytes(changed)

    done = compressed.compress("a", run=compressed.next_run(), format=format_)

    found = contents(members((compressed.goal / done.path).read_bytes()))
    assert found["a/e"] == changed
    assert len(found) == 146
    assert done.entries == 159
    assert done.noted == 0


def test_a_large_file_that_is_gone_when_it_goes_on_stays_out(compressed):
    interrupted(compressed, Paused(), lambda state: bool(state["points"]) and bool(state["points"][0]["begun"]))
    (compressed.origin / "a" / "e").unlink()

    done = compressed.compress("a", run=compressed.next_run(), manifest=False)

    assert "a/e" not in compressed.packed("a.zip")
    assert done.entries == 158


def test_drafts_that_are_gone_are_made_again(compressed):
    interrupted(compressed, Paused(), behind(3_000_000), manifest=True)
    for name in compressed.there():
        (compressed.goal / name).unlink()

    compressed.compress("a", run=compressed.next_run(), manifest=True)

    assert len(contents(compressed.packed("a.zip"))) == 146
    assert compressed.there() == ["a.zip", "a.zip.sha256"]


@pytest.mark.parametrize("params", [WHOLE, DIVIDED], ids=["whole", "divided"])
def test_a_cancelled_archive_leaves_nothing(compressed, params):
    interrupted(compressed, Cancelled(), behind(3_000_000), target="to/deep/x.zip", manifest=True, **params)

    assert compressed.there() == []


def test_an_archive_that_is_cancelled_after_a_pause_leaves_nothing(compressed):
    make_tree(compressed.goal, {"to": {}})
    interrupted(compressed, ShuttingDown(), behind(2_000_000), target="to/deep/x.zip", manifest=True)
    assert compressed.there()
    interrupted(compressed, Cancelled(), behind(5_000_000), target="to/deep/x.zip", manifest=True)

    assert compressed.there() == ["to"]


def test_a_lost_task_publishes_nothing_and_leaves_the_drafts_to_the_other(compressed):
    interrupted(compressed, LeaseLost(), behind(3_000_000))

    assert compressed.there()
    assert all(parse_draft(os.fsencode(name)) for name in compressed.there())
    assert compressed.run.events == []


def test_nothing_is_published_once_the_task_is_lost(compressed):
    run = compressed.new_run()
    confirmed = []

    def confirm() -> None:
        confirmed.append(1)
        if any(state["size"] for state in run.checkpoints):
            raise LeaseLost

    run.confirm = confirm
    with pytest.raises(LeaseLost):
        compressed.compress("a", run=run)

    assert confirmed
    assert not (compressed.goal / "a.zip").exists()


@pytest.mark.parametrize("params", [WHOLE, DIVIDED], ids=["whole", "divided"])
@pytest.mark.parametrize("conflict", ["number", "overwrite", "fail"])
def test_an_archive_that_got_its_name_is_not_made_again(compressed, conflict, params):
    class Gone(BaseException):
        """Stands for a process that is gone."""

    run = compressed.new_run()

    def emit(*_: object) -> None:
        raise Gone

    run.emit = emit
    with pytest.raises(Gone):
        compressed.compress("a", run=run, conflict=conflict, manifest=True, **params)
    made = compressed.there()
    run.checkpoints[-1:] = [run.checkpoints[-1], run.checkpoints[-1]]
    before = {name: (compressed.goal / name).stat().st_ino for name in made}

    done = compressed.compress("a", run=compressed.next_run(), conflict=conflict, manifest=True, **params)

    assert compressed.there() == made
    assert {name: (compressed.goal / name).stat().st_ino for name in made} == before
    assert (done.entries, done.parts) == (159, len(made) - 1)


@pytest.mark.parametrize("conflict", ["number", "fail"])
def test_an_archive_that_got_its_name_before_anybody_noted_it_is_found(compressed, conflict):
    compressed.compress("a", conflict=conflict, manifest=True)
    made = compressed.there()
    # The last second was lost.
    run = compressed.new_run(next(state for state in compressed.run.checkpoints if state["points"]), attempt=2)

    done = compressed.compress("a", run=run, conflict=conflict, manifest=True)

    assert compressed.there() == made
    assert done.path == "a.zip"


def test_a_checkpoint_stays_small_whatever_the_names(compressed):
    deep = "/".join(["n" * 200] * 15)
    make_tree(compressed.origin / "b" / deep, {"\u00fc" * 100: b"1"})
    for number in range(60):
        os.symlink("x", compressed.origin / "b" / deep / f"l{number}")

    compressed.compress("b")

    assert max(len(str(state)) for state in compressed.run.checkpoints) < 32 * 1024


def test_a_storage_that_fails_for_the_time_being_is_gone_on_with(compressed, monkeypatch):
    from actors.datasources.local.drafting import LocalDraft

    real = LocalDraft.append
    calls = 0

    def append(self, piece):
        nonlocal calls
        calls += 1
        if calls == 6:
            raise TemporaryError("the connection broke")
        real(self, piece)

    monkeypatch.setattr(LocalDraft, "append", append)
    with pytest.raises(TemporaryError):
        compressed.compress("a")
    compressed.compress("a", run=compressed.next_run())

    assert len(contents(compressed.packed("a.zip"))) == 146
    with pytest.raises(PermanentError):
        compressed.compress("missing")

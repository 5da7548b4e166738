"""The run that an actor is handed: what it passes on, and how it publishes a file."""

from __future__ import annotations

import os

import pytest

from actors.registry import spec_of
from actors.run import Run
from rota.clock import ManualClock
from rota.errors import LeaseLost, PermanentError
from rota.messages import TaskMessage
from tests import actors_for_tests
from workers.context import WorkerRun
from workers.results import read_params, write_result


class FakeLink:
    """Keeps what is passed on; `owner` says whether the lease stands."""

    def __init__(self):
        self.owner = True
        self.said = []

    def progress(self, progress):
        self.said.append(progress)

    def log(self, level, message):
        self.said.append((level, message))

    def checkpoint(self, state):
        self.said.append(state)

    def check(self):
        pass

    def confirm(self):
        if not self.owner:
            raise LeaseLost

    def emit(self, event):
        self.said.append(event)


@pytest.fixture
def link():
    return FakeLink()


@pytest.fixture
def run(link) -> Run:
    task = TaskMessage(
        task="t", run="r", job="tidy", step="s", actor="a", queue="q", owner="ada", params={"x": 1}, chain=("first",)
    )
    return WorkerRun(task, {"at": 3}, link=link, places=None, clock=ManualClock(now_ms=5))


def test_a_run_knows_its_task(run):
    assert (run.id, run.task, run.job, run.owner, run.attempt) == ("r", "t", "tidy", "ada", 1)
    assert (run.params, run.state) == ({"x": 1}, {"at": 3})


def test_an_event_names_its_source_and_carries_the_chain(run, link):
    run.emit("file.made", {"path": "a"}, "disk")

    [event] = link.said
    assert (event.source, event.type, event.subject, event.time) == ("rota/jobs/tidy", "file.made", "disk", 5)
    assert event.chain == ("first", "tidy")


@pytest.mark.parametrize("done", [float("nan"), float("inf"), None, "many", 10**400])
def test_progress_never_raises(run, link, done):
    run.progress(done, done, "files", "x" * 5_000)

    assert (link.said[0].done, link.said[0].total) == (0, None)
    assert len(link.said[0].text) <= 1024


def test_a_file_is_published_whole(run, tmp_path):
    draft, target = tmp_path / "draft", tmp_path / "target"
    draft.write_text("new")
    target.write_text("old")

    run.publish(draft, target)

    assert target.read_text() == "new"
    assert not draft.exists()


def test_a_worker_that_lost_its_lease_publishes_nothing(run, link, tmp_path):
    draft, target = tmp_path / "draft", tmp_path / "target"
    draft.write_text("new")
    target.write_text("old")
    link.owner = False

    with pytest.raises(LeaseLost):
        run.publish(draft, target)

    assert target.read_text() == "old"


def test_a_file_is_published_within_an_open_folder(run, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "draft").write_text("new")
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        run.publish("sub/draft", "sub/target", folder=folder)
    finally:
        os.close(folder)

    assert (tmp_path / "sub" / "target").read_text() == "new"


def test_wrong_parameters_are_named_with_their_path():
    spec = spec_of(actors_for_tests.count)

    with pytest.raises(PermanentError) as caught:
        read_params(spec, {"steps": "many", "stepz": 1})

    assert "steps: " in str(caught.value)
    assert "stepz: " in str(caught.value)


def test_a_result_must_be_what_was_declared():
    spec = spec_of(actors_for_tests.count)
    good = actors_for_tests.CountResult(steps=1, started_from=0)

    assert bytes(write_result(spec, good)) == b'{"steps":1,"started_from":0}'
    assert write_result(spec, None) is None
    with pytest.raises(PermanentError, match="returned dict"):
        write_result(spec, {"steps": 1})
    with pytest.raises(PermanentError, match="returned CountResult, declared is nothing"):
        write_result(spec_of(actors_for_tests.nothing), good)

from __future__ import annotations

import pytest

from actors.datasources.storage import Datasource
from actors.testing import RecordingRun
from rota.errors import Cancelled, NotFound


def test_run_keeps_what_is_reported():
    run = RecordingRun(params={"a": 1}, state={"at": 3})
    run.progress(1, 2, "files", "half")
    run.log.info("said")
    run.checkpoint({"at": 4})
    run.emit("entry.created", {"n": 1}, "files")

    assert (run.params, run.state) == ({"a": 1}, {"at": 3})
    assert run.reports == [(1, 2, "files", "half")]
    assert run.log.lines == [("info", "said")]
    assert run.checkpoints == [{"at": 4}]
    assert run.events == [("entry.created", {"n": 1}, "files")]


def test_what_has_no_json_form_fails_here_too():
    with pytest.raises(UnicodeEncodeError):
        RecordingRun().emit("entry.created", {"path": "\udcff"})
    with pytest.raises(TypeError):
        RecordingRun().checkpoint(object())


def test_interrupted_run_publishes_nothing(tmp_path):
    (tmp_path / "draft").write_text("new")
    run = RecordingRun()
    run.interrupt(Cancelled("by a person"))

    with pytest.raises(Cancelled):
        run.check()
    with pytest.raises(Cancelled):
        run.publish(tmp_path / "draft", tmp_path / "target")

    assert not (tmp_path / "target").exists()


def test_published_draft_has_its_name(tmp_path):
    (tmp_path / "draft").write_text("new")

    RecordingRun().publish(tmp_path / "draft", tmp_path / "target")

    assert (tmp_path / "target").read_text() == "new"


def test_catalogs_of_a_datasource_have_one_content():
    run = RecordingRun(datasources=[Datasource(name="files", root="/")])

    assert run.catalog("files").hold("one") is None
    assert run.catalog("files").hold("other") == "one"
    with pytest.raises(NotFound):
        run.catalog("other")

"""The way to a datasource is tried and told, whatever is wrong with it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from actors.datasources.storage import Datasource
from actors.probe import ProbeParams, ProbeResult, probe
from actors.testing import MemoryCatalog, RecordingRun
from rota.errors import BusUnavailable, Cancelled, PermanentError

MARKER = ".rota-marker"


@pytest.fixture
def docs(tmp_path: Path) -> Datasource:
    """A folder with two entries."""
    (tmp_path / "docs" / "inner").mkdir(parents=True)
    (tmp_path / "docs" / "a.txt").write_text("a")
    return Datasource(name="docs", root=str(tmp_path / "docs"))


def tried(datasource: Datasource, *, mark: bool = False) -> tuple[ProbeResult, RecordingRun]:
    run = RecordingRun(datasources=[datasource])
    return probe(run, ProbeParams(datasource=datasource.name, mark=mark)), run


def marker_of(run: RecordingRun) -> str | None:
    catalog = run.catalog("docs")
    assert isinstance(catalog, MemoryCatalog)
    return catalog.marker


def test_reachable_datasource_is_told_and_left_as_it_was(docs: Datasource) -> None:
    found, run = tried(docs)

    assert (found.reachable, found.entries, found.writable, found.marker) == (True, 2, True, "none")
    assert found.message == f"reachable in {found.milliseconds} ms, 2 entries at the top, writable"
    assert found.capabilities is not None
    assert found.capabilities["inodes"] is True
    assert sorted(os.listdir(docs.root)) == ["a.txt", "inner"]
    assert (run.log.lines, marker_of(run)) == ([("info", found.message)], None)


def test_missing_folder_is_an_answer_that_says_what_to_do(docs: Datasource) -> None:
    found, _ = tried(replace(docs, root="/nowhere/at/all"))

    assert (found.reachable, found.entries, found.writable, found.capabilities) == (False, None, None, None)
    assert "cannot be reached at '/nowhere/at/all': No such file or directory" in found.message
    assert "must be mounted and readable" in found.message


def test_datasource_that_nobody_knows_fails() -> None:
    with pytest.raises(PermanentError, match="there is no datasource"):
        probe(RecordingRun(), ProbeParams(datasource="docs"))


def test_something_in_the_way_of_writing_is_told(docs: Datasource) -> None:
    (Path(docs.root) / ".rota-trial").mkdir()

    found, _ = tried(docs)

    assert (found.reachable, found.writable) == (True, False)
    assert "not writable (" in found.message


def test_marker_is_written_remembered_and_asked_for_from_then_on(docs: Datasource) -> None:
    found, run = tried(docs, mark=True)
    marker = (Path(docs.root) / MARKER).read_text().strip()
    marked = replace(docs, marker=marker)

    assert (found.marker, marker_of(run), found.entries) == ("new", marker, 2)
    assert found.message.endswith(", writable, marked")
    assert tried(marked)[0].marker == "right"
    (Path(docs.root) / MARKER).unlink()
    assert tried(marked)[0].reachable is False


def test_marker_that_is_there_is_taken_over_for_another_may_rely_on_it(docs: Datasource) -> None:
    (Path(docs.root) / MARKER).write_text("somebody's\n")

    found, run = tried(replace(docs, marker="an older one"), mark=True)

    assert (found.marker, marker_of(run)) == ("new", "somebody's")
    assert (Path(docs.root) / MARKER).read_text() == "somebody's\n"


def test_marker_that_cannot_be_written_is_not_remembered(docs: Datasource) -> None:
    (Path(docs.root) / MARKER).mkdir()

    found, run = tried(docs, mark=True)

    assert (found.reachable, found.writable, found.marker, marker_of(run)) == (True, False, None, None)
    assert "and so not marked" in found.message


@pytest.mark.parametrize("error", [BusUnavailable("away"), Cancelled("stop")])
def test_what_is_not_the_storages_fault_goes_up(
    docs: Datasource, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    run = RecordingRun(datasources=[docs])

    def refuse() -> None:
        raise error

    monkeypatch.setattr(run, "confirm", refuse)

    with pytest.raises(type(error)):
        probe(run, ProbeParams(datasource="docs", mark=True))
    assert not (Path(docs.root) / MARKER).exists()


def test_secrets_are_in_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFTP_PASSWORD", "correct horse battery")
    options = {"password": "env:SFTP_PASSWORD", "any_host_key": True, "retries": 4, "timeout_seconds": 2}
    datasource = Datasource(name="docs", kind="sftp", root="sftp://me@localhost:1/x", options=options)

    found, run = tried(datasource)

    assert found.reachable is False
    assert "allow_private" in found.message
    assert "correct horse" not in f"{found} {run.log.lines}"

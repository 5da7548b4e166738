"""`rota datasources` against a running console."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from console.commands.datasource_definitions import kind_of
from console.exits import ExitCode
from store.queries import audit, datasources, runs
from tests.integration.console.conftest import Run
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source, bring_jobs, end_run, fill, worker

DOUBT = {
    "run": "r", "at": 1, "path": "", "reason": "3 of 4 entries are gone", "deleted": 3, "known": 4,
    "examples": ["a.txt", "b\x1b[31m\n.txt"],
}  # fmt: skip
COUNTS = {"created": 1, "updated": 0, "moved": 2, "deleted": 1200}


def shown(rota: Run, name: str = "docs") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rota("datasources", "show", name, "--json")[1])
    return found


@pytest.mark.parametrize(
    ("root", "kind"),
    [
        ("/srv/docs", "local"), ("docs", "local"), ("s3://bucket/x", "s3"), ("gs://bucket", "gcs"), ("az://c", "azure"),
        ("sftp://h/x", "sftp"), ("https://h/dav", "webdav"), ("HTTP://h/dav", "webdav"), ("ftp://h/x", "fsspec"),
    ],
)  # fmt: skip
def test_address_tells_the_kind(root: str, kind: str) -> None:
    assert kind_of(root) == kind


def test_folder_is_added_listed_and_shown(console: Console, rota: Run, tmp_path: Path) -> None:
    folder = tmp_path / "My Docs"
    folder.mkdir()

    assert rota("datasources", "list")[2].startswith("no datasources yet")
    code, out, err = rota("datasources", "add", str(folder), "--exclude", "*.tmp", "--exclude", "cache/**", "--watch")
    assert (code, out, "my-docs: added" in err) == (0, "", True)
    fill(console, "my-docs", {b"": {b"a": 2_500}})
    header, row = rota("datasources", "list")[1].splitlines()
    assert header.split() == ["NAME", "KIND", "ROOT", "STATE", "ENTRIES", "SIZE", "LAST", "SYNC"]
    assert "never synced" in row
    assert "2.5 KB" in row
    assert shown(rota, "my-docs")["exclude"] == ["*.tmp", "cache/**"]
    told = rota("datasources", "show", "my-docs")[1]
    assert "watched    yes" in told
    assert "when more than 50% are gone at once" in told
    assert rota("datasources", "show", "nothing") == (ExitCode.NOT_FOUND, "", "rota: there is no datasource nothing\n")


def test_address_is_added_with_its_options(rota: Run) -> None:
    code, _, _ = rota(
        "datasources", "add", "s3://media/originals", "--label", "Media", "--queue", "far", "--max-deleted", "0.1",
        "--option", "secret_access_key=env:KEY", "--option", "retries=2", "--option", "anonymous=true",
    )  # fmt: skip

    found = shown(rota, "originals")
    assert code == 0
    assert (found["kind"], found["label"], found["queue"], found["max_deleted"]) == ("s3", "Media", "far", 0.1)
    options = found["options"]
    assert (options["secret_access_key"], options["retries"], options["anonymous"]) == ("env:KEY", 2, True)


def test_bad_definition_is_refused_with_its_fields(rota: Run) -> None:
    code, _, err = rota("datasources", "add", "sftp://host/x", "--name", "files")

    assert code == ExitCode.REFUSED
    assert "options.host_key: is required" in err
    assert rota("datasources", "add", "/srv", "--option", "novalue")[0] == ExitCode.USAGE


def test_definition_is_changed_field_by_field(console: Console, rota: Run) -> None:
    add_source(console, rules={"exclude": ["*.tmp"]}, queue="far")

    assert rota("datasources", "set", "docs", "--label", "New", "--option", "processes=4")[0] == 0
    assert rota("datasources", "set", "docs", "--exclude", "", "--queue", "", "--root", "/other")[0] == 0
    found = shown(rota)
    assert (found["label"], found["options"], found["exclude"]) == ("New", {"processes": 4}, [])
    assert (found["queue"], found["root"]) == (None, "/other")
    assert rota("datasources", "set", "docs", "--option", "processes=")[0] == 0
    assert shown(rota)["options"] == {"processes": 2}
    assert rota("datasources", "set", "docs")[0] == ExitCode.USAGE
    assert rota("datasources", "set", "docs", "--max-deleted", "7")[0] == ExitCode.REFUSED


def test_marker_is_no_longer_expected(console: Console, rota: Run) -> None:
    add_source(console, marker="m")

    assert rota("datasources", "set", "docs", "--no-marker")[0] == 0
    assert not shown(rota)["marked"]
    assert rota("datasources", "set", "docs", "--no-marker", "--label", "New")[0] == 0
    assert shown(rota)["label"] == "New"
    with console.parts.store.reading() as conn:
        deeds = [deed.action for deed in audit.list_deeds(conn).items]
    assert deeds.count("datasource.forget-marker") == 1
    assert rota("datasources", "set", "nowhere", "--no-marker")[0] == ExitCode.NOT_FOUND


def test_datasources_are_switched_and_removed(console: Console, rota: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    add_source(console)

    assert rota("datasources", "disable", "docs")[2] == "docs: switched off\n"
    assert rota("datasources", "enable", "docs", "none")[0] == ExitCode.NOT_FOUND
    assert rota("datasources", "remove", "docs")[0] == ExitCode.REFUSED
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert rota("datasources", "remove", "docs")[2].endswith("[y/N] rota: nothing was done\n")
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert rota("datasources", "remove", "docs")[0] == 0
    assert rota("datasources", "remove", "docs", "--yes")[0] == ExitCode.NOT_FOUND


def test_sync_prints_its_run_or_waits_for_what_it_found(console: Console, rota: Run) -> None:
    add_source(console)
    assert rota("datasources", "sync", "docs")[0] == ExitCode.NOT_FOUND  # no scheduler has brought the job yet
    bring_jobs(console)

    code, run_id, _ = rota("datasources", "sync", "docs", "--path", "a", "--hash")
    assert code == 0
    assert rota("datasources", "sync", "docs")[0] == ExitCode.REFUSED  # one is open already
    with console.parts.store.reading() as conn:
        params = runs.get_run(conn, run_id.strip()).params
    assert {"datasource": "docs", "path": "a", "hash": True}.items() <= params.items()
    end_run(console, run_id.strip(), [COUNTS])
    examples = {"created": [{"path": "new.txt"}], "moved": [{"path": "y", "came_from": "x"}]}
    with worker(console, [{**COUNTS, "examples": examples}]):
        code, out, _ = rota("datasources", "sync", "docs", "--dry-run", "--path", "a", "--path", "b")
    assert code == 0
    first, *lines = out.splitlines()
    assert first.endswith("succeeded created 1, updated 0, moved 2, deleted 1,200")
    assert lines == ["  created new.txt", "  moved y (from x)"]


@pytest.mark.parametrize(
    ("options", "result", "code", "said"),
    [
        ([], {"reachable": True, "message": "reachable in 3 ms"}, 0, "docs: reachable in 3 ms\n"),
        ([], {"reachable": False, "message": "no route"}, ExitCode.FAILED, "docs: no route\n"),
        (
            ["--mark"],
            {"reachable": True, "marker": None, "message": "not marked"},
            ExitCode.FAILED,
            "docs: not marked\n",
        ),
        (["--mark"], {"reachable": True, "marker": "new", "message": "marked"}, 0, "docs: marked\n"),
    ],
)
def test_connection_is_told_in_a_line_and_an_exit_code(
    console: Console, rota: Run, *, options: list[str], result: dict[str, Any], code: int, said: str
) -> None:
    add_source(console)
    bring_jobs(console)

    with worker(console, result):
        assert rota("datasources", "test", "docs", *options)[:2] == (code, said)


def test_test_of_the_connection_gives_up_in_time(console: Console, rota: Run) -> None:
    add_source(console)
    bring_jobs(console)

    assert rota("datasources", "test", "docs", "--timeout", "0.05")[0] == ExitCode.TIMED_OUT


def test_deletions_are_shown_and_confirmed(console: Console, rota: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    add_source(console)
    bring_jobs(console)
    assert rota("datasources", "confirm", "docs")[0] == ExitCode.REFUSED
    with console.parts.store.writing() as conn:
        datasources.set_doubt(conn, "docs", DOUBT)

    code, _, err = rota("datasources", "confirm", "docs")
    assert code == ExitCode.REFUSED
    assert "3 of 4 entries are gone" in err
    assert "  a.txt\n  b\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}.txt\n  and 1 more\n" in err
    assert "Take 3 entries out of the catalog of docs? Give --yes if so" in err
    monkeypatch.setattr("sys.stdin", Terminal("yes\n"))
    code, out, _ = rota("datasources", "confirm", "docs")
    with console.parts.store.reading() as conn:
        assert runs.get_run(conn, out.strip()).params["confirmed_deletions"] == 3
    assert code == 0


def test_tree_shows_what_everything_below_weighs(console: Console, rota: Run) -> None:
    add_source(console)
    fill(console, "docs", {b"": {b"top": 1}, b"a": {b"x": 1_000}, b"a/b": {b"y": 2_000_000}, b"caf\xe9": {}})

    def lines(*options: str) -> list[list[str]]:
        return [line.split() for line in rota("datasources", "tree", "docs", *options)[1].splitlines()[1:]]

    assert lines() == [["2.0", "MB", "3", "a/"], ["0", "B", "0", "caf\ufffd/"], ["2.0", "MB", "6", "./"]]
    assert ["2.0", "MB", "1", "a/b/"] in lines("--depth", "2")
    assert ["1.0", "KB", "a/x"] in lines("a", "--all")
    assert lines("a")[-1] == ["2.0", "MB", "3", "a/"]
    assert [entry["path"] for entry in json.loads(rota("datasources", "tree", "docs", "--json")[1])][0] == "a"
    assert rota("datasources", "tree", "docs", "nowhere")[0] == ExitCode.NOT_FOUND
    assert rota("datasources", "tree", "docs", "--depth", "0")[0] == ExitCode.USAGE


def test_changed_paths_are_told(console: Console, rota: Run) -> None:
    add_source(console)

    code, _, said = rota("datasources", "changed", "docs", "a.txt", "b")
    assert (code, said) == (0, "docs: told of 2 paths; they are synced within seconds\n")
    ((_, event, _),) = console.parts.bus.events.read(block_ms=1)
    assert event.type == "storage.changed"  # type: ignore[union-attr]
    assert rota("datasources", "changed", "docs", "a")[2] == "docs: told of 1 path; it is synced within seconds\n"
    assert rota("datasources", "changed", "nowhere", "a")[0] == ExitCode.NOT_FOUND


class Terminal(io.StringIO):
    """A standard input at which somebody sits."""

    def isatty(self) -> bool:
        return True

"""`rota import pydio`: what it prints, writes and saves, and how it ends."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.connection import Connection, write_connection
from console.exits import ExitCode
from console.main import main
from rota.loaders import load_yaml
from rota.pydio.actions import ACTIONS, Translated
from rota.settings import Settings
from tests.integration.console.serving import Console
from tests.unit.rota.pydio_jobs import FOLDER

Run = Callable[..., tuple[int, str, str]]
WHOLE = {"ID": "nap", "Owner": "ada", "Actions": [{"ID": "actions.test.fake", "Parameters": {"timer": "1"}}]}
PART = {**WHOLE, "ID": "part", "Actions": [*WHOLE["Actions"], {"ID": "actions.cmd.shell"}]}  # type: ignore[misc]
NONE = {**WHOLE, "ID": "none", "Actions": [{"ID": "actions.cmd.shell"}]}


@pytest.fixture
def offline(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command where no console runs; gives exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["import", "pydio", *arguments, "--state", str(settings.state_dir)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def online(console: Console, settings: Settings, offline: Run) -> Run:
    """The same beside a running console, as an administrator."""
    path = settings.state_dir / "console.json"
    write_connection(path, Connection(url=console.url, token=console.token("admin")))
    return offline


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., str]:
    """Writes jobs into a file and gives its path."""

    def write(*jobs: Any) -> str:
        file = tmp_path / "cells.json"
        file.write_text(json.dumps({"Jobs": jobs}))
        return str(file)

    return write


def test_the_report_stands_in_comments_of_what_can_be_applied(offline: Run, export: Callable[..., str]) -> None:
    code, out, _ = offline(export(WHOLE, PART, NONE))

    assert code == ExitCode.FAILED
    assert [job["name"] for job in load_yaml(out, source="out")["jobs"]] == ["nap", "part"]
    assert "# nap: is the job nap\n" in out
    assert "# part: is the job part, with something missing\n" in out
    assert "# none: cannot be carried over\n" in out
    assert "Jobs[1].Actions[1]: actions.cmd.shell: Rota runs no commands" in out


def test_the_exit_code_says_whether_all_was_carried_over(offline: Run, export: Callable[..., str]) -> None:
    assert offline(export(WHOLE))[0] == ExitCode.OK
    assert offline(export(WHOLE, PART))[0] == ExitCode.FAILED
    assert offline(export())[:2] == (ExitCode.OK, "jobs: []\n")


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A job whose only action becomes an actor that nobody has."""
    monkeypatch.setitem(ACTIONS, "actions.strange", lambda _: Translated(actor="stranger", with_={}))
    return {**WHOLE, "ID": "strange", "Actions": [{"ID": "actions.strange"}]}


def test_an_actor_that_is_not_installed_is_named(
    offline: Run, export: Callable[..., str], stranger: dict[str, Any]
) -> None:
    code, out, _ = offline(export(stranger))
    assert code == ExitCode.FAILED
    assert "#   needs the actor stranger, which is not installed here\n" in out
    assert load_yaml(out, source="out")["jobs"][0]["steps"][0]["actor"] == "stranger"


def test_programs_are_given_json(offline: Run, export: Callable[..., str]) -> None:
    whole, none = json.loads(offline(export(WHOLE, NONE), "--json")[1])
    assert (whole["complete"], whole["definition"]["name"], whole["lost"]) == (True, "nap", [])
    assert (none["complete"], none["definition"], none["lost"][0]["place"]) == (False, None, "Jobs[1].Actions[0]")


def test_an_export_is_read_from_standard_input(offline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(WHOLE).encode())))
    assert offline("-")[0] == ExitCode.OK


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 1, column 2: is not JSON"),
        ('{"Jobs": [{"ID": "a"}, 3]}', "Jobs[1]: must be a job, which is an object, not 3"),
        ('{"ID": "a", "Actions": 3}', "Actions: must be a list, not 3"),
    ],
)
def test_what_is_no_export_is_refused_in_one_line(offline: Run, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "cells.json"
    file.write_text(text)
    code, out, err = offline(str(file))
    assert (code, out, len(err.splitlines())) == (ExitCode.REFUSED, "", 1)
    assert err.startswith(f"rota: {file}: {message}")


def test_a_file_that_cannot_be_read_is_told(offline: Run, tmp_path: Path) -> None:
    assert offline(str(tmp_path / "none.json")) == (
        ExitCode.USAGE,
        "",
        f"rota: {tmp_path}/none.json: No such file or directory\n",
    )
    assert offline(str(tmp_path))[0] == ExitCode.USAGE


def test_files_are_written_whole_and_never_over_others(
    offline: Run, export: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "jobs"
    assert offline(export(PART, NONE), "--out", str(folder))[0] == ExitCode.FAILED
    assert [file.name for file in folder.iterdir()] == ["part.yaml"]
    text = (folder / "part.yaml").read_text()
    assert text.startswith("# part: is the job part, with something missing\n")
    assert load_yaml(text, source="file")["enabled"] is False

    (folder / "part.yaml").write_text("mine")
    code, _, err = offline(export(WHOLE, PART), "--out", str(folder))
    assert (code, err) == (
        ExitCode.REFUSED,
        f"rota: {folder}/part.yaml: there already; --force replaces what is there\n",
    )
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [("part.yaml", "mine")]

    assert offline(export(WHOLE, PART), "--out", str(folder), "--force")[0] == ExitCode.FAILED
    assert sorted(file.name for file in folder.iterdir()) == ["nap.yaml", "part.yaml"]
    assert (folder / "part.yaml").read_text() == text.replace("Jobs[0]", "Jobs[1]")


def test_a_folder_that_cannot_be_written_is_told(offline: Run, export: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = offline(export(WHOLE), "--out", str(tmp_path / "file"))
    assert (code, err) == (ExitCode.USAGE, f"rota: {tmp_path}/file: File exists\n")


def test_jobs_are_saved_and_saving_them_again_changes_nothing(
    online: Run, console: Console, export: Callable[..., str]
) -> None:
    api = console.as_("admin")
    code, out, err = online(export(WHOLE, NONE), "--apply")
    assert (code, err) == (ExitCode.FAILED, "nap: saved\n")
    assert out.startswith("nap: is the job nap\n")
    assert api.get("/api/v1/jobs/nap").json()["owner"] == "ada"

    assert online(export(WHOLE), "--apply", "--json")[0] == ExitCode.OK
    assert api.get("/api/v1/jobs/nap").json()["version"] == 1


def test_a_job_of_the_same_name_is_replaced_only_when_told_so(
    online: Run, console: Console, export: Callable[..., str]
) -> None:
    console.define(name="nap", owner="bob")
    api = console.as_("admin")
    code, _, err = online(export(WHOLE), "--apply")
    assert (code, err) == (ExitCode.FAILED, "nap: not saved: there is another job nap already; --force replaces it\n")
    assert api.get("/api/v1/jobs/nap").json()["owner"] == "bob"

    assert online(export(WHOLE), "--apply", "--force")[0] == ExitCode.OK
    assert api.get("/api/v1/jobs/nap").json()["owner"] == "ada"


def test_a_job_that_the_console_refuses_leaves_the_others_alone(
    online: Run, console: Console, export: Callable[..., str], stranger: dict[str, Any]
) -> None:
    code, _, err = online(export(stranger, WHOLE), "--apply")
    assert code == ExitCode.FAILED
    assert "strange: not saved: " in err
    assert "there is no actor 'stranger'" in err
    assert "nap: saved" in err
    assert console.as_("admin").get("/api/v1/jobs").json()["items"][0]["name"] == "nap"


def test_nobody_is_asked_to_save_where_no_console_runs(offline: Run, export: Callable[..., str]) -> None:
    code, _, err = offline(export(WHOLE), "--apply", "--url", "http://127.0.0.1:9", "--token", "x")
    assert code == ExitCode.UNREACHABLE
    assert "no answer from http://127.0.0.1:9" in err


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_every_job_of_cells_ends_with_a_report(offline: Run, file: Path) -> None:
    code, out, err = offline(str(file))
    assert code in (ExitCode.OK, ExitCode.FAILED)
    assert err == ""
    assert set(load_yaml(out, source="out")) == {"jobs"}

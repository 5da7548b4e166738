"""The command line against a running console, in the test's own process."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.exits import ExitCode
from console.main import main
from rota.messages import LogLine, Outcome
from rota.settings import Settings
from store.queries import outcomes, runs
from tests.integration.console.conftest import Run
from tests.integration.console.serving import Console
from tests.integration.console.test_fleet_api import set_aside


def finish(console: Console, run_id: str, *, state: str = "succeeded", lines: tuple[str, ...] = ()) -> None:
    """Let the only task of a run end, as a worker and the recorder would."""
    with console.parts.store.writing() as conn:
        (task,) = runs.run_detail(conn, run_id).tasks
        given: dict[str, Any] = {"task": task.id, "run": run_id, "fence": 1, "attempt": 1, "worker": "w", "at": 1}
        said = tuple(LogLine(n=n, at=1, level="info", message=text) for n, text in enumerate(lines, 1))
        applied = outcomes.apply(
            conn,
            [
                Outcome(kind="log", lines=said, **given),
                Outcome(kind="finished", state=state, started_at=0, **given),
            ],
        )
        runs.close(conn, [ended.closing() for ended in applied.ended])


def test_job_is_applied_shown_and_deleted(rota: Run, tmp_path: Path) -> None:
    file = tmp_path / "nap.yaml"
    file.write_text(
        "name: nap\nowner: ada\ntriggers: [{every: PT1H}]\nsteps: [{id: a, actor: sleep, with: {seconds: 1}}]\n"
    )

    assert rota("jobs", "apply", str(file), "--dry-run")[0] == 0
    assert json.loads(rota("jobs", "list", "--json")[1]) == []
    assert rota("jobs", "apply", str(file)) == (0, "", "nap: created, version 1\n")
    code, out, _ = rota("jobs", "list")
    assert code == 0
    assert out.splitlines()[0].split("  ")[0] == "NAME"
    assert "every hour" in out
    assert json.loads(rota("jobs", "show", "nap", "--json")[1])["owner"] == "ada"
    assert "every hour" in rota("jobs", "show", "nap")[1]
    assert len(json.loads(rota("jobs", "upcoming", "nap", "--count", "3", "--json")[1])) == 3
    assert rota("jobs", "delete", "nap")[0] == 0
    assert rota("jobs", "show", "nap") == (ExitCode.NOT_FOUND, "", "rota: there is no job nap\n")


def test_bad_definition_is_refused_with_its_places(rota: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("name: nap\nsteps: [{id: a, actor: slep}]\ncolour: red\n")

    code, out, err = rota("jobs", "apply", str(file))

    assert (code, out) == (ExitCode.REFUSED, "")
    assert f"  {file}: steps[0].actor: there is no actor 'slep'; did you mean sleep?" in err
    assert f"  {file}: colour: is unknown" in err
    assert rota("jobs", "apply", str(tmp_path / "nothing.yaml"))[0] == ExitCode.USAGE
    assert rota("jobs", "apply", str(tmp_path / "x.txt"))[0] == ExitCode.USAGE


def test_folder_is_applied_again_and_exported_as_it_was(rota: Run, tmp_path: Path) -> None:
    folder, out = tmp_path / "jobs", tmp_path / "out"
    folder.mkdir()
    (folder / "a.yaml").write_text("name: a\nsteps: [{id: a, actor: sleep, with: {seconds: 1}}]\n")
    (folder / "bc.toml").write_text("".join(
        f'[[jobs]]\nname = "{name}"\nlabel = "yes"\n[[jobs.steps]]\nid = "a"\nactor = "sleep"\nwith = {{ seconds = 1 }}\n'
        for name in "bc"
    ))  # fmt: skip
    (folder / "notes.txt").write_text("not a definition")

    assert rota("jobs", "apply", str(folder), "--set", "ours")[2].splitlines() == [
        "a: created, version 1", "b: created, version 1", "c: created, version 1",
    ]  # fmt: skip
    assert rota("jobs", "export", "--out", str(out))[0] == 0
    assert rota("jobs", "apply", str(out), "--dry-run")[2] == "".join(
        f"{name}: unchanged, version 1\n" for name in "abc"
    )
    assert (
        rota("jobs", "export", "a")[1]
        == "name: a\nsteps:\n- id: a\n  actor: sleep\n  with:\n    seconds: 1\nowner: admin\n"
    )

    (folder / "bc.toml").unlink()
    (folder / "a.yaml").write_text("name: a\nsteps: [{id: a, actor: sleep, with: {seconds: 5}}]\n")
    arguments = ("jobs", "apply", str(folder), "--set", "ours", "--prune")
    assert rota(*arguments, "--dry-run")[2].splitlines() == [
        "a: would be changed", "  steps[a].with.seconds: 1 → 5", "b: would be deleted", "c: would be deleted",
    ]  # fmt: skip
    assert rota(*arguments)[2].splitlines()[-1] == "c: deleted"
    assert [job["name"] for job in json.loads(rota("jobs", "list", "--json")[1])] == ["a"]
    assert "steps[a].with.seconds: 1 → 5" in rota("jobs", "versions", "a")[1]
    assert rota("jobs", "restore", "a", "1")[2] == "a: version 3 says what version 1 said\n"
    assert rota("jobs", "diff", "a", "3", "1")[1] == ""
    assert rota("jobs", "diff", "a", "3")[1] == "steps[a].with.seconds: 5 → 1\n"
    assert rota("jobs", "apply", str(folder), "--prune")[0] == ExitCode.USAGE


def test_run_is_started_waited_for_and_told_by_the_exit_code(console: Console, rota: Run, monkeypatch: Any) -> None:
    console.define(name="nap", params={"seconds": {"type": "number", "default": 1}}, overlap="allow_all")

    code, out, _ = rota("jobs", "run", "nap", "--param", "seconds=2.5", "--key", "k")
    run_id = out.strip()
    assert code == 0
    assert json.loads(rota("runs", "show", run_id, "--json")[1])["params"] == {"seconds": 2.5}
    assert rota("jobs", "run", "nap", "--param", "seconds=2.5", "--key", "k")[1].strip() == run_id

    waited = rota("jobs", "run", "nap", "--wait", "--timeout", "0.2")
    assert waited[0] == ExitCode.TIMED_OUT
    assert "is still queued after 0.2 s; it goes on" in waited[2]

    import console.following as following

    for state, expected in (("succeeded", 0), ("failed", 1)):
        # The work is done while the command waits. Only its own clock is replaced: other threads sleep as well.
        def work(_: float, state: str = state) -> None:
            finish(console, newest(console), state=state)

        monkeypatch.setattr(following, "time", SimpleNamespace(sleep=work, monotonic=time.monotonic))
        code, out, _ = rota("jobs", "run", "nap", "--wait")
        assert (code, out.split()[1]) == (expected, state)


def newest(console: Console) -> str:
    with console.parts.store.reading() as conn:
        return runs.list_runs(conn, limit=1).items[0].id


def test_parameters_are_checked_before_anything_runs(console: Console, rota: Run) -> None:
    console.define(name="nap", params={"note": {"type": "string", "default": ""}})

    assert rota("jobs", "run", "nap", "--param", "note")[0] == ExitCode.USAGE
    assert rota("jobs", "run", "nap", "--param", "note=7")[0] == ExitCode.REFUSED
    assert rota("jobs", "run", "nap", "--param", "note=seven")[0] == 0


def test_log_is_printed_and_followed_to_the_end(console: Console, rota: Run) -> None:
    console.define(name="nap")
    run_id = rota("jobs", "run", "nap")[1].strip()
    finish(console, run_id, lines=("one", "two \x1b[31mred", "<three>"))

    plain = rota("runs", "log", run_id)[1]
    followed = rota("runs", "log", run_id, "--follow")[1]

    assert plain == followed
    assert [line.split()[-1] for line in plain.splitlines()] == ["one", "\N{REPLACEMENT CHARACTER}[31mred", "<three>"]
    assert json.loads(rota("runs", "log", run_id, "--json", "-q", "THREE")[1])["message"] == "<three>"
    assert rota("runs", "log", "nothing")[0] == ExitCode.NOT_FOUND


def test_runs_are_listed_shown_and_steered(console: Console, rota: Run) -> None:
    console.define(name="nap", overlap="allow_all")
    first, second = (rota("jobs", "run", "nap")[1].strip() for _ in range(2))

    assert [run["id"] for run in json.loads(rota("runs", "list", "--json", "--limit", "1")[1])] == [second]
    assert first in rota("runs", "list", "--job", "nap", "--in", "queued")[1]
    assert rota("runs", "list", "--in", "failed") == (0, "", "no run matches\n")
    assert "queued" in rota("runs", "show", first)[1]
    assert rota("runs", "pause", first, second)[0] == 0
    assert rota("runs", "resume", first)[0] == 0
    assert rota("runs", "cancel", first)[0] == 0
    finish(console, second, state="failed")
    assert rota("runs", "cancel", second)[0] == ExitCode.REFUSED
    assert "started" in rota("runs", "retry", second)[2]


def test_jobs_are_switched_together(console: Console, rota: Run) -> None:
    for name in ("a", "b"):
        console.define(name=name)
    rota("jobs", "disable", "a")

    assert rota("jobs", "disable", "a", "b")[2] == "a: is disabled already\nb: disabled\n"
    assert rota("jobs", "list", "--enabled") == (0, "", "no job matches\n")
    assert rota("jobs", "run", "a")[0] == ExitCode.REFUSED
    assert rota("jobs", "enable", "a", "nobody")[0] == ExitCode.NOT_FOUND


def test_event_is_published(console: Console, rota: Run, tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    data.write_text('{"n": 1}')

    assert rota("events", "publish", "entry.created", "--data", f"@{data}", "--subject", "a.txt", "--id", "7")[0] == 0
    ((_, event, _),) = console.parts.bus.events.read(block_ms=1)
    assert (event.id, event.type, event.subject, event.data) == ("7", "entry.created", "a.txt", {"n": 1})  # type: ignore[union-attr]
    assert rota("events", "publish", "x", "--data", "{")[0] == ExitCode.USAGE
    assert rota("events", "tail", "--no-follow")[0] == 0


def test_fleet_is_listed(console: Console, rota: Run) -> None:
    console.define(name="nap")
    rota("jobs", "run", "nap")

    assert "default" in rota("queues")[1]
    assert rota("workers") == (0, "", "no worker is alive: start one with `rota worker`\n")
    assert rota("login")[1].startswith(f"{console.url}/login?code=")


def test_dead_letters_are_listed_and_dropped(console: Console, rota: Run) -> None:
    assert rota("dead") == (0, "", "nothing was set aside\n")
    letter = set_aside(console.parts.bus)

    assert "there is no actor nobody" in rota("dead", "list")[1]
    assert '"nobody"' in rota("dead", "show", letter)[1]
    assert rota("dead", "redrive", letter)[0] == 0
    assert rota("dead", "discard", letter)[0] == ExitCode.NOT_FOUND


def test_wrong_token_and_no_console_have_their_codes(console: Console, rota: Run, tmp_path: Path) -> None:
    assert rota("jobs", "list", "--token", "wrong")[0] == ExitCode.REFUSED
    assert rota("jobs", "list", "--url", "http://127.0.0.1:1", "--token", "x")[0] == ExitCode.UNREACHABLE
    code, _, err = rota("jobs", "list", "--state", str(tmp_path / "none"), state=False)
    assert code == ExitCode.UNREACHABLE
    assert "start `rota up FOLDER`" in err
    assert rota("jobs", "list", "--url", "ftp://x")[0] == ExitCode.USAGE


def test_token_may_be_a_reference(console: Console, rota: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(console.token("viewer") + "\n")
    monkeypatch.setenv("MY_TOKEN", console.token("viewer"))

    for reference in (f"file:{tmp_path / 'token'}", "env:MY_TOKEN"):
        assert rota("jobs", "list", "--token", reference)[0] == 0
    assert rota("jobs", "list", "--token", "env:NOT_SET")[0] == ExitCode.USAGE
    assert rota("jobs", "enable", "x", "--token", "env:MY_TOKEN")[0] == ExitCode.REFUSED


def test_doctor_says_what_is_missing_and_what_to_do(
    settings: Settings, rota: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.database_url is not None
    assert settings.redis_url is not None
    monkeypatch.setenv("ROTA_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("ROTA_REDIS_URL", settings.redis_url)
    monkeypatch.setenv("ROTA_LEADER_LEASE_SECONDS", "0.5")
    jobs = settings.state_dir / "jobs"
    jobs.mkdir()
    (jobs / "bad.yaml").write_text("name: nap\n")

    code, out, _ = rota("doctor", "--json")

    found = {finding["what"]: finding for finding in json.loads(out)}
    assert code == 1
    assert found["scheduler"]["level"] == found["workers"]["level"] == "fail"
    assert "rota up" in found["scheduler"]["advice"]
    assert found["indexing"]["said"] == "no worker writes indexes"
    assert (found["jobs"]["level"], "steps" in found["jobs"]["said"]) == ("warn", True)
    for what in (
        "Python",
        "settings",
        "disk",
        "search folder",
        "search",
        "database",
        "Redis",
        "Redis clock",
        "dead letters",
    ):
        assert found[what]["level"] == "ok", found[what]
    monkeypatch.setenv("ROTA_REDIS_URL", "redis://127.0.0.1:1/0")
    _, out, _ = rota("doctor")
    assert "fail" in out
    assert "correct redis_url" in out


def test_database_is_upgraded_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "upgrade", "--state", str(tmp_path / "new")]) == 0
    assert (tmp_path / "new" / "rota.db").exists()
    assert "is up to date" in capsys.readouterr().err

"""The command line itself: quick to start, exact in its exit codes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from console.exits import EXIT_CODES_HELP, CommandFailed, ExitCode
from console.main import COMMANDS, build_parser, main

ROOT = Path(__file__).resolve().parents[3]
HEAVY = (
    "sqlalchemy",
    "redis",
    "pydantic",
    "fastapi",
    "starlette",
    "uvicorn",
    "dramatiq",
    "rich",
    "jinja2",
    "http.client",
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, timeout=60)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom console.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    assert run("-c", code).stderr.strip() == "[]"


def test_help_of_a_verb_imports_no_framework() -> None:
    code = (
        "import sys\nfrom console.main import main\n"
        "try: main(['jobs', 'run', '--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY[:-1]!r} if name in sys.modules], file=sys.stderr)"
    )
    assert run("-c", code).stderr.strip() == "[]"


def test_help_takes_hardly_longer_than_the_interpreter() -> None:
    """60 ms of the processor; how long it takes beside others tells of this machine only."""

    def used() -> float:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime + ended.ru_stime

    def quickest(*arguments: str) -> float:
        times = []
        for _ in range(5):
            before = used()
            run(*arguments)
            times.append(used() - before)
        return min(times)

    assert quickest("-m", "console.main", "--help") - quickest("-c", "import argparse") < 0.06


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_the_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert ended.value.code == 0
    assert "124  --wait took longer than --timeout" in capsys.readouterr().out


def test_exit_codes_are_all_in_the_help() -> None:
    listed = {int(line.split()[0]) for line in EXIT_CODES_HELP.splitlines()[1:]}

    assert listed == set(ExitCode)


@pytest.mark.parametrize(
    "arguments", [[], ["nothing"], ["jobs"], ["jobs", "fly"], ["jobs", "show"], ["jobs", "list", "--x"]]
)
def test_wrong_usage_exits_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == ExitCode.USAGE
    assert capsys.readouterr().out == ""


def test_failed_command_is_one_line_and_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise CommandFailed("no such thing: look elsewhere", ExitCode.NOT_FOUND)

    monkeypatch.setattr("console.commands.workers._list", fail)

    assert main(["workers"]) == ExitCode.NOT_FOUND
    assert capsys.readouterr().err == "rota: no such thing: look elsewhere\n"


def test_interrupt_has_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("console.commands.workers._list", interrupt)

    assert main(["workers"]) == ExitCode.INTERRUPTED


def test_reader_that_has_gone_is_no_error(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "console.main", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate(timeout=30)

    assert b"Traceback" not in said


def test_scheduler_without_redis_says_what_to_do(tmp_path: Path) -> None:
    for command in ("scheduler", "worker", "console"):
        done = run("-m", "console.main", command, "--state", str(tmp_path))
        assert done.returncode == ExitCode.USAGE
        assert done.stderr.startswith("rota: no Redis: start `rota up`")
        assert done.stderr.count("\n") == 1


def test_documents_name_every_command_and_exit_code() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()

    for command in COMMANDS:
        assert f"`rota {command}" in text
    for code in ExitCode:
        assert f"| {code.value} |" in text


def test_parser_is_built_without_any_command() -> None:
    assert "up" in build_parser().format_help()

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from console import definition_files
from console.children import Child, Part, exit_words
from console.connection import Connection, find_state, known_states, read_connection, write_connection
from console.exits import CommandFailed, ExitCode
from console.listening import address_of, open_listener
from console.output import duration, instant, print_fields, print_table, printable
from console.slugs import slug
from console.state_lock import locked_state
from tests.waiting import wait_until


@pytest.mark.parametrize(
    ("text", "taken", "name"),
    [
        ("My Docs", (), "my-docs"),
        ("Ünïcode & Co.", (), "unicode-co"),
        ("2026", (), "folder-2026"),
        ("日本", (), "folder"),
        ("docs", ("docs",), "docs-2"),
        ("docs", ("docs", "docs-2"), "docs-3"),
        ("x" * 200, (), "x" * 48),
    ],
)
def test_slug_is_a_name_that_is_free(text: str, taken: tuple[str, ...], name: str) -> None:
    assert slug(text, taken) == name


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.42, "0.42 s"), (12.4, "12 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (200_000, "2 d 7 h")],
)
def test_duration_is_said_as_people_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_control_characters_never_reach_the_terminal() -> None:
    assert printable("a\x1b[2Jb\tc\nd\x00") == "a\N{REPLACEMENT CHARACTER}[2Jb    c\nd\N{REPLACEMENT CHARACTER}"
    assert printable(None) == "\N{EN DASH}"


def test_table_off_a_terminal_is_aligned_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "n"), [("a" * 200, 1), ("b", None)])
    print_table(("name",), [], empty="nothing there")

    said = capsys.readouterr()
    assert said.out.splitlines()[1] == "a" * 200 + "  1"
    assert said.out.splitlines()[2].startswith("b ")
    assert said.err == "nothing there\n"


def test_fields_are_aligned_over_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields([("a", "one\ntwo"), ("long", 1), ("none", None)])

    assert capsys.readouterr().out == "a     one\n      two\nlong  1\n"


def test_connection_file_is_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "console.json"

    write_connection(path, Connection(url="http://127.0.0.1:1", token="secret"))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"url": "http://127.0.0.1:1", "token": "secret"}
    assert read_connection(path).token == "secret"
    assert "secret" not in repr(read_connection(path))
    path.write_text("{")
    with pytest.raises(CommandFailed, match="damaged"):
        read_connection(path)


def test_state_is_the_given_one_or_the_likeliest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    assert find_state() is None
    (tmp_path / "home" / "rota").mkdir(parents=True)
    (tmp_path / "home" / "rota" / "rota.db").touch()
    assert find_state() == tmp_path / "home" / "rota"
    (tmp_path / ".rota" / "state").mkdir(parents=True)
    (tmp_path / ".rota" / "state" / "console.json").touch()
    assert find_state() == Path(".rota/state")
    monkeypatch.setenv("ROTA_STATE_DIR", "/elsewhere")
    assert known_states() == [Path("/elsewhere")]
    assert known_states(Path("/given")) == [Path("/given")]


def test_taken_port_is_refused_or_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandFailed, match=f"port {port} on 127.0.0.1 is taken"):
            open_listener("127.0.0.1", port)
        with open_listener("127.0.0.1", port, search=True) as found:
            assert found.getsockname()[1] > port


def test_address_is_one_that_a_browser_here_can_open() -> None:
    with open_listener("0.0.0.0", 0) as listener:
        assert address_of(listener).startswith("http://127.0.0.1:")
    with pytest.raises(CommandFailed, match="cannot listen on 192.0.2.1"):
        open_listener("192.0.2.1", 0)


def test_answers_will_not_wait_for_nagle() -> None:
    with open_listener("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
        with socket.socket(fileno=os.dup(listener.fileno())) as inherited:
            assert inherited.proto == socket.IPPROTO_TCP


def test_state_folder_has_one_owner(tmp_path: Path) -> None:
    again = locked_state(tmp_path)
    with locked_state(tmp_path), pytest.raises(CommandFailed, match=f"process {os.getpid()}") as refused:
        again.__enter__()
    assert refused.value.code == ExitCode.FAILED
    with locked_state(tmp_path):
        pass


class Moving:
    """Monotonic seconds that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def child(monotonic: Moving, code: str, tmp_path: Path) -> Child:
    (tmp_path / "part.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    part = Part(name="part", arguments=("part",), environment=environment, grace=1.0)
    return Child(part, monotonic=monotonic)


def end(one: Child) -> int:
    one.start()
    codes: list[int] = []

    def ended() -> bool:
        code = one.ended()
        codes.extend([] if code is None else [code])
        return bool(codes)

    wait_until(ended)
    return codes[0]


def test_part_that_dies_starts_again_after_a_growing_pause(tmp_path: Path) -> None:
    monotonic = Moving()
    part = child(monotonic, "raise SystemExit(3)", tmp_path)

    pauses = []
    for _ in range(9):
        assert end(part) == 3
        assert part.start_at is not None
        pauses.append(part.start_at - monotonic.now)

    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_part_that_lived_long_starts_again_at_once(tmp_path: Path) -> None:
    monotonic = Moving()
    part = child(monotonic, "import sys; sys.stdin.read()", tmp_path)
    end(part)
    end(part)
    part.start()
    monotonic.now += 3600
    wait_until(lambda: part.ended() is not None)

    assert part.start_at == monotonic.now + 0.5


def test_part_is_asked_first_and_then_killed(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); open('ready', 'w').close(); time.sleep(60)"
    part = child(Moving(), stubborn.replace("'ready'", repr(str(tmp_path / "ready"))), tmp_path)
    part.start()
    wait_until((tmp_path / "ready").exists)

    part.ask_to_stop()
    assert not part.wait(0.2)
    part.kill()
    assert part.wait(60)
    assert part.start_at is None
    part.ask_to_stop()
    assert part.wait(0)


def test_exit_is_told_in_words() -> None:
    assert exit_words(1) == "stopped with exit code 1"
    assert exit_words(-9) == "was killed by SIGKILL"
    assert exit_words(-99) == "was killed by signal 99"


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_part_dies_with_the_thread_that_started_it(tmp_path: Path) -> None:
    import threading

    part = child(Moving(), "import time; time.sleep(600)", tmp_path)
    thread = threading.Thread(target=part.start)
    thread.start()
    thread.join()

    wait_until(lambda: part.ended() is not None)


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "9999-12-31", "9999-12-31T23:59:59.9", "tomorrow"])
def test_time_outside_of_the_calendar_is_refused_in_words(text: str) -> None:
    with pytest.raises(CommandFailed, match="is no time; write"):
        instant(text)


def test_folder_and_file_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: str) -> Any:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("os.scandir", refused)
        with pytest.raises(CommandFailed, match=f"{tmp_path}: Permission denied"):
            definition_files.read([str(tmp_path)])

    large = tmp_path / "large.json"
    large.write_text(f'["{"x" * 300_000}"]')
    with pytest.raises(CommandFailed, match=r"large\.json is not valid:\s+is larger than"):
        definition_files.read([str(large)])

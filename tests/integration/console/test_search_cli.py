"""`rota search` against a running console."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
import threading

import pytest

from console.exits import ExitCode
from console.main import main
from tests.integration.console.conftest import Run
from tests.integration.console.searched import index
from tests.integration.console.serving import Console

FILES = {
    b"reports/annual report.pdf": "The budget of the year.\nIt was kept.",
    b"notes.txt": "About the budget\x1b[31m.",
    b"photos": "",
}


@pytest.fixture(autouse=True)
def _docs(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    index(console, "docs", FILES, kinds={b"photos": "folder"})


def test_hits_are_printed_with_their_place_and_a_piece_of_their_text(rota: Run) -> None:
    code, out, err = rota("search", "annual", "budget")

    assert code == ExitCode.OK
    assert out.splitlines()[0] == "reports/annual report.pdf"
    assert "docs  document  1.0 KB  2027-01-15" in out
    assert "  The budget of the year. It was kept." in out
    assert err == "1 of 1 hit\n"


def test_hit_by_what_a_file_says_of_itself_is_printed_with_that(rota: Run) -> None:
    assert "  title: A title\n" in rota("search", "title")[1]
    assert "A title" not in rota("search", "annual", "budget")[1]


def test_what_others_wrote_does_not_repaint_the_terminal(rota: Run) -> None:
    assert "\x1b" not in rota("search", "name:notes budget")[1]


def test_json_is_what_the_api_gives(rota: Run) -> None:
    code, out, err = rota("search", "budget", "--json")

    assert (code, err) == (ExitCode.OK, "")
    assert {hit["path"] for hit in json.loads(out)} == {"reports/annual report.pdf", "notes.txt"}


def test_it_is_narrowed_by_options(rota: Run, console: Console) -> None:
    index(console, "media", {b"budget.mkv": "", b"budget.txt": ""})

    def found(*options: str) -> set[str]:
        return {hit["path"] for hit in json.loads(rota("search", "budget", "--json", *options)[1])}

    assert found("--datasource", "media", "--type", "video") == {"budget.mkv"}
    assert found("--type", "video", "--type", "document") == {"budget.mkv", "reports/annual report.pdf"}
    assert rota("search", "budget", "--datasource", "meida")[0] == ExitCode.NOT_FOUND
    assert rota("search", "--type", "folder")[1].startswith("photos/\n")


def test_pages_go_on_by_cursor_or_all_at_once(rota: Run, console: Console) -> None:
    index(console, "many", {b"report %d" % n: "" for n in range(600)})

    _, out, err = rota("search", "report", "--limit", "2", "--datasource", "many")
    cursor = err.rpartition(" ")[2].strip()
    _, following, _ = rota("search", "report", "--limit", "2", "--datasource", "many", "--cursor", cursor)

    assert err.startswith("2 of 600 hits; the next ones with --cursor ")
    assert not set(out.splitlines()[::2]) & set(following.splitlines()[::2])
    everything = json.loads(rota("search", "report", "--all", "--json", "--datasource", "many")[1])
    assert len({hit["path"] for hit in everything}) == 600


def test_a_query_that_cannot_be_read_is_pointed_at(rota: Run) -> None:
    code, out, err = rota("search", "budget", "nmae:x")

    assert (code, out) == (ExitCode.USAGE, "")
    first, query, caret = err.splitlines()
    assert first.startswith("rota: there is no field nmae:, did you mean name:report?")
    assert (query, caret) == ("  budget nmae:x", "         ^^^^")


def test_nothing_found_is_said_and_no_failure(rota: Run) -> None:
    assert rota("search", "nothing", "such") == (ExitCode.OK, "", "nothing was found\n")


def test_a_limit_out_of_bounds_is_refused(rota: Run) -> None:
    assert rota("search", "x", "--limit", "501")[0] == ExitCode.USAGE


@pytest.mark.parametrize("words", [["NOT", "budget"], ["-budget type:folder"], ["--", "-budget"]])
def test_a_query_may_begin_with_what_must_not_be_there(
    console: Console, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    code = main(["search", "--json", "--url", console.url, "--token", console.token("admin"), *words])

    assert code == ExitCode.OK
    assert {hit["path"] for hit in json.loads(capsys.readouterr().out)} == {"photos"}


def test_words_that_are_not_utf_8_are_searched_for_as_far_as_they_are(rota: Run, console: Console) -> None:
    index(console, "old", {b"caf\xe9 au lait.txt": ""})

    code, out, _ = rota("search", os.fsdecode(b"caf\xe9 lait"))

    assert (code, out.splitlines()[0]) == (ExitCode.OK, "caf\N{REPLACEMENT CHARACTER} au lait.txt")
    assert rota("search", "lait", "--datasource", os.fsdecode(b"\xe9"))[0] == ExitCode.NOT_FOUND


@pytest.mark.parametrize("zone", ["right/Europe/Paris", "Factory", "UTC0", ":Europe/Paris", "/nowhere"])
def test_clock_of_a_machine_that_others_do_not_know_is_no_obstacle(
    rota: Run, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)

    assert rota("search", "annual")[0] == ExitCode.OK


def test_words_are_highlighted_on_a_terminal(rota: Run, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TERM": "xterm", "COLUMNS": "100"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)

    shown = on_a_terminal(["search", "annual budget", "--url", console.url, "--token", console.token("admin")])

    assert "The \x1b[1;33mbudget\x1b[0m of the year." in shown


def on_a_terminal(arguments: list[str]) -> str:
    """Run a command whose output is a terminal, and give what is painted there."""
    near, far = pty.openpty()
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.extend(iter(lambda: _read(near), b"")))
    reader.start()
    before = sys.stdout
    with io.TextIOWrapper(os.fdopen(far, "wb", buffering=0), write_through=True) as sys.stdout:
        try:
            main(arguments)
        finally:
            sys.stdout.flush()
            terminal, sys.stdout = sys.stdout, before
            terminal.close()
    reader.join()
    os.close(near)
    return b"".join(read).decode()


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 65_536)
    except OSError:  # the other end is closed
        return b""

"""`rota archive` and `rota files get` against a running console."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from console.client import Client
from console.connection import Connection
from console.downloading import fetch
from console.exits import CommandFailed, ExitCode
from store.queries import runs
from store.records import RunRecord
from tests.integration.console.archived import homes
from tests.integration.console.conftest import Run
from tests.integration.console.serving import Console
from tests.integration.console.sources import bring_jobs, worker

__all__ = ["homes"]

MADE = {
    "datasource": "docs", "path": "x.zip", "format": "zip", "parts": 1, "entries": 2, "bytes_in": 10, "bytes_out": 5,
    "noted": 0, "notes": [],
}  # fmt: skip


@pytest.fixture
def docs(homes: Console) -> Console:
    bring_jobs(homes)
    return homes


def newest(console: Console) -> RunRecord:
    with console.parts.store.reading() as conn:
        return runs.list_runs(conn, limit=1).items[0]


def test_compress_waits_and_tells_what_it_made(docs: Console, rota: Run) -> None:
    with worker(docs, MADE):
        code, said, _ = rota(
            "archive", "compress", "docs", "shared", "homes/eve", "--to", "x.zip", "--level", "9", "--split", "1.5MB",
            "--exclude", "*.tmp", "--exclude", "cache/**", "--manifest",
        )  # fmt: skip

    assert code == ExitCode.OK
    assert said.splitlines()[1:] == ["docs: x.zip", "2 entries: 10 B in 5 B"]
    given = newest(docs).params
    assert (given["paths"], given["target"], given["level"]) == (["shared", "homes/eve"], "x.zip", 9)
    assert (given["split_bytes"], given["exclude"], given["manifest"]) == (1_500_000, ["*.tmp", "cache/**"], True)


def test_compress_need_not_wait(docs: Console, rota: Run) -> None:
    code, said, _ = rota("archive", "compress", "docs", "shared", "--no-wait")

    assert (code, said.strip()) == (ExitCode.OK, newest(docs).id)


def test_extract_list_and_test_take_a_password_from_a_file(docs: Console, rota: Run, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    secret = ("--password-file", str(tmp_path / "password"))
    out = {"datasource": "docs", "path": "x", "format": "zip", "entries": 3, "bytes": 12, "skipped": 0, "noted": 0}
    listed = {"format": "zip", "entries": 1, "bytes": 4, "packed": 2, "encrypted": 1, "more": False}
    items = [{"path": "a.txt", "kind": "file", "size": 4, "modified": None}]

    with worker(docs, out):
        extracted = rota("archive", "extract", "docs", "x.zip", "--to", "x", "--max-bytes", "2GB", *secret)
    extracting = newest(docs)
    with worker(docs, {**listed, "items": items}):
        told = rota("archive", "list", "docs", "x.zip", "--member", "*.txt", *secret)
    with worker(docs, {"format": "zip", "entries": 1, "bytes": 4}):
        tested = rota("archive", "test", "docs", "x.zip", "--json", *secret)

    assert (extracted[0], extracted[1].splitlines()[1:]) == (ExitCode.OK, ["docs: x", "3 entries, 12 B"])
    assert (extracting.job, extracting.params["max_bytes"]) == ("extract-archive", 2 * 10**9)
    assert extracting.params["password"].startswith("sealed:")
    assert told[1].splitlines()[2:] == ["zip: 1 entry, 4 B, 1 encrypted"]
    assert json.loads(tested[1])["params"]["password"] == "***"
    assert "hunter2" not in "".join(map(str, (*extracted, *told, *tested)))


def test_what_is_refused_has_its_exit_code(docs: Console, rota: Run) -> None:
    assert rota("archive", "compress", "nothing", "a")[0] == ExitCode.NOT_FOUND
    assert rota("archive", "extract", "docs", "../x")[0] == ExitCode.REFUSED
    with pytest.raises(SystemExit) as usage:
        rota("archive", "compress", "docs", "a", "--split", "many")
    assert usage.value.code == ExitCode.USAGE


def test_get_fetches_a_file_whole(homes: Console, rota: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    code, said, _ = rota("files", "get", "docs", "homes/eve/photos/b.bin")

    assert (code, said) == (ExitCode.OK, "b.bin: 3.0 MB\n")
    assert Path("b.bin").read_bytes() == b"b" * 3_000_000
    assert rota("files", "get", "docs", "homes/eve/photos/b.bin")[0] == ExitCode.REFUSED
    assert rota("files", "get", "docs", "homes/eve/a.txt", "-o", "b.bin", "--force")[0] == ExitCode.OK
    assert Path("b.bin").read_bytes() == b"0123456789"
    assert rota("files", "get", "docs", "none")[0] == ExitCode.NOT_FOUND
    assert rota("files", "get", "docs", "a", "-o", "none/x")[0] == ExitCode.USAGE
    assert not list(tmp_path.glob(".rota-*.part"))


def test_get_takes_a_name_that_is_not_utf8(homes: Console, rota: Run, tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path / "docs") + b"/\xff.txt")).write_text("odd")

    assert rota("files", "get", "docs", os.fsdecode(b"\xff.txt"), "-o", str(tmp_path / "got"))[0] == ExitCode.OK
    assert (tmp_path / "got").read_text() == "odd"


class Shaky:
    """A console whose connections break after some bytes; `broken` of them do, one after the other."""

    CONTENT = bytes(range(256)) * 4_000

    def __init__(self, broken: int, *, after: int = 300_000, changing: bool = False) -> None:
        self.asked: list[str | None] = []
        self.tag = '"one"'
        shaky = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                shaky.asked.append(asked)
                start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
                content = shaky.CONTENT[start:]
                self.send_response(206 if asked else 200)
                self.send_header("ETag", f'"{len(shaky.asked)}"' if changing else shaky.tag)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                # The first request only looks.
                self.wfile.write(content[:after] if len(shaky.asked) <= broken + 1 else content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.client = Client(Connection(url=f"http://127.0.0.1:{self.server.server_address[1]}", token="t"))
        self._thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> Shaky:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def test_get_goes_on_where_the_connection_was_lost(tmp_path: Path) -> None:
    with Shaky(broken=2) as shaky:
        count = fetch(shaky.client, "docs", "x", tmp_path / "x")

        assert count == len(shaky.CONTENT)
        assert shaky.asked == [None, None, "bytes=300000-", "bytes=600000-"]
        assert (tmp_path / "x").read_bytes() == shaky.CONTENT
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_get_goes_on_in_a_later_call_and_begins_anew_with_another_version(tmp_path: Path) -> None:
    with Shaky(broken=1_000, after=0) as dead, pytest.raises(CommandFailed, match="try again") as failed:
        fetch(dead.client, "docs", "x", tmp_path / "x", pause_seconds=0)
    assert failed.value.code is ExitCode.UNREACHABLE
    assert not (tmp_path / "x").exists()
    (draft,) = tmp_path.iterdir()
    draft.write_bytes(Shaky.CONTENT[:1000])

    with Shaky(broken=0) as shaky:
        fetch(shaky.client, "docs", "x", tmp_path / "x")
        assert shaky.asked == [None, "bytes=1000-"]
    draft.write_bytes(b"older")
    with Shaky(broken=0) as shaky:
        shaky.tag = '"two"'
        fetch(shaky.client, "docs", "x", tmp_path / "x")
        assert shaky.asked == [None, None]

    assert (tmp_path / "x").read_bytes() == Shaky.CONTENT
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_get_says_in_one_line_what_it_cannot_write_to(homes: Console, rota: Run, tmp_path: Path) -> None:
    target = tmp_path / "got"
    target.symlink_to(tmp_path / "nowhere")
    file = ("files", "get", "docs", "homes/eve/a.txt", "-o")

    assert rota(*file, "-")[0] == ExitCode.USAGE
    assert rota(*file, str(target))[0] == ExitCode.REFUSED
    assert rota(*file, "/dev/null", "--force")[0] == ExitCode.REFUSED
    code, _, said = rota(*file, str(tmp_path / ("x" * 300)))

    assert (code, said.count("\n"), "too long" in said) == (ExitCode.FAILED, 1, True)
    assert target.is_symlink()
    assert not target.exists()


def test_get_writes_through_no_link_and_replaces_nothing_that_came_meanwhile(tmp_path: Path) -> None:
    with Shaky(broken=1_000, after=0) as dead, pytest.raises(CommandFailed):
        fetch(dead.client, "docs", "x", tmp_path / "x", pause_seconds=0)
    (draft,) = tmp_path.iterdir()
    draft.unlink()
    (tmp_path / "other").write_bytes(b"other")
    draft.symlink_to(tmp_path / "other")

    with Shaky(broken=0) as shaky:
        with pytest.raises(OSError, match="symbolic link"):
            fetch(shaky.client, "docs", "x", tmp_path / "x")
        draft.unlink()
        (tmp_path / "x").write_bytes(b"mine")
        with pytest.raises(CommandFailed, match="has come meanwhile"):
            fetch(shaky.client, "docs", "x", tmp_path / "x", replace=False)

    assert ((tmp_path / "other").read_bytes(), (tmp_path / "x").read_bytes()) == (b"other", b"mine")


def test_get_stops_when_the_file_changes_meanwhile(tmp_path: Path) -> None:
    with Shaky(broken=0, changing=True) as shaky, pytest.raises(CommandFailed, match="was changed while it was"):
        fetch(shaky.client, "docs", "x", tmp_path / "x")
    assert not (tmp_path / "x").exists()

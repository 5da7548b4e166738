"""The actors of upkeep on every kind of storage."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import asyncssh
import pytest

from actors.datasources.abilities import Drafting
from actors.datasources.opening import open_storage
from actors.datasources.sftp.storage import SftpStorage
from rota.datasources import Rules
from rota.errors import TemporaryError
from rota.times import DAY_MS
from store.engine import Store
from store.queries import outcomes, runs
from tests.factories import make_outcome, make_run, make_task
from tests.integration.actors.upkeep import Upkept, id_at, set_clock
from tests.storages.served import Served
from tests.storages.sftp import ServedSftp, no_fault
from tests.waiting import wait_until

_PROCESS = "tests.integration.storages.writing_process"
# WsgiDAV leaves the file of an upload that is cut for the garbage collector to close.
_CUT_UPLOADS = pytest.mark.filterwarnings("ignore:unclosed file .*rota-draft:ResourceWarning")


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """A store."""
    opened = Store(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def collected() -> Iterator[None]:
    """What a test leaves for the garbage collector goes with it, once its server has stopped."""
    yield
    gc.collect()


@pytest.fixture
def upkept(store: Store, served: Served, monkeypatch: pytest.MonkeyPatch) -> Upkept:
    """The storage as a datasource, looked after ten days from now."""
    made = Upkept(served.datasource, store)
    made.now_ms = time.time_ns() // 1_000_000 + 10 * DAY_MS
    set_clock(monkeypatch, made.now_ms)
    return made


def kill_while_writing(served: Served, path: str) -> None:
    """Begin to write a file, and kill -9 the process when the storage has the most of it."""
    given = {name: getattr(served.datasource, name) for name in ("name", "kind", "root", "options")}
    process = subprocess.Popen(
        [sys.executable, "-m", _PROCESS, json.dumps(given), path, "40"],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        wait_until(lambda: unfinished(served), timeout=30, what="something was written")
    finally:
        process.kill()
        process.communicate()


def unfinished(served: Served) -> list[str]:
    """Give what shows that a write was begun: uploads where the service keeps them, else drafts."""
    uploads = getattr(served, "uploads", None)
    if uploads is not None:
        return list(uploads())
    return [path.decode() for path in served.walk() if b".rota-draft-" in path]


@_CUT_UPLOADS
@pytest.mark.usefixtures("collected")
def test_what_a_killed_writer_left_goes(upkept: Upkept, served: Served) -> None:
    served.write(b"a/whole", b"whole")
    kill_while_writing(served, "a/file")
    before = served.walk()
    if served.datasource.kind != "s3":  # the twin of S3 says of every upload that it was begun in 2010
        assert upkept.counts(older_than="P11D") == {"kept": 1}
    assert len(unfinished(served)) == 1

    gone = 0

    def is_clean() -> bool:
        nonlocal gone
        result = upkept.clean()
        assert result.failed == 0
        gone += result.drafts + result.uploads
        return not unfinished(served)

    # A server may still be writing down what arrived last, and so long the draft stays.
    wait_until(is_clean)
    assert gone == 1
    assert {path: found for path, found in before.items() if b".rota-draft-" not in path} == served.walk()
    assert upkept.counts() == {}


@pytest.mark.parametrize("served", ["local", "s3", "sftp"], indirect=True)
def test_draft_of_a_task_stays_until_it_has_ended(upkept: Upkept, served: Served, store: Store) -> None:
    run = make_run()
    task = make_task(run, id=id_at(upkept.now_ms - 10 * DAY_MS))
    with store.writing() as conn:
        runs.insert_admitted(conn, [run], [task])
    served.write(b"a/whole", b"whole")
    with closing(open_storage(served.datasource)) as storage:
        assert isinstance(storage, Drafting)
        with closing(storage.draft(b"a/file", task.id)) as draft:
            draft.append(b"x" * 17 * 1024 * 1024)
            draft.keep()
            safe = draft.size
    assert safe > 0

    kept = upkept.counts()
    assert set(kept) == {"kept"}
    with closing(open_storage(served.datasource)) as storage:
        assert isinstance(storage, Drafting)
        with closing(storage.draft(b"a/file", task.id)) as draft:
            assert draft.size == safe

    with store.writing() as conn:
        outcomes.apply(conn, [make_outcome("finished", task)])
    counts = upkept.counts()
    assert counts["drafts"] == 1
    assert unfinished(served) == []
    assert {path for path, (kind, _) in served.walk().items() if kind == "file"} == {b"a/whole"}


@pytest.mark.parametrize("served", ["sftp"], indirect=True)
def test_file_that_a_server_had_set_aside_is_put_back(upkept: Upkept, served: ServedSftp) -> None:
    served.write(b"a/file", b"old")
    renames = 0

    async def end_between_the_steps(request: str, path: bytes) -> None:
        nonlocal renames
        if request == "posix_rename":
            raise asyncssh.SFTPOpUnsupported("not offered")
        renames += request == "rename"
        if renames >= 2:
            served.cut()
            raise asyncssh.SFTPFailure("the server went away")

    served.fault = end_between_the_steps
    storage = SftpStorage(served.datasource)
    with pytest.raises(TemporaryError):
        storage.write(b"a/file", [b"new"])
    storage.close()
    served.fault = no_fault
    assert b"a/file" not in served.walk()

    assert upkept.counts() == {"restored": 1, "drafts": 1, "bytes": 3}

    assert served.walk() == {b"a": ("folder", 0), b"a/file": ("file", 3)}
    assert Path(os.fsdecode(served.place(b"a/file"))).read_bytes() == b"old"
    assert upkept.run.events[-1].data == {"datasource": "remote", "paths": ["a"]}


def test_names_that_look_alike_stay(upkept: Upkept, served: Served) -> None:
    draft = id_at(upkept.now_ms - 10 * DAY_MS)
    for name in ("", "x", "-notauuid", f"-{draft}x", f"-{draft}-older"):
        served.write(f"a/.rota-draft{name}".encode(), b"1")
    served.write(f"a/x.rota-draft-{draft}".encode(), b"2")
    served.write(f".rota/tomb/.rota-draft-{draft}".encode(), b"3")
    before = served.walk()

    assert upkept.counts() == {}

    assert served.walk() == before


def test_traces_of_a_killed_deletion_go_from_the_bin(upkept: Upkept, served: Served) -> None:
    ids = [id_at(upkept.now_ms - 10 * DAY_MS, number) for number in range(3)]
    served.write(f".rota/bin/{ids[0]}.trashinfo".encode(), b"info")
    served.make_folder(f".rota/bin/{ids[1]}".encode())
    served.write(f".rota/bin/{ids[2]}/file".encode(), b"deleted")
    served.write(f".rota/bin/{ids[2]}.trashinfo".encode(), b"info")

    # Folders don't exist by themselves in an object store.
    assert upkept.counts()["infos"] == (1 if served.datasource.kind == "s3" else 2)

    assert {path for path, (kind, _) in served.walk().items() if kind == "file"} == {
        f".rota/bin/{ids[2]}/file".encode(),
        f".rota/bin/{ids[2]}.trashinfo".encode(),
    }


def test_empty_folders_go_where_they_exist(upkept: Upkept, served: Served) -> None:
    served.make_folder(b"empty/in/this")
    served.make_folder(b"full/and/empty")
    served.write(b"full/file", b"x")
    served.write(b"private/.rota-else", b"x")

    result = upkept.remove_folders()

    if served.datasource.kind == "s3":
        assert result.removed == 0
        assert any("folders don't exist by themselves" in line for line in upkept.said("info"))
        return
    assert (result.removed, result.kept, result.failed) == (5, 0, 0)
    assert set(served.walk()) == {b"full", b"full/file", b"private", b"private/.rota-else"}
    (event,) = upkept.run.events
    assert (event.type, event.data["paths"]) == ("storage.changed", [""])


def test_young_folders_stay(upkept: Upkept, served: Served) -> None:
    served.make_folder(b"empty/in/this")

    assert upkept.remove_folders(older_than="P11D").removed == 0


def test_home_of_a_removed_user_goes_into_the_bin(upkept: Upkept, served: Served) -> None:
    served.write(b"homes/alice/a/file", b"12345")
    served.write(b"homes/alice/b", b"123")
    served.write(b"homes/alice2/file", b"x")
    rules = Rules(homes="homes", allow_private=served.datasource.rules.allow_private, exclude=("a/",))
    upkept.datasource = type(served.datasource)(
        **{name: getattr(served.datasource, name) for name in ("name", "kind", "root", "options")}, rules=rules
    )

    result = upkept.clean_user("alice")

    # In an object store the folder `a` is there as long as the file in it.
    assert (result.moved, result.bytes) == (1, 8)
    ((_, item),) = upkept.run.recycled
    assert (item.original_path, item.kind) == (b"homes/alice", "folder")
    assert item.keep_until == upkept.now_ms + 30 * DAY_MS
    folder = b".rota/bin/" + item.bin_path
    files = {path: size for path, (kind, size) in served.walk().items() if kind == "file"}
    assert files.pop(folder.rpartition(b"/")[0] + b".trashinfo") > 0
    assert files == {folder + b"/a/file": 5, folder + b"/b": 3, b"homes/alice2/file": 1}
    assert upkept.clean_user("alice").moved == 0

"""The SFTP driver lists and reads, and never tells less than there is."""

from __future__ import annotations

import asyncio
import os
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import psutil
import pytest

from actors.datasources.scanning import scan
from actors.datasources.sftp.session import Session, all_of
from actors.datasources.sftp.storage import SftpStorage
from actors.datasources.storage import MARKER, Listing, Row, Unlisted, Why
from rota.datasources import Rules
from rota.errors import PermanentError, TemporaryError
from tests.storages.sftp import ServedSftp
from tests.trees import Fifo, File, Link, make_tree
from tests.waiting import wait_until

Open = Callable[..., SftpStorage]


def listed(storage: SftpStorage, path: bytes = b"") -> Listing:
    found = storage.list_folder(path)
    assert isinstance(found, Listing), found
    return found


class TestListing:
    def test_shows_kind_size_and_time_of_each_entry(self, served: ServedSftp, storage: SftpStorage) -> None:
        make_tree(
            served.folder, {"a.txt": File(b"four", modified=1_700_000_000.75), "b": {"c": File()}, "l": Link("a.txt")}
        )
        os.utime(served.folder / "b", (5, 5))
        os.utime(served.folder / "l", (7, 7), follow_symlinks=False)
        assert listed(storage).rows == [
            Row(b"a.txt", "file", 4, 1_700_000_000_000_000_000),
            Row(b"b", "folder", 0, 5_000_000_000),
            Row(b"l", "link", 5, 7_000_000_000),
        ]
        assert listed(storage).token == ""

    def test_asks_nothing_per_entry(self, served: ServedSftp, storage: SftpStorage) -> None:
        make_tree(served.folder, {"a": {"b": {f"{number:04}": File() for number in range(5_000)}}})
        found = listed(storage, b"a/b")
        assert [row.name for row in found.rows] == [f"{number:04}".encode() for number in range(5_000)]
        # The library's server looks at `.` and `..` itself; the rest is the way to the folder, before and after.
        assert [request for request in served.seen if request[0] == "lstat"].count(("lstat", b"/a/b")) == 2
        assert len(served.seen) < 12

    def test_keeps_odd_names_as_they_are(self, served: ServedSftp, storage: SftpStorage) -> None:
        accented = "caf\u00e9"
        names = {
            b"line\nbreak",
            b"not utf-8 \xff\xfe",
            b"x" * 255,
            unicodedata.normalize("NFC", accented).encode(),
            unicodedata.normalize("NFD", accented).encode(),
            b"Case",
            b"case",
            b" ",
            b"back\\slash",
            b"-rf",
        }
        for name in names:
            served.write(name, name)
        assert {row.name for row in listed(storage).rows} == names
        for name in names:
            with storage.open_file(name) as file:
                assert file.read() == name
            storage.rename(name, b"moved")
            storage.rename(b"moved", name)
        assert set(served.walk()) == names

    def test_leaves_out_private_names_globs_and_special_files(self, served: ServedSftp, opened: Open) -> None:
        make_tree(
            served.folder,
            {".rota": {"bin": {}}, ".rota-draft-1": File(), ".rotated": File(), "a.tmp": File(), "p": Fifo()},
        )
        found = listed(opened(rules=Rules(allow_private=True, exclude=("*.tmp",))))
        assert [row.name for row in found.rows] == [b".rotated"]
        assert found.special == 1

    def test_asks_by_itself_where_the_server_tells_names_only(self, served: ServedSftp, storage: SftpStorage) -> None:
        make_tree(served.folder, {"a": File(b"123"), "b": {}, "l": Link("a"), "p": Fifo()})
        full = listed(storage)
        served.bare = True
        assert listed(storage) == full
        assert [row.kind for row in full.rows] == ["file", "folder", "link"]

    def test_a_missing_folder_has_vanished_and_a_missing_root_is_a_fault(
        self, served: ServedSftp, opened: Open
    ) -> None:
        served.write(b"file", b"")
        for path in (b"gone", b"gone/deeper", b"file", b"file/deeper"):
            found = opened().list_folder(path)
            assert isinstance(found, Unlisted)
            assert found.why is Why.VANISHED
        found = opened("/not/there").list_folder(b"")
        assert isinstance(found, Unlisted)
        assert found.why is Why.FAILED

    @pytest.mark.parametrize("error", [asyncssh.SFTPPermissionDenied("no"), asyncssh.SFTPFailure("disk error")])
    def test_an_error_in_the_middle_is_told_and_nothing_short(
        self, served: ServedSftp, storage: SftpStorage, error: asyncssh.SFTPError
    ) -> None:
        make_tree(served.folder, {f"{number:03}": File() for number in range(300)})
        entries = 0

        async def fail_late(request: str, path: bytes) -> None:
            nonlocal entries
            entries += request == "entry"
            if entries == 250 and request == "entry":
                raise error

        served.fault = fail_late
        found = storage.list_folder(b"")
        assert isinstance(found, Unlisted)
        assert found.why is Why.FAILED
        assert len(listed(storage).rows) == 300

    def test_a_connection_cut_in_the_middle_is_temporary_and_the_next_call_connects_again(
        self, served: ServedSftp, storage: SftpStorage
    ) -> None:
        make_tree(served.folder, {f"{number:03}": File() for number in range(300)})
        entries = 0

        async def cut_late(request: str, path: bytes) -> None:
            nonlocal entries
            entries += request == "entry"
            if entries == 250:
                served.cut()

        served.fault = cut_late
        with pytest.raises(TemporaryError, match="broke"):
            storage.list_folder(b"")
        assert len(listed(storage).rows) == 300

    def test_a_folder_that_is_replaced_while_it_is_read_is_not_told_as_an_empty_one(
        self, served: ServedSftp, storage: SftpStorage
    ) -> None:
        make_tree(served.folder, {"a": {"file": File()}})

        async def replace(request: str, path: bytes) -> None:
            if request == "scandir":
                served.remove(b"a")
                served.make_folder(b"a")
                os.utime(served.place(b"a"), (5, 5))

        served.fault = replace
        found = storage.list_folder(b"a")
        assert isinstance(found, Unlisted)
        assert found.why is Why.VANISHED

    def test_a_whole_tree_is_scanned(self, served: ServedSftp, storage: SftpStorage) -> None:
        make_tree(served.folder, {"a": {"b": {"c": {"d": File()}}, "e": {}}, "f": File()})
        found = {part.path for part in scan(storage, [b""], lambda paths: {}) if isinstance(part, Listing)}
        assert found == {b"", b"a", b"a/b", b"a/b/c", b"a/e"}


class TestLinks:
    """Nothing is read, listed or written through a link, wherever it stands."""

    @pytest.fixture
    def outside(self, served: ServedSftp, tmp_path: Path) -> Path:
        place = tmp_path / "outside"
        make_tree(place, {"secret": File(b"secret"), "below": {"deep": File(b"deep")}})
        make_tree(served.folder, {"way": Link(str(place)), "here": {}, "file": Link(str(place / "secret"))})
        return place

    def test_that_stand_in_the_way(self, outside: Path, storage: SftpStorage) -> None:
        for path in (b"way", b"way/below", b"file"):
            found = storage.list_folder(path)
            assert isinstance(found, Unlisted)
            assert found.why is Why.VANISHED
        assert storage.stat(b"way/secret") is None
        for path in (b"way/secret", b"file"):
            with pytest.raises(OSError):
                storage.open_file(path)
        for change in (
            lambda: storage.write(b"way/new", [b"x"]),
            lambda: storage.make_folder(b"way/new"),
            lambda: storage.rename(b"way/secret", b"here/secret"),
            lambda: storage.rename(b"here", b"way/here"),
        ):
            with pytest.raises(OSError):
                change()
        storage.delete(b"way/secret")
        assert sorted(os.listdir(outside)) == ["below", "secret"]

    def test_are_deleted_and_replaced_themselves(self, outside: Path, storage: SftpStorage, served: ServedSftp) -> None:
        storage.write(b"file", [b"new"])
        storage.delete(b"way")
        assert served.walk() == {b"file": ("file", 3), b"here": ("folder", 0)}
        assert (outside / "secret").read_bytes() == b"secret"

    def test_that_are_swapped_in_just_before_the_folder_is_opened(
        self, outside: Path, storage: SftpStorage, served: ServedSftp
    ) -> None:
        async def swap(request: str, path: bytes) -> None:
            if request == "scandir":
                os.rmdir(served.place(b"here"))
                os.symlink(outside, served.place(b"here"))

        served.fault = swap
        found = storage.list_folder(b"here")
        assert isinstance(found, Unlisted)
        assert found.why is Why.VANISHED

    def test_that_are_swapped_in_just_before_the_file_is_opened(
        self, outside: Path, storage: SftpStorage, served: ServedSftp
    ) -> None:
        served.write(b"here/secret", b"harmless")

        async def swap(request: str, path: bytes) -> None:
            if request == "open":
                served.remove(b"here")
                os.symlink(outside, served.place(b"here"))

        served.fault = swap
        with pytest.raises(OSError):
            storage.open_file(b"here/secret")

    def test_that_are_gone_again_when_the_file_is_open_are_told_by_whose_file_it_is(
        self, outside: Path, storage: SftpStorage, served: ServedSftp
    ) -> None:
        served.write(b"here/secret", b"harmless")
        (outside / "secret").chmod(0o600)

        async def flip(request: str, path: bytes) -> None:
            if request == "open":
                os.rename(served.place(b"here"), served.place(b"aside"))
                os.symlink(outside, served.place(b"here"))
            elif request == "fstat":
                os.remove(served.place(b"here"))
                os.rename(served.place(b"aside"), served.place(b"here"))

        served.fault = flip
        with pytest.raises(OSError, match="replaced"):
            storage.open_file(b"here/secret")


class TestReading:
    def test_gives_all_bytes_in_any_order(self, served: ServedSftp, opened: Open) -> None:
        content = os.urandom(3_000_001)
        served.write(b"f", content)
        for in_flight in (1, 8):
            with opened(in_flight=in_flight).open_file(b"f") as file:
                assert file.read() == content
                assert file.seek(2_000_000) == 2_000_000
                assert file.read(10) == content[2_000_000:2_000_010]
                assert file.seek(-5, os.SEEK_END) == 2_999_996
                assert file.read() == content[-5:]
                assert file.read() == b""
                file.seek(1)
                assert file.read(700_000) == content[1:700_001]

    def test_reads_ahead_no_more_than_may_be_in_flight(self, served: ServedSftp, opened: Open) -> None:
        served.write(b"f", bytes(10_000_000))
        with opened(in_flight=4).open_file(b"f") as file:
            file.read(600_000)
            taken = len([request for request in served.seen if request[0] == "read"])
            assert taken <= 600_000 // (128 * 1024) + 1 + 4 + 1

    def test_a_jump_costs_one_piece(self, served: ServedSftp, storage: SftpStorage) -> None:
        served.write(b"f", bytes(10_000_000))
        with storage.open_file(b"f") as file:
            file.seek(-100, os.SEEK_END)
            assert len(file.read()) == 100
        assert len([request for request in served.seen if request[0] == "read"]) == 1

    def test_refuses_all_but_regular_files_and_does_not_wait_for_a_fifo(
        self, served: ServedSftp, storage: SftpStorage
    ) -> None:
        make_tree(served.folder, {"folder": {}, "fifo": Fifo()})
        for path, error in (
            (b"folder", IsADirectoryError),
            (b"fifo", OSError),
            (b"gone", FileNotFoundError),
            (b"", OSError),
        ):
            with pytest.raises(error):
                storage.open_file(path)

    def test_a_cut_connection_is_never_the_end_of_the_file(self, served: ServedSftp, storage: SftpStorage) -> None:
        content = os.urandom(3_000_000)
        served.write(b"f", content)
        reads = 0

        async def cut(request: str, path: bytes) -> None:
            nonlocal reads
            reads += request == "read"
            if reads == 10:
                served.cut()

        served.fault = cut
        with storage.open_file(b"f") as file, pytest.raises(TemporaryError, match="broke"):
            file.read()
        with storage.open_file(b"f") as file:
            assert file.read() == content

    def test_a_file_that_becomes_shorter_is_an_error(self, served: ServedSftp, storage: SftpStorage) -> None:
        served.write(b"f", bytes(3_000_000))
        with storage.open_file(b"f") as file:
            file.read(10)
            os.truncate(served.place(b"f"), 1_000)
            with pytest.raises(OSError, match="shorter"):
                file.read()


class TestStat:
    def test_tells_one_entry_or_none(self, served: ServedSftp, storage: SftpStorage) -> None:
        make_tree(served.folder, {"a": {"b": File(b"12", modified=9)}, "l": Link("nowhere"), "p": Fifo()})
        assert storage.stat(b"a/b") == Row(b"b", "file", 2, 9_000_000_000)
        link = storage.stat(b"l")
        assert link is not None
        assert link.kind == "link"
        root = storage.stat(b"")
        assert root is not None
        assert root.kind == "folder"
        for path in (b"gone", b"gone/b", b"a/b/c", b"p"):
            assert storage.stat(path) is None


class TestVerifying:
    def test_accepts_a_root_with_its_marker(self, served: ServedSftp, opened: Open) -> None:
        served.write(MARKER, b"the one\n")
        opened().verify()
        opened(marker="the one").verify()

    def test_refuses_another_marker_none_and_a_missing_root(self, served: ServedSftp, opened: Open) -> None:
        served.write(b"file", b"")
        for path in ("/gone", "/file"):
            with pytest.raises(PermanentError, match="cannot be reached"):
                opened(path).verify()
        with pytest.raises(PermanentError, match="is not there"):
            opened(marker="the one").verify()
        served.write(MARKER, b"another")
        with pytest.raises(PermanentError, match="another one's"):
            opened(marker="the one").verify()

    def test_finds_roots_with_odd_names_and_below_the_home_folder(self, served: ServedSftp, opened: Open) -> None:
        served.write("s\u00fcb folder\n/f".encode(), b"")
        for path in ("/s%C3%BCb%20folder%0A/", "/~/s\u00fcb%20folder%0A"):
            assert [row.name for row in listed(opened(path)).rows] == [b"f"]


def test_calls_of_many_threads_share_one_connection(served: ServedSftp, storage: SftpStorage) -> None:
    make_tree(served.folder, {f"{number:02}": {"f": File()} for number in range(20)})
    found: list[Listing] = []
    threads = [
        threading.Thread(target=lambda number=number: found.append(listed(storage, f"{number:02}".encode())))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {listing.path for listing in found} == {f"{number:02}".encode() for number in range(20)}
    assert len(served.connections) == 1


def test_no_more_requests_are_in_flight_than_may_be(opened: Open) -> None:
    at_once: list[int] = []
    now = 0

    async def request() -> None:
        nonlocal now
        now += 1
        at_once.append(now)
        await asyncio.sleep(0)
        now -= 1

    async def ask_often(session: Session) -> None:
        await all_of(*(session.ask(b"", request) for _ in range(20)))

    opened(in_flight=3)._run(ask_often)
    assert len(at_once) == 20
    assert max(at_once) == 3


def test_nothing_is_left_of_a_closed_storage(served: ServedSftp, opened: Open) -> None:
    served.write(b"f", bytes(1_000_000))
    before = set(threading.enumerate())  # those of earlier tests may end at any time
    storage = opened()
    storage.verify()
    file = storage.open_file(b"f")
    file.read(1)
    begun = set(threading.enumerate()) - before
    assert begun
    assert _connections(served)
    storage.close()
    storage.close()
    file.close()
    assert not begun & set(threading.enumerate())
    # One end of the connection is the server's, in this process as well.
    wait_until(lambda: not _connections(served))
    with pytest.raises(OSError, match="closed"):
        storage.stat(b"f")


def _connections(served: ServedSftp) -> list[Any]:
    """Give both ends of what is connected to the server."""
    found = psutil.Process().net_connections()
    return [each for each in found if each.raddr and served.port in (each.laddr.port, each.raddr.port)]

"""What the SFTP driver decides without a server."""

from __future__ import annotations

import asyncio
import errno
import threading
from dataclasses import dataclass

import pytest

from actors.datasources.sftp.place import parse_place
from actors.datasources.sftp.rows import error_of, has_same_owner, is_told, row_of, seconds_of
from actors.datasources.sftp.storage import SftpStorage
from actors.datasources.sftp.thread import LoopThread
from actors.datasources.sftp.writing import blocks
from actors.datasources.storage import Datasource, Row
from rota.errors import PermanentError, TemporaryError


@dataclass
class Told:
    """Attributes as a server tells them."""

    type: int
    size: int | None = None
    mtime: int | None = None
    uid: int | None = 1000
    gid: int | None = 1000
    permissions: int | None = 0o644


@pytest.mark.parametrize(
    ("root", "user", "host", "port", "path", "in_home"),
    [
        ("sftp://ada@files.example/data", "ada", "files.example", 22, b"/data", False),
        ("sftp://ada@files.example:2222/data/", "ada", "files.example", 2222, b"/data", False),
        ("sftp://ada@files.example", "ada", "files.example", 22, b"", False),
        ("sftp://ada%40corp@files.example/a%20b%FF", "ada@corp", "files.example", 22, b"/a b\xff", False),
        ("sftp://ada@[2001:db8::1]:22/d\u00e9", "ada", "2001:db8::1", 22, b"/d\xc3\xa9", False),
        ("sftp://ada@files.example/~/data", "ada", "files.example", 22, b"/data", True),
        ("sftp://ada@files.example/~", "ada", "files.example", 22, b"", True),
        ("sftp://ada@files.example/~bob", "ada", "files.example", 22, b"/~bob", False),
    ],
)
def test_a_root_is_read_into_its_parts(root: str, user: str, host: str, port: int, path: bytes, in_home: bool) -> None:
    place = parse_place(root)
    assert (place.user, place.host, place.port, place.path, place.in_home) == (user, host, port, path, in_home)


@pytest.mark.parametrize(
    ("root", "says"),
    [
        ("sftp://files.example/data", "must name the user"),
        ("https://ada@files.example/data", "sftp://"),
        ("sftp:///data", "sftp://"),
        ("sftp://ada@files.example:0/data", "port 0"),
        ("sftp://ada@files.example:99999/data", "no address"),
        ("sftp://ada@files.example/a%00b", "NUL"),
    ],
)
def test_a_root_that_leads_nowhere_is_refused_with_the_reason(root: str, says: str) -> None:
    with pytest.raises(PermanentError, match=says):
        parse_place(root)


def test_a_password_in_the_root_is_refused_and_not_repeated() -> None:
    with pytest.raises(PermanentError, match=r"options\.password") as raised:
        parse_place("sftp://ada:s3cret@files.example/data")
    assert "s3cret" not in str(raised.value)


def test_kinds_sizes_and_times_are_as_the_server_tells_them() -> None:
    assert row_of(b"a", Told(1, 7, 3)) == Row(b"a", "file", 7, 3_000_000_000)
    assert row_of(b"a", Told(2, 4096, 3)) == Row(b"a", "folder", 0, 3_000_000_000)
    assert row_of(b"a", Told(3, 5, 0)) == Row(b"a", "link", 5, 0)
    assert row_of(b"a", Told(1, 7)) == Row(b"a", "file", 7, 0)
    assert row_of(b"fifo", Told(9, 0, 3)) is None


def test_an_entry_of_unknown_kind_is_an_error_and_not_left_out() -> None:
    with pytest.raises(OSError, match="does not tell"):
        row_of(b"a", Told(5, 7, 3))


def test_only_what_has_the_same_owner_group_and_permissions_may_be_the_same_entry() -> None:
    assert has_same_owner(Told(1, 0, 0), Told(1, 7, 9))
    for other in (Told(1, uid=0), Told(1, gid=0), Told(1, permissions=0o600)):
        assert not has_same_owner(Told(1), other)
    assert has_same_owner(Told(1), Told(1, uid=None, gid=None, permissions=None))


def test_a_listing_tells_enough_if_it_has_kind_and_size() -> None:
    assert is_told(Told(1, 0))
    assert is_told(Told(2))
    assert not is_told(Told(1))
    assert not is_told(Told(5, 7, 3))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (2, FileNotFoundError),
        (3, PermissionError),
        (11, FileExistsError),
        (19, NotADirectoryError),
        (24, IsADirectoryError),
    ],
)
def test_a_status_becomes_the_error_of_the_same_meaning(code: int, error: type[OSError]) -> None:
    found = error_of(code, "reason", b"a/b")
    assert type(found) is error
    assert found.filename == b"a/b"


def test_a_status_that_says_nothing_is_told_in_the_server_s_words_cut_short() -> None:
    found = error_of(4, "disk\0quota" * 100, b"a")
    assert found.errno == errno.EIO
    assert "\0" not in str(found)
    assert len(str(found)) < 300


def test_times_that_the_protocol_cannot_carry_become_the_nearest_that_it_can() -> None:
    assert seconds_of(1_999_999_999) == 1
    assert seconds_of(-5) == 0
    assert seconds_of(2**63 - 1) == 2**32 - 1


def test_small_pieces_are_sent_together_and_none_is_lost() -> None:
    pieces = [bytes([number % 251]) * 100_000 for number in range(35)]
    found = list(blocks(pieces))
    assert b"".join(found) == b"".join(pieces)
    assert len(found) == 4
    assert list(blocks([b"", b""])) == []


def test_options_that_are_not_valid_are_refused_before_anything_is_opened() -> None:
    with pytest.raises(PermanentError, match="host_key"):
        SftpStorage(Datasource(name="far", kind="sftp", root="sftp://ada@files.example/"))


class TestLoopThread:
    def test_runs_coroutines_and_ends_with_its_farewell(self) -> None:
        said: list[str] = []

        async def farewell() -> None:
            said.append("bye")

        async def answer() -> int:
            return 42

        thread = LoopThread("loop under test", farewell=farewell)
        assert thread.run(answer()) == 42
        thread.close()
        thread.close()
        assert said == ["bye"]
        assert "loop under test" not in {other.name for other in threading.enumerate()}

    def test_has_no_thread_before_it_is_needed(self) -> None:
        async def farewell() -> None:
            raise AssertionError("nothing ran")

        thread = LoopThread("idle loop", farewell=farewell)
        assert "idle loop" not in {other.name for other in threading.enumerate()}
        thread.close()

    def test_what_still_runs_is_told_that_it_was_closed(self) -> None:
        async def nothing() -> None:
            pass

        thread = LoopThread("loop under test", farewell=nothing)
        waiting = thread.submit(asyncio.sleep(3600))
        thread.close()
        with pytest.raises(TemporaryError, match="closed"):
            thread.wait(waiting)

    def test_takes_nothing_more_once_it_is_closed(self) -> None:
        async def nothing() -> None:
            pass

        thread = LoopThread("loop under test", farewell=nothing)
        thread.close()
        with pytest.raises(OSError, match="closed"):
            thread.run(nothing())

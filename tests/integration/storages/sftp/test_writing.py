"""The SFTP driver writes: whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing

import asyncssh
import pytest

from actors.datasources.drafts import aside_of, draft_of
from actors.datasources.sftp.storage import SftpStorage
from actors.datasources.storage import Row
from rota.errors import TemporaryError
from tests.storages.sftp import ServedSftp
from tests.trees import File, Link, make_tree

CONTENT = os.urandom(5_000_000)


def pieces() -> Iterator[bytes]:
    for at in range(0, len(CONTENT), 70_000):
        yield CONTENT[at : at + 70_000]


def read(served: ServedSftp, path: bytes) -> bytes:
    with open(served.place(path), "rb") as file:
        return file.read()


async def refuse_replacing(request: str, path: bytes) -> None:
    if request == "posix_rename":
        raise asyncssh.SFTPOpUnsupported("not offered")


class TestWriting:
    def test_shows_the_old_file_until_the_new_one_is_whole(self, served: ServedSftp, storage: SftpStorage) -> None:
        served.write(b"a/f", b"old")
        seen: list[bytes] = []
        row = storage.write(
            b"a/f", pieces(), modified_ns=1_600_000_000_999_999_999, confirm=lambda: seen.append(read(served, b"a/f"))
        )
        assert seen == [b"old"]
        assert row == Row(b"f", "file", len(CONTENT), 1_600_000_000_000_000_000) == storage.stat(b"a/f")
        assert hashlib.sha256(read(served, b"a/f")).digest() == hashlib.sha256(CONTENT).digest()
        assert served.walk() == {b"a": ("folder", 0), b"a/f": ("file", len(CONTENT))}

    def test_asks_the_server_to_sync_before_the_file_gets_its_name(
        self, served: ServedSftp, storage: SftpStorage
    ) -> None:
        storage.write(b"f", [b"x"])
        requests = [request for request, _ in served.seen]
        assert requests.index("fsync") < requests.index("posix_rename")

    @pytest.mark.parametrize("given", [[], [b""], [b"x"], [b"", b"xy", b""], [CONTENT]])
    def test_takes_pieces_of_any_size(self, served: ServedSftp, storage: SftpStorage, given: list[bytes]) -> None:
        row = storage.write(b"f", given)
        assert read(served, b"f") == b"".join(given)
        assert row.size == len(b"".join(given))

    def test_leaves_the_old_file_and_nothing_else_if_the_pieces_or_the_confirmation_fail(
        self, served: ServedSftp, storage: SftpStorage
    ) -> None:
        served.write(b"f", b"old")

        def breaking() -> Iterator[bytes]:
            yield CONTENT
            raise KeyboardInterrupt

        def refuse() -> None:
            raise ValueError("not confirmed")

        with pytest.raises(KeyboardInterrupt):
            storage.write(b"f", breaking())
        with pytest.raises(ValueError, match="not confirmed"):
            storage.write(b"f", pieces(), confirm=refuse)
        assert read(served, b"f") == b"old"
        assert set(served.walk()) == {b"f"}
        # Every file that was opened was closed again.
        requests = [request for request, _ in served.seen]
        assert requests.count("open") == requests.count("close")

    @pytest.mark.parametrize("request_name", ["open", "write", "fsync", "close", "posix_rename"])
    def test_a_connection_cut_on_the_way_leaves_the_old_file_whole_and_no_draft(
        self, served: ServedSftp, storage: SftpStorage, request_name: str
    ) -> None:
        served.write(b"f", b"old")
        left = 5 if request_name == "write" else 1

        async def cut(request: str, path: bytes) -> None:
            nonlocal left
            if request == request_name:
                left -= 1
                if left == 0:
                    served.cut()
                    raise asyncssh.SFTPFailure("the server went away")

        served.fault = cut
        with pytest.raises(TemporaryError, match="broke"):
            storage.write(b"f", pieces())
        assert read(served, b"f") == b"old"
        assert set(served.walk()) == {b"f"}
        storage.write(b"f", pieces())
        assert read(served, b"f") == CONTENT

    def test_refuses_to_replace_a_folder_and_to_make_the_folders_on_the_way(
        self, served: ServedSftp, storage: SftpStorage
    ) -> None:
        served.make_folder(b"a")
        with pytest.raises(IsADirectoryError):
            storage.write(b"a", [b"x"])
        with pytest.raises(FileNotFoundError):
            storage.write(b"b/f", [b"x"])
        assert set(served.walk()) == {b"a"}

    def test_takes_a_file_that_the_server_has_in_part_for_an_error(
        self, served: ServedSftp, storage: SftpStorage
    ) -> None:
        async def lose(request: str, path: bytes) -> None:
            if request == "fsync":
                os.truncate(path, 10)

        served.fault = lose
        with pytest.raises(OSError, match="10 bytes of 5000000"):
            storage.write(b"f", pieces())
        assert served.walk() == {}


class TestServersThatCannotReplace:
    """They do not offer `posix-rename@openssh.com`."""

    def test_get_the_file_in_two_steps(self, served: ServedSftp, storage: SftpStorage) -> None:
        served.fault = refuse_replacing
        storage.write(b"f", [b"first"])
        assert read(served, b"f") == b"first"
        storage.write(b"f", pieces())
        assert read(served, b"f") == CONTENT
        assert set(served.walk()) == {b"f"}

    @pytest.mark.parametrize("is_cut", [False, True])
    def test_keep_the_old_file_if_the_second_step_fails(
        self, served: ServedSftp, storage: SftpStorage, is_cut: bool
    ) -> None:
        served.write(b"f", b"old")
        renames = 0

        async def fail(request: str, path: bytes) -> None:
            nonlocal renames
            await refuse_replacing(request, path)
            renames += request == "rename"
            if renames == 2 and request == "rename":
                if is_cut:
                    served.cut()
                raise asyncssh.SFTPFailure("no")

        served.fault = fail
        with pytest.raises(TemporaryError if is_cut else OSError):
            storage.write(b"f", pieces())
        assert read(served, b"f") == b"old"
        assert set(served.walk()) == {b"f"}

    @pytest.mark.parametrize("stale", [False, True])
    def test_are_not_held_up_by_what_a_killed_attempt_has_set_aside(
        self, served: ServedSftp, storage: SftpStorage, stale: bool
    ) -> None:
        task = "01900000-0000-7000-8000-000000000001"
        aside = aside_of(draft_of(b"f", task))
        served.make_folder(aside)
        served.write(b"f", b"old")
        if stale:
            served.write(aside + b"/f", b"older")
        served.fault = refuse_replacing
        with closing(storage.draft(b"f", task)) as draft:
            draft.append(b"new")
            draft.publish()
        assert read(served, b"f") == b"new"
        assert set(served.walk()) == {b"f"}


class TestFolders:
    def test_are_made_once_and_not_in_place_of_a_file(self, served: ServedSftp, storage: SftpStorage) -> None:
        served.write(b"f", b"")
        storage.make_folder(b"a")
        storage.make_folder(b"a")
        storage.make_folder(b"a/b")
        storage.make_folder(b"")
        with pytest.raises(FileExistsError):
            storage.make_folder(b"f")
        with pytest.raises(FileNotFoundError):
            storage.make_folder(b"gone/b")
        assert served.walk() == {b"a": ("folder", 0), b"a/b": ("folder", 0), b"f": ("file", 0)}


class TestRenaming:
    def test_moves_files_links_and_whole_folders(self, served: ServedSftp, storage: SftpStorage) -> None:
        make_tree(served.folder, {"a": {"f": File(b"1")}, "b": {}, "l": Link("nowhere")})
        storage.rename(b"a", b"b/c")
        storage.rename(b"b/c/f", b"f")
        storage.rename(b"l", b"b/l")
        assert set(served.walk()) == {b"b", b"b/c", b"b/l", b"f"}

    def test_never_replaces_anything_not_even_a_link_to_nowhere(self, served: ServedSftp, storage: SftpStorage) -> None:
        tree = {"a": File(b"1"), "b": File(b"2"), "folder": {}, "dangling": Link("nowhere")}
        make_tree(served.folder, tree)
        before = served.walk()
        for target in (b"b", b"folder", b"dangling", b"a", b""):
            with pytest.raises(FileExistsError):
                storage.rename(b"a", target)
        assert served.walk() == before

    def test_tells_a_target_that_came_meanwhile_from_any_other_failure(
        self, served: ServedSftp, storage: SftpStorage
    ) -> None:
        served.write(b"a", b"1")

        async def come(request: str, path: bytes) -> None:
            if request == "rename":
                served.write(b"b", b"2")
                raise asyncssh.SFTPFailure("Failure")

        served.fault = come
        with pytest.raises(FileExistsError):
            storage.rename(b"a", b"b")
        assert read(served, b"b") == b"2"

    def test_says_what_is_missing(self, served: ServedSftp, storage: SftpStorage) -> None:
        served.write(b"a", b"")
        for path, target in ((b"gone", b"b"), (b"a", b"gone/b")):
            with pytest.raises(FileNotFoundError):
                storage.rename(path, target)


class TestDeleting:
    def test_takes_files_links_and_empty_folders_and_what_is_not_there(
        self, served: ServedSftp, storage: SftpStorage
    ) -> None:
        make_tree(served.folder, {"f": File(), "a": {}, "l": Link("a"), "full": {"x": File()}})
        for path in (b"f", b"l", b"a", b"f", b"gone/deeper", b"full/x/deeper"):
            storage.delete(path)
        assert set(served.walk()) == {b"full", b"full/x"}
        with pytest.raises(OSError, match="not empty"):
            storage.delete(b"full")

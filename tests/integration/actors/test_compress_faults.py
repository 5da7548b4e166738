"""The actor `compress` where files change, vanish or cannot be read meanwhile, and where storages fail."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.storage import Unlisted, Why
from rota.errors import PermanentError, TemporaryError
from tests.integration.actors.compressed import Compressed, contents
from tests.integration.actors.pair import MakeFaulty, faulty_in
from tests.trees import File, make_tree

_MIB = 1024 * 1024
LARGE = 12 * _MIB
FORMATS = ["zip", "tar", "tar.gz", "tar.zst"]
CHANGED = "changed while it was read"


@pytest.fixture
def compressed(tmp_path: Path) -> Compressed:
    return Compressed(tmp_path)


@pytest.fixture
def make_faulty(monkeypatch: pytest.MonkeyPatch) -> MakeFaulty:
    return faulty_in("actors.compressing.setting", monkeypatch)


def before_opening(act: Callable[[], None], path: bytes = b"a/x") -> Callable[..., Any]:
    """Give a fault that does something right before a file is opened."""

    def open_file(real, opened):
        if opened == path:
            act()
        return real.open_file(opened)

    return open_file


def noted(done) -> dict[str, str]:
    return {note.path: note.note for note in done.notes}


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("size", [100_000, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("by", [-50_000, +50_000], ids=["shorter", "longer"])
def test_a_file_that_changes_is_noted_and_the_archive_stays_valid(compressed, make_faulty, format_, size, by):
    content = os.urandom(size)
    make_tree(compressed.origin, {"a": {"w": b"before", "x": content, "y": b"behind"}})
    changed = (content + os.urandom(50_000))[: size + by]
    make_faulty("source", open_file=before_opening(lambda: (compressed.origin / "a" / "x").write_bytes(changed)))

    done = compressed.compress("a", format=format_)

    assert noted(done) == {"a/x": CHANGED}
    found = contents(compressed.packed(f"a.{format_}"))
    assert (found["a/w"], found["a/y"]) == (b"before", b"behind")
    assert found["a/x"].rstrip(b"\0") == changed[:size].rstrip(b"\0")
    assert len(found["a/x"]) == (size if format_ != "zip" else min(size, size + by))
    assert done.bytes_in == 12 + min(size, size + by)


@pytest.mark.parametrize("size", [100_000, LARGE], ids=["small", "large"])
def test_a_file_that_is_written_while_it_is_read_is_noted(compressed, make_faulty, size):
    # Of another time: the clock of a file system goes in steps of some milliseconds.
    make_tree(compressed.origin, {"a": {"x": File(bytes(size), 1_600_000_000)}})
    file = compressed.origin / "a" / "x"
    make_faulty("source", open_file=before_opening(lambda: file.write_bytes(os.urandom(size))))

    assert noted(compressed.compress("a")) == {"a/x": CHANGED}


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("size", [100_000, LARGE], ids=["small", "large"])
def test_a_file_that_vanishes_is_noted_and_left_out(compressed, make_faulty, format_, size):
    make_tree(compressed.origin, {"a": {"w": b"before", "x": bytes(size), "y": b"behind"}})
    make_faulty("source", open_file=before_opening((compressed.origin / "a" / "x").unlink))

    done = compressed.compress("a", format=format_, manifest=True)

    assert noted(done) == {"a/x": "gone since it was listed"}
    assert contents(compressed.packed(f"a.{format_}")) == {"a/w": b"before", "a/y": b"behind"}
    assert (done.entries, done.bytes_in) == (3, 12)
    assert len((compressed.goal / f"a.{format_}.sha256").read_bytes().splitlines()) == 2
    assert compressed.run.reports[-1].done == compressed.run.reports[-1].total


def test_a_link_that_takes_the_place_of_a_file_leads_nowhere(compressed, make_faulty, tmp_path):
    (tmp_path / "secret").write_bytes(b"CANARY")
    make_tree(compressed.origin, {"a": {"x": b"123456", "deep": {"y": b"123456"}, "z": b""}})
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "y").write_bytes(b"CANARY")

    def swap() -> None:
        (compressed.origin / "a" / "x").unlink()
        (compressed.origin / "a" / "x").symlink_to(tmp_path / "secret")

    def swap_folder() -> None:
        (compressed.origin / "a" / "deep").rename(tmp_path / "away")
        (compressed.origin / "a" / "deep").symlink_to(tmp_path / "deep")

    def open_file(real, path):
        return (
            before_opening(swap)(real, path) if path == b"a/x" else before_opening(swap_folder, b"a/deep/y")(real, path)
        )

    make_faulty("source", open_file=open_file)
    done = compressed.compress("a", format="tar")

    assert sorted(noted(done)) == ["a/deep/y", "a/x"]
    assert contents(compressed.packed("a.tar")) == {"a/z": b""}
    assert b"CANARY" not in (compressed.goal / "a.tar").read_bytes()


@pytest.mark.parametrize("size", [100_000, LARGE], ids=["small", "large"])
def test_what_cannot_be_read_is_noted_with_the_reason(compressed, make_faulty, size):
    make_tree(compressed.origin, {"a": {"w": b"before", "x": bytes(size), "no": {"y": b""}}})

    def open_file(real, path):
        if path == b"a/x":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real.open_file(path)

    def list_folder(real, path):
        if path == b"a/no":
            return Unlisted(path=path, why=Why.FAILED, reason="Input/output error")
        return real.list_folder(path)

    make_faulty("source", open_file=open_file, list_folder=list_folder)
    done = compressed.compress("a")

    assert noted(done) == {"a/no": "cannot be listed: Input/output error", "a/x": "cannot be read: Permission denied"}
    assert contents(compressed.packed("a.zip")) == {"a/w": b"before"}
    assert compressed.said("warning") == [f"{path!r}: {note}" for path, note in noted(done).items()]


def test_a_large_file_that_cannot_be_read_on_ends_there(compressed, make_faulty):
    make_tree(compressed.origin, {"a": {"x": b"\1" * LARGE, "y": b"behind"}})
    breaking = {b"a/x": lambda file: _Breaking(file, 5 * _MIB)}
    make_faulty("source", open_file=lambda real, path: breaking.get(path, lambda file: file)(real.open_file(path)))

    done = compressed.compress("a", format="tar")

    assert noted(done) == {"a/x": "cannot be read on: Input/output error"}
    found = contents(compressed.packed("a.tar"))
    assert found == {"a/x": b"\1" * (5 * _MIB) + bytes(LARGE - 5 * _MIB), "a/y": b"behind"}
    assert done.bytes_in == 5 * _MIB + 6


def test_only_the_first_notes_are_in_the_result(compressed):
    make_tree(compressed.origin, {"a": {"x": b"1"}})
    for number in range(120):
        os.symlink("x", compressed.origin / "a" / f"l{number:03}")

    done = compressed.compress("a")

    assert (done.noted, len(done.notes)) == (120, 50)
    assert [note.path for note in done.notes] == [f"a/l{number:03}" for number in range(50)]


def test_where_nothing_can_be_read_no_archive_is_made(compressed, make_faulty):
    make_tree(compressed.origin, {"x": b"1"})
    make_faulty("source", open_file=before_opening((compressed.origin / "x").unlink, b"x"))

    with pytest.raises(PermanentError, match="nothing to pack"):
        compressed.compress("x")
    assert compressed.there() == []


def test_a_source_that_went_away_meanwhile_fails_instead_of_seeming_empty(compressed, make_faulty):
    make_tree(compressed.origin, {"a": {"x": b"1", "y": b"2"}})
    away = compressed.origin.with_name("away")

    def leave() -> None:
        compressed.origin.rename(away)
        compressed.origin.mkdir()

    make_faulty("source", open_file=before_opening(leave))
    with pytest.raises(PermanentError, match="took the place of its root"):
        compressed.compress("a")
    assert compressed.there() == []


def test_a_full_target_keeps_nothing(compressed, make_faulty, monkeypatch):
    make_tree(compressed.origin, {"a": {"x": os.urandom(3 * _MIB)}})
    monkeypatch.setattr("actors.compressing.making.KEEP_BYTES", 1)
    real_write = os.pwrite
    written = 0

    def pwrite(descriptor, data, offset):
        nonlocal written
        written += len(data)
        if written > 2 * _MIB:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_write(descriptor, data, offset)

    monkeypatch.setattr("os.pwrite", pwrite)
    with pytest.raises(PermanentError, match=r"'to/a.zip' cannot be written: No space left on device"):
        compressed.compress("a", target="to/a.zip", manifest=True)
    assert compressed.there() == []


def test_a_name_that_somebody_takes_meanwhile_is_left_to_them(compressed, make_faulty):
    make_tree(compressed.origin, {"a": {"x": b"1"}})
    make_faulty("source", open_file=before_opening(lambda: (compressed.goal / "a.zip").write_bytes(b"theirs")))

    with pytest.raises(TemporaryError, match="'a.zip' came to be there"):
        compressed.compress("a")
    assert compressed.there() == ["a.zip"]
    make_faulty("source")
    assert compressed.compress("a", run=compressed.next_run()).path == "a (2).zip"

    assert (compressed.goal / "a.zip").read_bytes() == b"theirs"


@pytest.mark.parametrize("conflict", ["number", "fail"])
def test_checksums_that_somebody_puts_there_meanwhile_are_left_alone(compressed, make_faulty, conflict):
    make_tree(compressed.origin, {"a": {"x": b"1"}})
    theirs = compressed.goal / "a.zip.sha256"
    make_faulty("source", open_file=before_opening(lambda: theirs.write_bytes(b"theirs")))

    with pytest.raises((PermanentError, TemporaryError), match=r"a\.zip\.sha256"):
        compressed.compress("a", manifest=True, conflict=conflict)

    assert compressed.there() == ["a.zip.sha256"]
    assert theirs.read_bytes() == b"theirs"


@pytest.mark.parametrize("conflict", ["number", "fail"])
def test_a_part_that_somebody_puts_there_meanwhile_stays_the_only_one(compressed, make_faulty, conflict):
    make_tree(compressed.origin, {"a": {"x": os.urandom(300_000)}})
    make_faulty("source", open_file=before_opening(lambda: (compressed.goal / "a.zip.002").write_bytes(b"theirs")))

    with pytest.raises((PermanentError, TemporaryError), match="'a.zip.002'"):
        compressed.compress("a", split_bytes=65_536, conflict=conflict)
    assert compressed.there() == ["a.zip.002"]


@pytest.mark.parametrize("conflict", ["number", "overwrite"])
def test_a_divided_archive_of_which_a_part_gets_no_name_is_not_there_at_all(compressed, monkeypatch, conflict):
    make_tree(compressed.origin, {"a": {"x": os.urandom(300_000)}})
    real_rename = os.rename

    def rename(source, target, **folders):
        if target == b"a.zip.002":
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        real_rename(source, target, **folders)

    monkeypatch.setattr("os.rename", rename)
    with pytest.raises(PermanentError, match="'a.zip' cannot be written: Operation not permitted"):
        compressed.compress("a", split_bytes=65_536, conflict=conflict, manifest=True)
    assert compressed.there() == []


class _Breaking:
    """A file that cannot be read beyond some byte, and that the operating system does not have open."""

    def __init__(self, file: Any, most: int) -> None:
        self._file = file
        self._left = most

    def read(self, count: int) -> bytes:
        if not self._left:
            raise OSError(errno.EIO, "Input/output error")
        data = self._file.read(min(count, self._left))
        self._left -= len(data)
        return data

    def fileno(self) -> int:
        raise OSError(errno.EBADF, "none")

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

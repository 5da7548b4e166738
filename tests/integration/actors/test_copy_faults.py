"""The actors `copy` and `move` when they are interrupted, and on storages that fail or change while they work."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.storage import Capabilities, Datasource, Unlisted, Why
from actors.transferring.large import LargeFiles
from rota.errors import Cancelled, Interrupted, LeaseLost, Paused, PermanentError, TemporaryError
from tests.integration.actors.carried import Carried, count, counted, files
from tests.integration.actors.mirrors import contents, drafts
from tests.integration.actors.pair import Faulty, MakeFaulty, faulty_in
from tests.trees import File, make_tree

_MIB = 1024 * 1024


@pytest.fixture
def carried(tmp_path: Path) -> Carried:
    return Carried(tmp_path)


@pytest.fixture
def one(tmp_path: Path) -> Carried:
    """A datasource that is source and target."""
    (tmp_path / "one").mkdir()
    datasource = Datasource(name="one", root=str(tmp_path / "one"))
    return Carried(tmp_path, source=datasource, target=datasource)


@pytest.fixture
def make_faulty(monkeypatch: pytest.MonkeyPatch) -> MakeFaulty:
    return faulty_in("actors.copying.carrying", monkeypatch)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files from 4 MiB on are large, and their chunks have 1 MiB."""
    monkeypatch.setattr(LargeFiles, "large_bytes", 4 * _MIB)
    monkeypatch.setattr(LargeFiles, "chunk_bytes", _MIB)


def interrupted(carried: Carried, reason: Interrupted, when: Callable[[], bool], deed: str, *paths: str, **params: Any):
    """Begin, and interrupt it when something is so."""
    run = carried.new_run()
    run.on_check = lambda number: run.interrupt(reason) if when() else None
    with pytest.raises(type(reason)):
        getattr(carried, deed)(*paths, run=run, **params)


# --- Interruptions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conflict", ["skip", "overwrite", "number"])
def test_a_paused_copy_goes_on_exactly_where_it_was(carried, conflict):
    tree = {f"d{n}": {str(k): File(b"%d" % k, 1_600_000_000) for k in range(30)} for n in range(10)}
    make_tree(carried.origin, {"f": tree, "x": b"1"})
    # The same files are there already, so that nobody can tell by looks which were copied.
    make_tree(carried.goal, {"f": {"d5": tree["d5"]}})

    interrupted(carried, Paused(), lambda: count(carried.goal) > 120, "copy", "f", "x", conflict=conflict)
    state = carried.run.checkpoints[-1]
    assert state["orderly"]
    done = carried.copy("f", "x", run=carried.next_run(), conflict=conflict)

    assert len(files(carried.goal)) == (331 if conflict == "number" else 301)
    assert counted(done)["copied"] == (271 if conflict == "skip" else 301)
    assert done.skipped == (30 if conflict == "skip" else 0)


def test_a_paused_copy_beside_itself_goes_on_in_the_same_folder(one):
    make_tree(one.origin, {"f": {f"d{n}": {str(k): b"1" for k in range(30)} for n in range(10)}, "f (2)": {}})

    interrupted(one, Paused(), lambda: count(one.origin) > 400, "copy", "f", target="", conflict="number")
    assert one.copy("f", run=one.next_run(), conflict="number").copied == 300

    assert sorted(os.listdir(one.origin)) == ["f", "f (2)", "f (3)"]
    assert contents(one.origin / "f (3)") == contents(one.origin / "f")


@pytest.mark.usefixtures("small_chunks")
def test_a_paused_large_file_keeps_its_draft_and_goes_on(carried, make_faulty):
    content = os.urandom(12 * _MIB + 5)
    make_tree(carried.origin, {"big": content})
    interrupted(carried, Paused(), lambda: bool(_begun(carried, 5)), "copy", "big", max_bytes_per_second=80 * _MIB)
    [draft] = drafts(carried.goal)
    sought: list[int] = []

    def open_file(real, path):
        file = real.open_file(path)
        return _Seeking(file, sought)

    make_faulty("source", open_file=open_file)
    assert carried.copy("big", run=carried.next_run()).verified == 1

    assert files(carried.goal) == {"big": content}
    assert sought[0] >= 5 * _MIB
    assert not os.path.exists(draft)


@pytest.mark.usefixtures("small_chunks")
def test_a_cancelled_copy_leaves_no_draft(carried):
    make_tree(carried.origin, {"big": os.urandom(12 * _MIB), "small": b"1"})

    interrupted(carried, Cancelled(), lambda: bool(_begun(carried, 3)), "copy", "big", max_bytes_per_second=80 * _MIB)

    assert contents(carried.goal) == {}
    assert drafts(carried.goal) == []


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("change", ["content", "size"])
def test_a_large_file_that_was_changed_meanwhile_is_copied_from_the_start(carried, change):
    make_tree(carried.origin, {"big": os.urandom(12 * _MIB)})
    interrupted(carried, Paused(), lambda: bool(_begun(carried, 5)), "copy", "big", max_bytes_per_second=80 * _MIB)
    content = os.urandom((12 if change == "content" else 8) * _MIB)
    make_tree(carried.origin, {"big": File(content, 1_600_000_000)})

    assert carried.copy("big", run=carried.next_run()).copied == 1

    assert files(carried.goal) == {"big": content}
    assert drafts(carried.goal) == []


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("damage", ["cut", "gone", "other", "link"])
def test_a_draft_that_was_damaged_meanwhile_does_no_harm(carried, tmp_path, damage):
    content = os.urandom(12 * _MIB)
    make_tree(carried.origin, {"big": content})
    interrupted(carried, Paused(), lambda: bool(_begun(carried, 5)), "copy", "big", max_bytes_per_second=80 * _MIB)
    [draft] = drafts(carried.goal)
    (tmp_path / "victim").write_bytes(b"v" * 20 * _MIB)
    if damage == "cut":
        os.truncate(draft, 2 * _MIB)
    elif damage == "other":
        with open(draft, "r+b") as file:
            file.write(b"damaged")
    else:
        os.unlink(draft)
        if damage == "link":
            os.link(tmp_path / "victim", draft)

    assert carried.copy("big", run=carried.next_run()).copied == 1

    assert files(carried.goal) == {"big": content}
    assert (tmp_path / "victim").read_bytes() == b"v" * 20 * _MIB
    assert drafts(carried.goal) == []


def test_a_failed_file_is_tried_again_and_no_other(carried, make_faulty):
    make_tree(carried.origin, {"f": {str(n): b"%d" % n for n in range(50)}})
    make_tree(carried.goal, {"f": {"7": b"old", "8": b"old"}})

    def open_file(real, path):
        if path == b"f/7":
            raise TemporaryError("the disk is busy")
        return real.open_file(path)

    make_faulty("source", open_file=open_file)
    with pytest.raises(TemporaryError, match="'f/7': the disk is busy"):
        carried.copy("f", conflict="number")
    assert len(files(carried.goal)) == 51
    make_faulty("source")

    assert carried.copy("f", run=carried.next_run(), conflict="number").copied == 50

    assert len(files(carried.goal)) == 52
    assert files(carried.goal)["f/7 (2)"] == b"7"


def _loses_an_answer() -> Callable[..., Any]:
    """Give a `write` that does its work and breaks off before the answer comes, once."""
    lost: list[bytes] = []

    def write(real, path, pieces, **options):
        row = real.write(path, pieces, **options)
        if not lost:
            lost.append(path)
            raise TemporaryError("the connection broke")
        return row

    return write


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("conflict", ["skip", "number", "overwrite", "newer"])
@pytest.mark.parametrize("deed", ["copy", "move"])
def test_a_copy_whose_answer_was_lost_is_known_again(carried, make_faulty, monkeypatch, deed, conflict, retries):
    monkeypatch.setattr("actors.copying.carrying.retries_between", lambda source, target: retries)
    monkeypatch.setattr("actors.datasources.retrying.pause_seconds", lambda tried, chance: 0.0)
    make_tree(carried.origin, {"a": File(b"1", 4_000_000_000), "b": b"2"})
    make_tree(carried.goal, {"a": b"old"} if conflict in {"overwrite", "newer"} else {})
    make_faulty("target", write=_loses_an_answer())

    if retries:
        done = getattr(carried, deed)("a", "b", conflict=conflict)
    else:
        with pytest.raises(TemporaryError, match="the connection broke"):
            getattr(carried, deed)("a", "b", conflict=conflict)
        make_faulty("target")
        done = getattr(carried, deed)("a", "b", run=carried.next_run(), conflict=conflict)

    assert files(carried.goal) == {"a": b"1", "b": b"2"}
    assert done.skipped == 0
    assert contents(carried.origin) == ({} if deed == "move" else contents(carried.goal))


@pytest.mark.parametrize("conflict", ["skip", "number", "overwrite"])
def test_a_folder_that_could_not_be_listed_is_visited_again(carried, make_faulty, conflict):
    make_tree(carried.origin, {"f": {f"d{n}": {"x": b"1", "y": b"2"} for n in range(9)}})

    def list_folder(real, path):
        if path == b"f/d3":
            return Unlisted(path=path, why=Why.FAILED, reason="page 2 is missing")
        return real.list_folder(path)

    make_faulty("source", list_folder=list_folder)
    with pytest.raises(PermanentError, match="'f/d3': cannot be listed in the source"):
        carried.copy("f", conflict=conflict)
    assert len(files(carried.goal)) == 16
    make_faulty("source")

    assert carried.copy("f", run=carried.next_run(), conflict=conflict).copied == 18

    assert contents(carried.goal) == contents(carried.origin)


def test_checkpoints_stay_small_whatever_fails(carried, make_faulty):
    tops = [f"{n:03}" + "\u00e9" * 120 for n in range(500)]
    make_tree(carried.origin, dict.fromkeys(tops, b"1"))

    def open_file(real, path):
        raise PermissionError(errno.EACCES, "Permission denied")

    make_faulty("source", open_file=open_file)
    with pytest.raises(PermanentError, match="499 more"):
        carried.copy(*tops)

    assert max(len(repr(state)) for state in carried.run.checkpoints) < 16 * 1024
    make_faulty("source")
    assert carried.copy(*tops, run=carried.next_run()).copied == 500


# --- What fails --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_chunks")
def test_a_full_target_ends_it_at_once_and_keeps_no_draft(carried, make_faulty):
    make_tree(carried.origin, {"f": {str(n): os.urandom(5 * _MIB) for n in range(4)}})

    def draft(real, path, key):
        opened = real.draft(path, key)
        written: list[bytes] = []

        def append(_real, piece):
            written.append(piece)
            if len(written) > 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            opened.append(piece)

        return Faulty(opened, append=append)

    make_faulty("target", draft=draft)
    with pytest.raises(PermanentError, match="takes no more: No space left"):
        carried.copy("f")

    assert files(carried.goal) == {}
    assert drafts(carried.goal) == []


@pytest.mark.usefixtures("small_chunks")
def test_a_large_file_that_is_damaged_on_its_way_is_found_out(carried, make_faulty):
    content = os.urandom(5 * _MIB)
    make_tree(carried.origin, {"big": content})
    damaged: list[int] = []

    def draft(real, path, key):
        opened = real.draft(path, key)

        def append(_real, piece):
            opened.append(piece if damaged else b"x" + piece[1:])
            damaged.append(1)

        return Faulty(opened, append=append)

    make_faulty("target", draft=draft)
    assert carried.copy("big").verified == 1

    assert files(carried.goal) == {"big": content}
    assert len(damaged) > 5


@pytest.mark.usefixtures("small_chunks")
def test_a_large_file_that_changes_on_its_way_is_copied_as_it_is_then(carried, make_faulty):
    make_tree(carried.origin, {"big": os.urandom(6 * _MIB)})
    opened: list[bytes] = []

    def open_file(real, path):
        file = real.open_file(path)
        if not opened:
            make_tree(carried.origin, {"big": File(b"y" * 5 * _MIB, 1_600_000_000)})
        opened.append(path)
        return file

    make_faulty("source", open_file=open_file)

    assert carried.copy("big").copied == 1
    assert files(carried.goal) == {"big": b"y" * 5 * _MIB}


@pytest.mark.usefixtures("small_chunks")
def test_an_attempt_that_lost_its_task_does_not_finish_a_large_file(carried):
    make_tree(carried.origin, {"big": os.urandom(5 * _MIB)})
    run = carried.new_run()

    def confirm() -> None:
        raise LeaseLost

    run.confirm = confirm
    with pytest.raises(LeaseLost):
        carried.copy("big", run=run)

    assert files(carried.goal) == {}
    assert len(drafts(carried.goal)) == 1
    assert carried.copy("big", run=carried.next_run()).copied == 1
    assert drafts(carried.goal) == []


def test_a_file_that_vanishes_is_told_and_is_no_failure(carried, make_faulty):
    make_tree(carried.origin, {"f": {"a": b"1", "b": b"2"}})

    def open_file(real, path):
        (carried.origin / "f/a").unlink(missing_ok=True)
        return real.open_file(path)

    make_faulty("source", open_file=open_file)
    carried.copy("f")

    assert files(carried.goal) == {"f/b": b"2"}


@pytest.mark.parametrize(
    ("conflict", "expected"),
    [("skip", {"a": b"theirs"}), ("number", {"a": b"theirs", "a (2)": b"ours"}), ("overwrite", {"a": b"theirs"})],
)
@pytest.mark.parametrize("deed", ["copy", "move"])
def test_what_comes_to_a_name_at_the_last_moment_is_not_overwritten(carried, make_faulty, deed, conflict, expected):
    make_tree(carried.origin, {"a": b"ours"})

    def open_file(real, path):
        if not (carried.goal / "a").exists():
            make_tree(carried.goal, {"a": b"theirs"})
        return real.open_file(path)

    make_faulty("source", open_file=open_file)
    if conflict == "overwrite":
        with pytest.raises(PermanentError, match="something came to be at its name"):
            getattr(carried, deed)("a", conflict=conflict)
    else:
        getattr(carried, deed)("a", conflict=conflict)

    assert files(carried.goal) == expected
    assert files(carried.origin) == ({} if deed == "move" and conflict == "number" else {"a": b"ours"})


def test_a_file_that_changes_after_it_was_copied_is_not_removed(carried, make_faulty):
    make_tree(carried.origin, {"a": b"1", "b": b"2"})

    def write(real, path, pieces, **options):
        row = real.write(path, pieces, **options)
        if path == b"a":
            make_tree(carried.origin, {"a": b"one"})
        return row

    make_faulty("target", write=write)
    with pytest.raises(TemporaryError, match="'a' was changed since it was copied"):
        carried.move("a", "b")

    assert files(carried.origin) == {"a": b"one"}
    assert files(carried.goal) == {"a": b"1", "b": b"2"}


def test_a_damaged_copy_never_costs_the_source(carried, make_faulty):
    make_tree(carried.origin, {"a": b"content"})
    make_faulty("target", write=lambda real, path, pieces, **options: real.write(path, [b"Content"], **options))

    with pytest.raises((TemporaryError, PermanentError)):
        carried.move("a")

    assert files(carried.origin) == {"a": b"content"}
    assert files(carried.goal) == {}


def test_where_a_rename_cannot_be_done_files_are_copied(one, make_faulty):
    make_tree(one.origin, {"f": {"a": b"1", "g": {"b": b"2"}}, "to": {}})

    def rename(real, path, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    make_faulty("one", rename=rename)

    assert counted(one.move("f", target="to")) == {"moved": 2, "bytes": 2, "folders": 2}
    assert contents(one.origin) == {
        b"to": None,
        b"to/f": None,
        b"to/f/a": b"1",
        b"to/f/g": None,
        b"to/f/g/b": b"2",
    }


def test_where_folders_do_not_move_their_files_do(one, make_faulty):
    make_tree(one.origin, {"f": {"a": b"1", "g": {"b": b"2"}}})

    def rename(real, path, target):
        assert not (one.origin / os.fsdecode(path)).is_dir()
        real.rename(path, target)

    make_faulty("one", rename=rename, capabilities=Capabilities(moves=False))

    assert one.move("f", target="to").moved == 2
    assert files(one.origin) == {"to/f/a": b"1", "to/f/g/b": b"2"}
    assert not (one.origin / "f").exists()


def test_a_file_that_cannot_take_the_place_of_another_leaves_it_there(one, make_faulty):
    make_tree(one.origin, {"a": b"new", "to": {"a": b"old"}})

    def rename(real, path, target):
        if path == b"a":
            raise PermissionError(errno.EACCES, "Permission denied")
        real.rename(path, target)

    make_faulty("one", rename=rename)
    with pytest.raises(PermanentError, match="Permission denied"):
        one.move("a", target="to", conflict="overwrite")

    assert files(one.origin) == {"a": b"new", "to/a": b"old"}
    assert drafts(one.origin) == []


class _Seeking:
    """A file that tells where it was sought to."""

    def __init__(self, file: Any, sought: list[int]) -> None:
        self._file = file
        self._sought = sought

    def seek(self, offset: int) -> int:
        self._sought.append(offset)
        return self._file.seek(offset)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _begun(carried: Carried, mib: int) -> bool:
    """Whether a checkpoint tells of a large file of which so much is done."""
    return any(begun[3] >= mib * _MIB for state in carried.run.checkpoints[-1:] for begun in state["begun"].values())

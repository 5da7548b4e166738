"""The actors `copy`, `move`, `mkdir` and `rename` onto every kind of storage, from it, and within it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.datasources.abilities import Drafting, Uploading
from actors.datasources.objects.writing import PART_BYTES
from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource, Storage
from actors.mkdir import MkdirParams, mkdir
from actors.rename import RenameParams, rename
from actors.transferring.large import LargeFiles
from rota.errors import Cancelled, Paused, PermanentError
from tests.integration.actors.carried import Carried, counted, files
from tests.integration.actors.mirrors import contents
from tests.storages.served import Served
from tests.trees import File, make_tree

_MIB = 1024 * 1024
OLD, NEW = 1_500_000_000, 4_000_000_000
TREE = {
    "a.txt": File(b"alpha", 1_600_000_000),
    "folder": {"b c": b"beta", "deep": {"c%41": b"", "d": bytes(range(256)) * 5_000}},
    "\u00e9 & #": {"e": b"e"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Datasource:
    """A folder of this machine."""
    (tmp_path / "here").mkdir()
    return Datasource(name="here", root=str(tmp_path / "here"))


@pytest.fixture
def onto(tmp_path: Path, folder: Datasource, served: Served) -> Carried:
    """From a folder onto the storage."""
    return Carried(tmp_path, source=folder, target=served.datasource)


@pytest.fixture
def back(tmp_path: Path, folder: Datasource, served: Served) -> Carried:
    """From the storage into a folder."""
    return Carried(tmp_path, source=served.datasource, target=folder)


@pytest.fixture
def within(tmp_path: Path, served: Served) -> Carried:
    """From the storage into itself."""
    return Carried(tmp_path, source=served.datasource, target=served.datasource)


@pytest.fixture
def storage(served: Served) -> Iterator[Storage]:
    """The storage, opened."""
    with closing(open_storage(served.datasource)) as opened:
        yield opened


def found(served: Served, storage: Storage) -> dict[str, bytes]:
    """Give all files of the storage, and check that nothing of ours was left there."""
    told: dict[str, bytes] = {}
    for path, (kind, _) in served.walk().items():
        if kind == "file":
            assert not any(part.startswith(b".rota") for part in path.split(b"/")), path
            with storage.open_file(path) as file:
                told[path.decode()] = file.read()
    return told


def test_a_tree_goes_there_and_comes_back(onto, back, served, storage):
    make_tree(onto.origin, TREE)
    tops = sorted(os.listdir(onto.origin))

    assert onto.copy(*tops, target="to/there").copied == 5
    assert found(served, storage) == {f"to/there/{path}": content for path, content in files(onto.origin).items()}
    assert back.copy("to/there", target="back").copied == 5

    assert files(back.goal / "back/there") == {
        path: content for path, content in files(onto.origin).items() if not path.startswith("back/")
    }


def test_a_tree_moves_there_and_back(onto, back, served, storage):
    make_tree(onto.origin, TREE)
    before = files(onto.origin)

    assert onto.move(*sorted(os.listdir(onto.origin))).moved == 5
    assert contents(onto.origin) == {}
    assert found(served, storage) == before
    assert back.move("a.txt", "folder", "\u00e9 & #").moved == 5

    assert files(back.goal) == before
    assert {path for path, (kind, _) in served.walk().items() if kind == "file"} == set()


@pytest.mark.parametrize("deed", ["copy", "move"])
@pytest.mark.parametrize(
    ("conflict", "expected"),
    [
        ("skip", {"f/a": b"old", "f/own": b"3"}),
        ("overwrite", {"f/a": b"new", "f/own": b"3"}),
        ("number", {"f/a": b"old", "f/a (2)": b"new", "f/own": b"3"}),
        ("newer", {"f/a": b"new", "f/own": b"3"}),
    ],
)
def test_what_is_there_follows_the_policy(onto, served, storage, deed, conflict, expected):
    make_tree(onto.origin, {"f": {"a": File(b"new", NEW), "sub": {"x": b"1"}}})
    served.write(b"f/a", b"old")
    served.write(b"f/own", b"3")

    getattr(onto, deed)("f", conflict=conflict)

    assert found(served, storage) == expected | {"f/sub/x": b"1"}
    stays = {"f/a": b"new"} if deed == "move" and conflict == "skip" else {}
    assert files(onto.origin) == (stays if deed == "move" else {"f/a": b"new", "f/sub/x": b"1"})


def test_older_files_overwrite_nothing_where_newer_ones_shall(onto, served, storage):
    make_tree(onto.origin, {"a": File(b"older", OLD)})
    served.write(b"a", b"newer")

    assert counted(onto.copy("a", conflict="newer")) == {"skipped": 1}
    assert found(served, storage) == {"a": b"newer"}


def test_a_move_within_the_storage(within, served, storage):
    for path in (b"f/a", b"f/deep/b", b"x", b"to/f/a", b"to/f/own"):
        served.write(path, path)

    within.move("f", "x", target="to", conflict="overwrite")

    assert found(served, storage) == {
        "to/f/a": b"f/a",
        "to/f/deep/b": b"f/deep/b",
        "to/f/own": b"to/f/own",
        "to/x": b"x",
    }
    assert b"f" not in served.walk()
    assert set(within.events()) == {served.datasource.name}


def test_a_copy_within_the_storage(within, served, storage):
    for path in (b"f/a", b"f/deep/b"):
        served.write(path, path)

    assert within.copy("f", conflict="number").copied == 2
    assert within.copy("f", target="f (2)/new").copied == 2
    with pytest.raises(PermanentError, match="cannot go into itself"):
        within.copy("f", target="f/deep")

    assert found(served, storage) == {
        f"{place}/{path}": f"f/{path}".encode() for place in ("f", "f (2)", "f (2)/new/f") for path in ("a", "deep/b")
    }


def test_a_file_never_replaces_a_folder_nor_a_folder_a_file(onto, served, storage):
    make_tree(onto.origin, {"a": b"file", "b": {"x": b"1"}, "g": b"fine"})
    served.write(b"a/y", b"2")
    served.write(b"b", b"file")

    with pytest.raises(PermanentError, match="not everything was copied"):
        onto.copy("a", "b", "g", conflict="overwrite")

    assert found(served, storage) == {"a/y": b"2", "b": b"file", "g": b"fine"}


@pytest.fixture
def small_chunks(served: Served, monkeypatch: pytest.MonkeyPatch) -> int:
    """How much is safe at once: a part where the storage takes parts."""
    chunk = PART_BYTES if served.datasource.kind == "s3" else _MIB
    monkeypatch.setattr(LargeFiles, "large_bytes", 2 * chunk)
    monkeypatch.setattr(LargeFiles, "chunk_bytes", chunk)
    return chunk


def _interrupted(onto: Carried, chunk: int, reason: Exception) -> bytes:
    """Copy a file of four chunks, and interrupt it when two of them are safe."""
    content = os.urandom(4 * chunk + 5)
    make_tree(onto.origin, {"big": content})
    run = onto.new_run()

    def on_check(_number: int) -> None:
        begun = run.checkpoints[-1]["begun"].values() if run.checkpoints else ()
        if any(fields[3] >= 2 * chunk for fields in begun):
            run.interrupt(reason)

    run.on_check = on_check
    with pytest.raises(type(reason)):
        onto.copy("big", target="to", run=run)
    return content


def test_a_large_file_goes_on_where_it_was(onto, served, storage, small_chunks, monkeypatch):
    if not isinstance(storage, Drafting):
        pytest.skip("has no drafts")
    content = _interrupted(onto, small_chunks, Paused())
    sought: list[int] = []
    real = LargeFiles._open  # noqa: SLF001 -- tells how much was built upon

    def opened(self, goal, row):
        found = real(self, goal, row)
        sought.append(found[1])
        return found

    monkeypatch.setattr(LargeFiles, "_open", opened)
    assert onto.copy("big", target="to", run=onto.next_run()).verified == 1

    assert found(served, storage) == {"to/big": content}
    assert sought[0] >= 2 * small_chunks
    assert not isinstance(storage, Uploading) or list(storage.unfinished()) == []


def test_a_cancelled_large_file_leaves_nothing(onto, served, storage, small_chunks):
    if not isinstance(storage, Drafting):
        pytest.skip("has no drafts")
    _interrupted(onto, small_chunks, Cancelled())

    assert found(served, storage) == {}
    assert not isinstance(storage, Uploading) or list(storage.unfinished()) == []


def test_a_paused_tree_goes_on(onto, served, storage):
    make_tree(onto.origin, {"f": {f"d{n}": {str(k): b"%d" % k for k in range(5)} for n in range(6)}})
    run = onto.new_run()
    run.on_check = lambda number: run.interrupt(Paused()) if number > 60 else None
    with pytest.raises(Paused):
        onto.copy("f", run=run, conflict="number")
    assert run.checkpoints[-1]["counts"]["copied"] < 30

    assert onto.copy("f", run=onto.next_run(), conflict="number").copied == 30

    assert found(served, storage) == files(onto.origin)


def test_folders_are_made(onto, served, storage):
    run = onto.new_run()
    given = MkdirParams(datasource=served.datasource.name, paths=("a/b/c", "a/d"))
    made = 4 if storage.capabilities.folders else 0

    assert mkdir(run, given).made == made
    assert mkdir(run, given).made == 0

    assert {path for path, (kind, _) in served.walk().items() if kind == "folder"} == (
        {b"a", b"a/b", b"a/b/c", b"a/d"} if made else set()
    )


def test_names_are_changed(onto, served, storage):
    for path in (b"f/IMG_1", b"f/IMG_d/IMG_2", b"f/1"):
        served.write(path, path)
    run = onto.new_run()
    given = {"datasource": served.datasource.name, "paths": ("f",), "pattern": "IMG_(.)", "recursive": True}

    done = rename(run, RenameParams(**given, replacement=r"\1", scope="both"))

    moves = storage.capabilities.moves
    assert (done.renamed, done.skipped) == ((2, 1) if moves else (1, 2))
    assert found(served, storage) == {
        "f/1": b"f/1",
        "f/IMG_1": b"f/IMG_1",
        f"f/{'' if moves else 'IMG_'}d/2": b"f/IMG_d/IMG_2",
    }

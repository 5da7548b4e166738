"""Trees: folders that are filled under a private name, here and in storages whose drivers know no better way."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.abilities import Planting, Tree
from actors.datasources.drafts import DraftKind, draft_of, parse_draft, tree_of
from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import Datasource, Storage
from actors.datasources.trees import StoredTree, go_on, is_left, plant, remove
from rota.errors import LeaseLost
from rota.ids import new_id
from tests.integration.actors.pair import Faulty
from tests.trees import Fifo, Link, make_tree

KEY = "01900000-0000-7000-8000-000000000002"


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[LocalStorage]:
    """A folder of this machine, of which everything shows."""
    with closing(LocalStorage(Datasource(name="files", root=str(tmp_path), whole=True))) as opened:
        yield opened


Plant = Callable[..., Tree]


@pytest.fixture(params=["local", "stored"])
def planted(request: pytest.FixtureRequest, storage: LocalStorage) -> Iterator[Plant]:
    """Begin trees in the driver's own way, or as where it knows none; each is closed in the end."""
    made: list[Tree] = []

    def begin(path: bytes = b"goal", key: str = KEY) -> Tree:
        tree = plant(storage, path, key) if request.param == "local" else StoredTree(storage, path, key)
        made.append(tree)
        return tree

    yield begin
    for tree in made:
        tree.close()


def shown(root: Path) -> dict[str, bytes | None]:
    """Give the content of all files and None for folders, private names included."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in root.rglob("*")
    }


def test_names_of_trees_are_private_and_tell_whose_they_are() -> None:
    key = new_id()
    draft = parse_draft(tree_of(b"goal", key))

    assert draft is not None
    assert (draft.kind, draft.id) == (DraftKind.TREE, key)
    assert tree_of(b"a/goal", key).startswith(b"a/.rota-draft-")
    assert tree_of(b"goal", key) != tree_of(b"other", key)
    assert parse_draft(b".rota-draft-" + key.encode() + b"-tree") is None


def test_a_tree_shows_nothing_before_it_is_published(planted: Plant, storage: LocalStorage, tmp_path: Path) -> None:
    tree = planted()
    tree.make_folder(b"empty/deep")
    assert tree.write(b"a/b/file", iter([b"one", b"two"]), modified_ns=1_500_000_000_000_000_000) == 6
    tree.write(b"top", [])
    tree.finish()

    assert all(name.startswith(".rota-draft-") for name in shown(tmp_path))
    row = tree.publish()

    assert (row.name, row.kind) == (b"goal", "folder")
    assert shown(tmp_path) == {
        "goal": None,
        "goal/a": None,
        "goal/a/b": None,
        "goal/a/b/file": b"onetwo",
        "goal/empty": None,
        "goal/empty/deep": None,
        "goal/top": b"",
    }
    assert (tmp_path / "goal/a/b/file").stat().st_mtime == 1_500_000_000
    tree.discard()
    assert (tmp_path / "goal").is_dir()


def test_nothing_in_a_tree_is_replaced(planted: Plant, tmp_path: Path) -> None:
    tree = planted()
    tree.write(b"a", [b"first"])

    with pytest.raises(FileExistsError):
        tree.write(b"a", [b"second"])
    tree.publish()

    assert (tmp_path / "goal/a").read_bytes() == b"first"


def test_what_raises_leaves_no_file(planted: Plant, tmp_path: Path) -> None:
    tree = planted()

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise KeyError

    with pytest.raises(KeyError):
        tree.write(b"a", broken())
    tree.publish()

    assert shown(tmp_path) == {"goal": None}


def test_files_that_were_made_can_be_read(planted: Plant) -> None:
    tree = planted()
    tree.write(b"d/a", [b"x" * 3_000_000])

    assert b"".join(tree.read(b"d/a")) == b"x" * 3_000_000
    with pytest.raises(FileNotFoundError):
        list(tree.read(b"d/b"))


def test_a_name_that_is_taken_stays(planted: Plant, tmp_path: Path) -> None:
    make_tree(tmp_path, {"goal": {"old": b"1"}})
    tree = planted()
    tree.write(b"new", [b"2"])

    with pytest.raises(FileExistsError):
        tree.publish()
    tree.publish(b"goal (2)")

    assert shown(tmp_path) == {"goal": None, "goal/old": b"1", "goal (2)": None, "goal (2)/new": b"2"}


def test_nothing_gets_its_name_for_one_who_lost_the_task(planted: Plant, tmp_path: Path) -> None:
    tree = planted()
    tree.write(b"a", [b"1"])

    def lost() -> None:
        raise LeaseLost

    with pytest.raises(LeaseLost):
        tree.publish(confirm=lost)

    assert not (tmp_path / "goal").exists()


def test_a_tree_that_is_discarded_is_gone(planted: Plant, storage: LocalStorage, tmp_path: Path) -> None:
    tree = planted()
    for number in range(30):
        tree.write(b"d%d/e/f" % (number % 5) + b"%d" % number, [b"1"])
    assert is_left(storage, b"goal", KEY)

    tree.discard()
    tree.discard()

    assert shown(tmp_path) == {}
    assert not is_left(storage, b"goal", KEY)


def test_what_an_earlier_attempt_left_is_removed(planted: Plant, tmp_path: Path) -> None:
    planted().write(b"old/a", [b"old"])

    tree = planted()
    tree.write(b"new", [b"new"])
    tree.publish()

    assert shown(tmp_path) == {"goal": None, "goal/new": b"new"}


def test_an_attempt_that_still_writes_does_not_meet_the_next_one(planted: Plant, tmp_path: Path) -> None:
    old = planted()
    old.write(b"a", [b"old"])
    new = planted()
    new.write(b"a", [b"new"])

    with pytest.raises(FileNotFoundError):
        old.write(b"later/b", [b"old"])
    old.discard()
    with pytest.raises(OSError, match="another folder|No such file"):
        old.publish()
    new.publish()

    assert (tmp_path / "goal/a").read_bytes() == b"new"
    assert sorted(shown(tmp_path)) == ["goal", "goal/a"]


def test_trees_of_two_tasks_and_two_folders_lie_beside_each_other(planted: Plant, tmp_path: Path) -> None:
    trees = [planted(), planted(key=new_id()), planted(b"other")]
    for number, tree in enumerate(trees):
        tree.write(b"a", [b"%d" % number])

    trees[0].publish()
    trees[1].publish(b"goal (2)")
    trees[2].publish()

    assert [(tmp_path / name / "a").read_bytes() for name in ("goal", "goal (2)", "other")] == [b"0", b"1", b"2"]


def test_files_move_into_a_folder_that_is_there(planted: Plant, tmp_path: Path) -> None:
    make_tree(tmp_path, {"there": {"a": b"old", "b": b"old"}})
    tree = planted(b"there")
    for name in (b"a", b"b", b"d/c"):
        tree.write(name, [b"new"], modified_ns=1_500_000_000_000_000_000)
    tree.finish()

    tree.merge(b"a", b"there/a", replace=True)
    with pytest.raises(FileExistsError):
        tree.merge(b"b", b"there/b", replace=False)
    tree.merge(b"d/c", b"there/c", replace=False)
    tree.discard()

    assert shown(tmp_path) == {"there": None, "there/a": b"new", "there/b": b"old", "there/c": b"new"}
    assert (tmp_path / "there/a").stat().st_mtime == 1_500_000_000


def test_many_threads_write_many_folders(planted: Plant, tmp_path: Path) -> None:
    tree = planted()
    paths = [b"d%d/e%d/f%d" % (number % 90, number % 7, number) for number in range(1200)]

    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(lambda path: tree.write(path, [path]), paths))
    tree.publish()

    assert sizes == [len(path) for path in paths]
    assert {path.encode() for path, content in shown(tmp_path / "goal").items() if content is not None} == set(paths)


# What only folders of this machine can do.


@pytest.fixture
def tree(storage: LocalStorage) -> Iterator[Tree]:
    """A tree of this machine."""
    with closing(storage.tree(b"goal", KEY)) as begun:
        yield begun


def test_modes_are_ours_whatever_the_process_masks(storage: LocalStorage, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with closing(storage.tree(b"goal", KEY)) as tree:
            tree.write(b"d/plain", [b"1"])
            tree.write(b"d/program", [b"1"], executable=True)
            [growing] = list(tmp_path.iterdir())
            assert stat.S_IMODE(growing.stat().st_mode) == 0o700
            tree.publish()
    finally:
        os.umask(before)

    modes = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"goal": 0o755, "goal/d": 0o755, "goal/d/plain": 0o644, "goal/d/program": 0o755}


def test_folders_have_their_times_at_the_end(tree: Tree, tmp_path: Path) -> None:
    tree.make_folder(b"a/b")
    tree.write(b"a/b/c", [b"1"])
    tree.finish([(b"a", 10**18), (b"a/b", 2 * 10**18 - 1), (b"", 10**17)])
    tree.publish()

    times = [(tmp_path / name).stat().st_mtime_ns for name in ("goal/a", "goal/a/b", "goal")]
    assert times == [10**18, 2 * 10**18 - 1, 10**17]


def test_nothing_is_written_through_a_link(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    tree.make_link(b"out", str(tmp_path / "outside").encode())
    tree.make_link(b"file", b"../outside/file")

    for path in (b"out/x", b"out/deep/x", b"file"):
        with pytest.raises(OSError, match="Not a directory|symbolic links|File exists"):
            tree.write(path, [b"1"])
    with pytest.raises(OSError, match="Not a directory|symbolic links|File exists"):
        list(tree.read(b"file"))

    assert list((tmp_path / "outside").iterdir()) == []


def test_what_was_put_at_the_name_of_a_tree_is_neither_filled_nor_removed(
    storage: LocalStorage, tree: Tree, tmp_path: Path
) -> None:
    private = tmp_path / os.fsdecode(tree_of(b"goal", KEY))
    private.rename(tmp_path / "moved")
    make_tree(private, {"theirs": b"1"})
    tree.write(b"mine", [b"2"])

    with pytest.raises(OSError, match="another folder"):
        tree.publish()
    tree.discard()

    assert shown(private) == {"theirs": b"1"}
    assert shown(tmp_path / "moved") == {"mine": b"2"}


@pytest.mark.parametrize("found", [{"x": Link("/"), "f": Fifo()}, Link("/etc"), b"file"])
def test_whatever_has_the_name_of_a_tree_makes_room(storage: LocalStorage, tmp_path: Path, found: object) -> None:
    make_tree(tmp_path, {tree_of(b"goal", KEY): found})

    with closing(storage.tree(b"goal", KEY)) as tree:
        tree.write(b"a", [b"1"])
        tree.publish()

    assert shown(tmp_path / "goal") == {"a": b"1"}
    assert Path("/etc").is_dir()


def test_a_tree_of_many_levels_is_removed(storage: LocalStorage, tmp_path: Path) -> None:
    with closing(storage.tree(b"goal", KEY)) as tree:
        for depth in range(1, 20):
            tree.write(b"/".join([b"d"] * depth) + b"/file", [b"1234"])
        for number in range(4100):
            tree.write(b"wide/%d" % number, [b""])
    private = tree_of(b"goal", KEY)

    assert remove(storage, private) == 19 * 4
    assert remove(storage, private) == 0
    assert shown(tmp_path) == {}


def test_free_room_is_told(tree: Tree) -> None:
    assert (tree.free_bytes() or 0) > 0


def test_descriptors_are_given_back(storage: LocalStorage) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with closing(storage.tree(b"goal", KEY)) as tree:
        for number in range(400):
            tree.write(b"d%d/e/f" % number, [b""])
        assert len(set(os.listdir("/proc/self/fd")) - before) < 280
    tree.close()

    assert set(os.listdir("/proc/self/fd")) <= before


# Where a folder cannot be renamed in one step.


class _Immobile(Faulty):
    """A storage in which only files can be renamed."""

    def __init__(self, real: LocalStorage, **faults: object) -> None:
        capabilities = replace(real.capabilities, moves=False)
        super().__init__(real, capabilities=capabilities, tree=None, **faults)

    def __getattribute__(self, name: str) -> object:
        if name == "tree":
            raise AttributeError(name)
        return super().__getattribute__(name)


@pytest.fixture
def immobile(storage: LocalStorage) -> Any:
    """A storage in which only files can be renamed."""
    return _Immobile(storage)


def test_files_are_moved_one_by_one(immobile: Storage, tmp_path: Path) -> None:
    tree = StoredTree(immobile, b"goal", KEY)
    for number in range(20):
        tree.write(b"d%d/f%d" % (number % 3, number), [b"%d" % number])
    tree.publish()

    assert len([content for content in shown(tmp_path / "goal").values() if content is not None]) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["goal"]


def test_a_publication_that_broke_is_gone_on_with(storage: LocalStorage, tmp_path: Path) -> None:
    left = threading.Semaphore(7)

    def rename(real: Storage, path: bytes, target: bytes) -> None:
        if not left.acquire(blocking=False):
            raise ConnectionError
        real.rename(path, target)

    immobile: Any = _Immobile(storage)
    broken: Any = _Immobile(storage, rename=rename)
    tree = StoredTree(broken, b"goal", KEY)
    for number in range(20):
        tree.write(b"d%d/f%d" % (number % 3, number), [b"%d" % number])
    with pytest.raises(ConnectionError):
        tree.publish()
    assert is_left(immobile, b"goal", KEY)

    assert go_on(immobile, b"goal", b"goal", KEY, confirm=lambda: None)
    assert not go_on(immobile, b"goal", b"goal", KEY, confirm=lambda: None)

    assert len([content for content in shown(tmp_path / "goal").values() if content is not None]) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["goal"]


def test_a_file_that_was_copied_and_not_deleted_counts_as_moved(immobile: Storage, tmp_path: Path) -> None:
    tree = StoredTree(immobile, b"goal", KEY)
    tree.write(b"a", [b"same"])
    make_tree(tmp_path, {"goal": {"a": b"same"}})

    assert go_on(immobile, b"goal", b"goal", KEY, confirm=lambda: None)

    assert shown(tmp_path) == {"goal": None, "goal/a": b"same"}


def test_drivers_are_asked_for_their_own_way(storage: LocalStorage, immobile: Storage) -> None:
    draft = draft_of(b"goal", KEY)

    assert isinstance(storage, Planting)
    assert not isinstance(immobile, Planting)
    assert not is_left(storage, b"goal", KEY)
    storage.write(draft, [b"1"])
    assert is_left(storage, b"goal", KEY)

"""The walk of `hash` and `verify`: in the order of paths, and from the middle on."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import Datasource, Kind, Row, Unlisted, Why
from actors.hashing.against_tree import side_by_side
from actors.threads import Threads
from actors.walking import Place, Walk, in_order
from tests.integration.actors.pair import Faulty
from tests.trees import Fifo, Link, make_tree

NAMES = [b"a", b"a-", b"a.b", b"a b", b"b", b"\xff", b"\n", b"aa", b"0", b"Z", "\u00e9".encode()]


@pytest.fixture
def threads() -> Iterator[Threads]:
    with ThreadPoolExecutor(3) as pool:
        yield Threads(pool=pool, size=3, check=lambda: None)


class Walked:
    """A walk of a storage, with what it said."""

    def __init__(self, storage, threads: Threads, *, after: bytes | None = None, roots=(b"",)) -> None:
        self.skipped: list[tuple[bytes, str]] = []
        self.failed: list[tuple[bytes, str]] = []
        walk = Walk(
            storage,
            threads,
            skip=lambda *said: self.skipped.append(said),
            fail=lambda path, error: self.failed.append((path, str(error))),
            after=after,
        )
        self.paths = [path for path, _ in walk.files([Place(path, storage.stat(path)) for path in roots])]


def grown(chance: random.Random, depth: int) -> dict:
    names = chance.sample(NAMES, chance.randrange(len(NAMES)))
    return {name: grown(chance, depth - 1) if depth and chance.random() < 0.5 else b"" for name in names}


def files_below(root: Path) -> list[bytes]:
    top = os.fsencode(root)
    return sorted(
        os.path.relpath(os.path.join(folder, name), top) for folder, _, names in os.walk(top) for name in names
    )


@pytest.mark.parametrize("seed", range(10))
def test_files_come_in_the_order_of_their_paths_from_anywhere(root, storage, threads, seed):
    chance = random.Random(seed)
    make_tree(root, grown(chance, 3))
    expected = files_below(root)

    assert Walked(storage, threads).paths == expected
    for after in chance.sample(expected, min(len(expected), 8)):
        assert Walked(storage, threads, after=after).paths == [path for path in expected if path > after]


def test_what_is_behind_is_not_listed_again(root, storage, threads):
    make_tree(root, {"a": {"x": b"", "deep": {"y": b""}}, "a-": {"z": b""}, "b": {"deep": {"c": b"", "d": b""}}})
    listed = []

    def list_folder(real, path):
        listed.append(path)
        return real.list_folder(path)

    found = Walked(Faulty(storage, list_folder=list_folder), threads, after=b"b/deep/c")

    assert found.paths == [b"b/deep/d"]
    assert listed == [b"", b"b", b"b/deep"]


def test_some_folders_and_files_are_walked_as_one(root, storage, threads):
    make_tree(root, {"a": {"x": b""}, "a-": b"", "b": {"y": b"", "z": {"c": b""}}, "left": {"out": b""}})

    assert Walked(storage, threads, roots=[b"b/z", b"a", b"a-", b"b/y"]).paths == [b"a-", b"a/x", b"b/y", b"b/z/c"]


def test_what_is_no_file_is_told(root, storage, threads):
    make_tree(root, {"a": {"link": Link("/etc"), "pipe": Fifo()}, "empty": {}})

    found = Walked(storage, threads)

    assert found.paths == []
    assert sorted(path for path, _ in found.skipped) == [b"a", b"a/link"]


@pytest.mark.parametrize("why", list(Why))
def test_a_folder_that_is_not_listed_is_no_empty_one(root, storage, threads, why):
    make_tree(root, {"a": {"x": b""}, "b": b""})

    def list_folder(real, path):
        return Unlisted(path=path, why=why, reason="because") if path == b"a" else real.list_folder(path)

    found = Walked(Faulty(storage, list_folder=list_folder), threads)

    assert found.paths == [b"b"]
    assert [path for path, _ in found.failed] == ([b"a"] if why is Why.FAILED else [])
    assert [path for path, _ in found.skipped] == ([] if why is Why.FAILED else [b"a"])


def test_few_folders_are_listed_ahead(root, storage, threads):
    make_tree(root, {f"{n:03}": {"x": b""} for n in range(100)})
    listed: list[bytes] = []

    def list_folder(real, path):
        listed.append(path)
        return real.list_folder(path)

    walk = Walk(Faulty(storage, list_folder=list_folder), threads, skip=lambda *_: None, fail=lambda *_: None).files(
        [Place(b"", storage.stat(b""))]
    )
    next(walk)

    assert len(listed) <= 1 + threads.size
    walk.close()


def test_paths_within_others_are_left_out():
    assert in_order([b"b/c", b"a", b"b", b"a/x", b"a-", b"b"]) == [b"a-", b"a", b"b"]
    assert in_order([b"a", b""]) == [b""]
    assert in_order([b"a.b", b"a/b", b"a"]) == [b"a.b", b"a"]


def test_two_walks_are_put_side_by_side():
    def places(*paths: bytes) -> Iterator[Place]:
        return (Place(path, Row(path, Kind.FILE, 0, 0)) for path in paths)

    found = [
        (path, bool(one), bool(two)) for path, one, two in side_by_side(places(b"a", b"b", b"d"), places(b"b", b"c"))
    ]

    assert found == [(b"a", True, False), (b"b", True, True), (b"c", False, True), (b"d", True, False)]


def test_a_storage_of_another_order_is_walked_in_the_same(tmp_path, threads):
    make_tree(tmp_path, {"x": {"b": b"", "a": b""}, "x.y": b""})
    storage = LocalStorage(Datasource(name="files", root=str(tmp_path)))
    try:
        assert Walked(storage, threads).paths == [b"x.y", b"x/a", b"x/b"]
    finally:
        storage.close()

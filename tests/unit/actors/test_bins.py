"""What goes into a bin, step by step, on a folder of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.datasources.bins import BIN, Bin, read_info
from actors.datasources.local.storage import LocalStorage
from actors.datasources.paths import join, split
from actors.datasources.storage import Datasource
from rota.bins import BinRules
from rota.ids import made_at, new_id
from tests.trees import make_tree

NOW = 1_800_000_000_000


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[LocalStorage]:
    make_tree(tmp_path, {"a.txt": b"alpha", "folder": {"b": b"beta", "c": b"c"}})
    opened = LocalStorage(Datasource(name="files", root=str(tmp_path)))
    yield opened
    opened.close()


def bin_of(storage: LocalStorage, **options: object) -> Bin:
    given = {"run": "run-1", "deleted_by": "anna", "now_ms": lambda: NOW} | options
    return Bin(storage, **given)  # type: ignore[arg-type]


def names(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / ".rota" / "bin").iterdir())


def test_an_item_looks_as_it_does_in_the_bin(storage, tmp_path):
    row = storage.stat(b"a.txt")

    item = bin_of(storage).put(b"a.txt", row, keep_until=NOW + 5)

    assert item.row == storage.stat(join(BIN, item.bin_path)) == row
    assert (item.bytes, item.deleted_at, item.deleted_by, item.keep_until) == (5, NOW, "anna", NOW + 5)
    info = read_info(storage, split(item.bin_path)[0])
    assert (info.path, info.deleted_at, info.run, info.keep_until) == (b"a.txt", NOW, "run-1", NOW + 5)


def test_rules_say_which_bin_it_is(storage):
    row = storage.stat(b"folder/b")

    assert bin_of(storage, rules=BinRules(per="folder")).put(b"folder/b", row).bin == "folder:folder"
    assert bin_of(storage, rules=BinRules(per="user")).put(b"a.txt", row).bin == "user:anna"


def test_every_bin_has_a_name_that_can_be_stored():
    name = BinRules(per="folder").bin_of(b"caf\xe9/x".decode("utf-8", "surrogateescape"), None)

    assert name.encode() == rb"folder:caf\xe9"


def test_a_task_finds_what_it_has_put_there(storage):
    task = new_id()
    item = bin_of(storage, task=task).put(b"a.txt", storage.stat(b"a.txt"))

    found, row = bin_of(storage, task=task, now_ms=lambda: NOW + 9).find(b"a.txt")

    assert (found, row) == (item, item.row)
    assert made_at(split(item.bin_path)[0].decode()) == made_at(task)
    assert bin_of(storage, task=task).find(b"folder/b") is None
    assert bin_of(storage, task=new_id()).find(b"a.txt") is None


def test_what_could_not_be_moved_leaves_nothing_behind(storage, tmp_path):
    with pytest.raises(FileNotFoundError):
        bin_of(storage).put(b"gone", storage.stat(b"a.txt"))

    assert names(tmp_path) == []


def test_who_comes_second_takes_nothing_away_from_the_first(storage, tmp_path):
    task, row = new_id(), storage.stat(b"a.txt")
    item = bin_of(storage, task=task).put(b"a.txt", row)

    with pytest.raises(FileNotFoundError):
        bin_of(storage, task=task).put(b"a.txt", row)

    folder = split(item.bin_path)[0].decode()
    assert names(tmp_path) == [folder, f"{folder}.trashinfo"]


def test_parts_are_one_item(storage, tmp_path):
    parts = [(b"folder/" + name, storage.stat(b"folder/" + name)) for name in (b"b", b"c")]
    gone = (b"folder/gone", parts[0][1])
    failed: list[bytes] = []

    item = bin_of(storage).put_parts(
        b"folder", storage.stat(b"folder"), [*parts, gone], failed=lambda path, _: failed.append(path)
    )

    assert (item.items, item.bytes, item.kind) == (3, 5, "folder")
    assert failed == [b"folder/gone"]
    assert sorted(path.name for path in (tmp_path / ".rota/bin").glob("*/folder/*")) == ["b", "c"]


def test_parts_of_which_none_could_be_moved_are_no_item(storage, tmp_path):
    row = storage.stat(b"folder")

    item = bin_of(storage).put_parts(b"folder", row, [(b"folder/gone", row)], failed=lambda *_: None)

    assert item is None
    assert names(tmp_path) == []

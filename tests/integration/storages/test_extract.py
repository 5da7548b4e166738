"""The actors that read archives on every kind of storage: from it, onto it, and within it."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource, Storage
from actors.datasources.trees import plant
from rota.errors import Cancelled, LeaseLost
from rota.times import DAY_MS
from store.engine import Store
from tests.integration.actors.unpacked import Unpacked, files, zipped
from tests.integration.actors.upkeep import Upkept, set_clock
from tests.storages.served import Served

TREE = {"a.txt": b"alpha", "d/e/b c": b"beta" * 100_000, "d/n": b"", "\u00e9 & #": b"1"}
KEY = "01900000-0000-7000-8000-000000000002"


@pytest.fixture
def unpacked(tmp_path: Path, served: Served) -> Unpacked:
    """The storage with an archive in it, and a folder beside it."""
    (tmp_path / "here").mkdir()
    served.write(b"in/t.zip", zipped({**TREE, "empty/": b""}))
    return Unpacked(
        tmp_path,
        datasource=served.datasource,
        others=(Datasource(name="here", root=str(tmp_path / "here")),),
    )


@pytest.fixture
def storage(served: Served) -> Iterator[Storage]:
    """The storage, opened."""
    with closing(open_storage(served.datasource)) as opened:
        yield opened


def found(served: Served, storage: Storage, folder: str) -> dict[str, bytes]:
    """Give all files below a folder of the storage, and check that nothing private was left anywhere."""
    told: dict[str, bytes] = {}
    for path, (kind, _) in served.walk().items():
        assert not any(part.startswith(b".rota") for part in path.split(b"/")), path
        if kind == "file" and path.startswith(f"{folder}/".encode()):
            with storage.open_file(path) as file:
                told[path.decode().removeprefix(f"{folder}/")] = file.read()
    return told


def test_an_archive_is_unpacked_within_the_storage(unpacked: Unpacked, served: Served, storage: Storage) -> None:
    first = unpacked.extract("in/t.zip")
    second = unpacked.extract("in/t.zip", target="deep/er/t", members=["d"])

    assert (first.path, first.entries, second.entries) == ("in/t", 5, 2)
    assert found(served, storage, "in/t") == TREE
    assert found(served, storage, "deep/er/t") == {path: content for path, content in TREE.items() if path[0] == "d"}
    assert unpacked.extract("in/t.zip").path == "in/t (2)"


def test_an_archive_is_unpacked_from_the_storage(unpacked: Unpacked, tmp_path: Path) -> None:
    unpacked.extract("in/t.zip", target_datasource="here")

    assert files(tmp_path / "here/t") == TREE


def test_files_go_into_a_folder_that_is_there(unpacked: Unpacked, served: Served, storage: Storage) -> None:
    served.write(b"to/a.txt", b"mine")
    served.write(b"to/d/e/other", b"mine")

    assert unpacked.extract("in/t.zip", target="to", conflict="skip").skipped == 1
    assert found(served, storage, "to") == {**TREE, "a.txt": b"mine", "d/e/other": b"mine"}
    assert unpacked.extract("in/t.zip", target="to", conflict="overwrite").skipped == 0

    assert found(served, storage, "to") == {**TREE, "d/e/other": b"mine"}


def test_a_compressed_file_becomes_a_file(unpacked: Unpacked, served: Served, storage: Storage) -> None:
    served.write(b"in/n.txt.gz", gzip.compress(b"text"))

    assert [unpacked.extract("in/n.txt.gz").path for _ in range(2)] == ["in/n.txt", "in/n (2).txt"]

    told = found(served, storage, "in")
    assert (told["n.txt"], told["n (2).txt"]) == (b"text", b"text")


def test_a_cancelled_extraction_leaves_nothing(unpacked: Unpacked, served: Served, storage: Storage) -> None:
    run = unpacked.new_run()

    def confirm() -> None:
        raise Cancelled

    run.confirm = confirm  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        unpacked.extract("in/t.zip", run=run)

    assert found(served, storage, "in").keys() == {"t.zip"}


def test_a_tree_that_was_left_is_begun_again_or_cleaned_up(
    unpacked: Unpacked, served: Served, storage: Storage, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = unpacked.new_run()

    def confirm() -> None:
        raise LeaseLost

    run.confirm = confirm  # type: ignore[method-assign]
    with pytest.raises(LeaseLost):
        unpacked.extract("in/t.zip", run=run)
    assert any(b"-tree" in path for path in served.walk())

    unpacked.extract("in/t.zip", run=unpacked.new_run(attempt=2))
    assert found(served, storage, "in/t") == TREE

    with closing(plant(storage, b"in/x", KEY)) as tree:
        for path, content in TREE.items():
            tree.write(path.encode(), [content])
    store = Store(sqlite_url)
    upkept = Upkept(served.datasource, store)
    upkept.now_ms = time.time_ns() // 1_000_000 + 10 * DAY_MS
    set_clock(monkeypatch, upkept.now_ms)
    assert upkept.clean().drafts == 1
    store.close()
    assert found(served, storage, "in/t") == TREE

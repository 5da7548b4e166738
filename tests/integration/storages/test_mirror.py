"""The actor `mirror` onto every kind of storage, and from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource, Storage
from rota.errors import Cancelled, PermanentError
from tests.integration.actors.mirrors import Mirrored, contents
from tests.integration.actors.pair import Faulty
from tests.storages.served import Served
from tests.trees import File, make_tree

TREE = {
    "a.txt": File(b"alpha", 1_600_000_000),
    "folder": {"b c": b"beta", "deep": {"c%41": b"", "d": bytes(range(256)) * 12_000}},
    "\u00e9 & #": {"e": b"e"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Datasource:
    """A folder of this machine."""
    (tmp_path / "here").mkdir()
    return Datasource(name="here", root=str(tmp_path / "here"))


@pytest.fixture
def onto(tmp_path: Path, folder: Datasource, served: Served) -> Mirrored:
    """Mirrors from a folder onto the storage."""
    return Mirrored(tmp_path, source=folder, target=served.datasource)


@pytest.fixture
def storage(served: Served) -> Iterator[Storage]:
    """The storage, opened."""
    with closing(open_storage(served.datasource)) as opened:
        yield opened


def read(storage: Storage, path: bytes) -> bytes:
    with storage.open_file(path) as file:
        return file.read()


def files_of(found: dict) -> dict:
    return {path: content for path, content in found.items() if content is not None}


def test_a_tree_goes_there_and_comes_back(tmp_path, onto, served):
    make_tree(onto.origin, TREE)
    assert onto.mirror().copied == 5
    assert onto.run.events[-1].data == {"datasource": served.datasource.name, "paths": [""]}

    back = Mirrored(tmp_path, source=served.datasource)
    assert back.mirror().copied == 5

    assert contents(back.copy) == contents(onto.origin)
    assert back.counts() == {}


def test_a_second_mirror_copies_nothing(onto):
    make_tree(onto.origin, TREE)

    onto.mirror(verify=False)

    assert onto.counts() == {}


def test_changes_of_equal_size_are_copied(onto, storage):
    make_tree(onto.origin, TREE)
    onto.mirror()
    make_tree(onto.origin, {"folder": {"b c": File(b"BETA", 1_700_000_000)}})

    assert onto.counts() == {"copied": 1, "bytes": 4}

    assert read(storage, b"folder/b c") == b"BETA"
    assert onto.counts() == {}


def test_what_is_there_already_is_compared_and_not_copied(onto, served):
    make_tree(onto.origin, {"same": File(b"content", 1_000_000_000), "other": File(b"one", 1_000_000_000)})
    served.write(b"same", b"content")
    served.write(b"other", b"two")

    keeps_times = served.datasource.kind not in {"s3", "webdav", "fsspec"}

    assert onto.counts(dry_run=True)["copied"] == (2 if keeps_times else 1)
    assert onto.counts()["copied"] == (2 if keeps_times else 1)
    assert onto.counts() == {}


@pytest.mark.parametrize("deleted", ["bin", "remove"])
def test_what_is_gone_goes(onto, served, storage, deleted):
    make_tree(onto.origin, TREE)
    onto.mirror()
    served.write(b"old/deep/x", b"xx")
    served.write(b"old/y", b"yyy")
    served.write(b"z", b"z")

    assert onto.mirror(deleted=deleted).removed in {4, 5}

    assert {
        path for path, (kind, _) in served.walk().items() if kind == "file" and not path.startswith(b".rota")
    } == set(files_of(contents(onto.origin)))
    recycled = {item.original_path: item for _, item in onto.run.recycled}
    if deleted == "remove":
        assert recycled == {}
        return
    assert set(recycled) == {b"old", b"z"}
    assert recycled[b"old"].bytes == 5
    assert read(storage, b".rota/bin/" + recycled[b"old"].bin_path + b"/deep/x") == b"xx"
    assert read(storage, b".rota/bin/" + recycled[b"z"].bin_path) == b"z"
    assert onto.counts() == {}


def test_an_emptied_source_removes_nothing(onto, served):
    served.write(b"a/b", b"1")
    before = served.walk()

    with pytest.raises(PermanentError, match="source is empty"):
        onto.mirror()

    assert served.walk() == before


def test_a_storage_is_not_mirrored_into_itself(tmp_path, served):
    name, root = served.datasource.name, served.datasource.root
    inner = Datasource(
        name="inner", kind=served.datasource.kind, root=f"{root}/below", options=served.datasource.options
    )

    with pytest.raises(PermanentError, match=f"'inner' lies inside '{name}'"):
        Mirrored(tmp_path, source=inner, target=served.datasource).mirror()


def test_a_file_that_changes_on_its_way_is_copied_as_it_is_then(onto, storage, monkeypatch):
    make_tree(onto.origin, {"a": b"x" * 3_000_000})
    opened: list[bytes] = []

    def open_file(real, path):
        file = real.open_file(path)
        if not opened:
            make_tree(onto.origin, {"a": File(b"y" * 2_000_000, 1_600_000_000)})
        opened.append(path)
        return file

    def opening(datasource, **options):
        real = open_storage(datasource, **options)
        return Faulty(real, open_file=open_file) if datasource is onto.source else real

    monkeypatch.setattr("actors.mirror.open_storage", opening)

    assert onto.mirror().copied == 1
    assert read(storage, b"a") == b"y" * 2_000_000
    assert len(opened) == 2


def test_a_cancelled_copy_leaves_nothing_behind(onto, served):
    make_tree(onto.origin, {"a": b"x" * 9_000_000})
    run = onto.new_run()

    def on_check(number: int) -> None:
        if run.reports:
            run.interrupt(Cancelled())

    run.on_check = on_check

    with pytest.raises(Cancelled):
        onto.mirror(run, max_bytes_per_second=4_000_000)

    assert served.walk() == {}

"""The actor `compress` from, onto and within every kind of storage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.datasources.abilities import Linking
from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource
from rota.errors import Cancelled, Paused
from tests.integration.actors.compressed import Compressed, contents, members
from tests.storages.served import KINDS, Served, serve
from tests.trees import make_tree

_MIB = 1024 * 1024
TREE = {"a.txt": b"alpha", "deep": {"b c": b"beta" * 1000, "\u00e9": b""}}
PACKED = {"top/a.txt": b"alpha", "top/deep/b c": b"beta" * 1000, "top/deep/\u00e9": b""}


@pytest.fixture(params=KINDS)
def served(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A storage that is served and empty."""
    (tmp_path / "served").mkdir()
    with serve(request.param, tmp_path / "served") as started:
        for name, value in started.environment.items():
            monkeypatch.setenv(name, value)
        yield started


@pytest.fixture
def onto(tmp_path: Path, served: Served) -> Compressed:
    """From a folder onto the storage."""
    (tmp_path / "here").mkdir()
    return Compressed(tmp_path, source=Datasource(name="here", root=str(tmp_path / "here")), target=served.datasource)


@pytest.fixture
def told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have progress told after every piece."""
    monkeypatch.setattr("actors.transferring.tally._INTERVAL_SECONDS", 0.0)


def content_of(served: Served, path: str) -> bytes:
    with closing(open_storage(served.datasource)) as storage, storage.open_file(path.encode()) as file:
        return file.read()


def names(served: Served) -> list[str]:
    """Give the paths of all files, private ones too."""
    return sorted(path.decode() for path, (kind, _) in served.walk().items() if kind == "file")


def test_an_archive_of_what_is_on_a_storage_is_made_here(tmp_path, served):
    for path, content in PACKED.items():
        served.write(path.encode(), content)
    (tmp_path / "here").mkdir()
    here = Datasource(name="here", root=str(tmp_path / "here"))
    compressed = Compressed(tmp_path, source=served.datasource, target=here)

    done = compressed.compress("top", format="tar.gz", manifest=True)

    assert contents(compressed.packed("top.tar.gz")) == PACKED
    assert (done.entries, done.noted) == (5, 0)
    assert len((tmp_path / "here" / "top.tar.gz.sha256").read_bytes().splitlines()) == 3


def test_a_large_file_of_a_storage_is_streamed(tmp_path, served):
    content = os.urandom(9 * _MIB)
    served.write(b"large", content)
    (tmp_path / "here").mkdir()
    here = Datasource(name="here", root=str(tmp_path / "here"))
    compressed = Compressed(tmp_path, source=served.datasource, target=here)

    assert compressed.compress("large", target="x.zip").noted == 0
    assert contents(compressed.packed("x.zip")) == {"large": content}


@pytest.mark.parametrize("conflict", ["number", "overwrite"])
def test_an_archive_goes_onto_a_storage_whole(onto, served, conflict):
    make_tree(onto.origin, {"top": TREE})
    served.write(b"to/top.zip", b"old")

    done = onto.compress("top", target="to/top.zip", conflict=conflict, manifest=True)

    assert done.path == ("to/top (2).zip" if conflict == "number" else "to/top.zip")
    assert contents(members(content_of(served, done.path))) == PACKED
    assert names(served) == sorted({"to/top.zip", done.path, done.path + ".sha256"})
    assert [event.data["paths"] for event in onto.run.events] == [["to"]]


def test_a_divided_archive_goes_onto_a_storage(onto, served):
    content = os.urandom(200_000)
    make_tree(onto.origin, {"x": content})
    served.write(b"x.zip.001", b"old")
    served.write(b"x.zip.004", b"old")
    served.write(b"x.zip.005", b"old")

    done = onto.compress("x", target="x.zip", split_bytes=65_536, conflict="overwrite")

    parts = [f"x.zip.{number:03}" for number in range(1, 5)]
    assert names(served) == parts
    assert done.parts == 4
    assert contents(members(b"".join(content_of(served, part) for part in parts))) == {"x": content}


def test_an_archive_is_made_within_a_storage_beside_what_is_in_it(tmp_path, served):
    served.write(b"top/x", b"1")
    compressed = Compressed(tmp_path, source=served.datasource, target=served.datasource)

    done = compressed.compress("top/x", "top")

    assert contents(members(content_of(served, done.path))) == {"top/x": b"1"}


@pytest.mark.parametrize("split", [None, 2 * _MIB], ids=["whole", "divided"])
@pytest.mark.usefixtures("told_at_once")
def test_a_cancelled_archive_leaves_nothing_on_a_storage(onto, served, split):
    make_tree(onto.origin, {"x": os.urandom(24 * _MIB)})
    run = onto.new_run()
    run.on_check = lambda _: run.interrupt(Cancelled()) if _has_written(run) else None

    with pytest.raises(Cancelled):
        onto.compress("x", target="new/x.zip", run=run, split_bytes=split)

    assert names(served) == []


@pytest.mark.parametrize("split", [None, 3 * _MIB], ids=["whole", "divided"])
@pytest.mark.usefixtures("told_at_once")
def test_a_paused_archive_on_a_storage_is_finished_by_the_next_attempt(onto, served, split, monkeypatch):
    monkeypatch.setattr("actors.compressing.making.KEEP_BYTES", 1)
    content = os.urandom(24 * _MIB)
    make_tree(onto.origin, {"x": content})
    run = onto.new_run()
    run.on_check = lambda _: run.interrupt(Paused()) if _has_written(run) else None
    with pytest.raises(Paused):
        onto.compress("x", target="x.zip", run=run, split_bytes=split)
    assert not any(name.startswith("x.zip") for name in names(served))

    done = onto.compress("x", target="x.zip", run=onto.next_run(), split_bytes=split)

    parts = ["x.zip"] if split is None else [f"x.zip.{number:03}" for number in range(1, done.parts + 1)]
    assert names(served) == parts
    assert contents(members(b"".join(content_of(served, part) for part in parts))) == {"x": content}


@pytest.mark.parametrize("kind", ["local", "sftp"])
def test_links_are_kept_where_the_storage_tells_where_they_lead(tmp_path, monkeypatch, kind):
    (tmp_path / "served").mkdir()
    with serve(kind, tmp_path / "served") as served:
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        served.write(b"top/x", b"1")
        with closing(open_storage(served.datasource)) as storage:
            file = next((tmp_path / "served").rglob("x"))
            file.with_name("l").symlink_to(file)
            assert isinstance(storage, Linking)
            # A server that shows a part of its files tells where it leads in that part.
            assert os.fsencode(file).endswith(storage.read_link(b"top/l"))
            with pytest.raises(OSError, match="."):
                storage.read_link(b"top/x")
            with pytest.raises(OSError, match="."):
                storage.read_link(b"top/missing")


@pytest.mark.parametrize("kind", ["s3", "webdav"])
def test_where_links_cannot_be_read_nobody_says_they_can(tmp_path, monkeypatch, kind):
    (tmp_path / "served").mkdir()
    with serve(kind, tmp_path / "served") as served:
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        with closing(open_storage(served.datasource)) as storage:
            assert not isinstance(storage, Linking)


def _has_written(run) -> bool:
    return bool(run.reports) and " MiB written" in run.reports[-1].text

"""What `rota doctor` says of the search."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.census import WorkerFigures
from console.doctor_search import engine_check, file_system_of, folder_checks, hosts_that_index, judge_hosts
from console.findings import FAIL, OK, WARN
from rota.settings import Settings
from store.engine import Store
from store.queries import datasources, indexes
from store.records import DatasourceRecord
from store.search.engine import Shape
from store.search.tantivy.engine import TantivyEngine

NAMES = Shape(contents=False, language="none", extractors="")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path, database_url=None, search_engine="tantivy")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = Store(settings.store_url)
    store.upgrade()
    yield store
    store.close()


def begin(store: Store, settings: Settings, name: str, *, is_written: bool = True) -> None:
    """Let a datasource have an index."""
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name=name, kind="local", root=f"/srv/{name}"), at=1)
        generation = indexes.begin(conn, name, NAMES)
    if is_written:
        TantivyEngine(settings.search_dir).writer(name, generation, NAMES).close()


def worker(host: str, *queues: str) -> WorkerFigures:
    return WorkerFigures(id=host, seen_at=1, held=0, about={"host": host, "queues": list(queues)})


# --- The folder -----------------------------------------------------------------------------------------------------------


def test_folder_that_will_be_made_is_well(settings: Settings) -> None:
    (found,) = folder_checks(settings)

    assert found.level == OK
    assert str(settings.state_dir) in found.said


def test_folder_that_cannot_be_made_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    (found,) = folder_checks(Settings(state_dir=tmp_path, search_dir=tmp_path / "file/search"))

    assert (found.level, "not writable" in found.said) == (FAIL, True)


def test_engines_without_a_folder_have_nothing_to_look_at(tmp_path: Path) -> None:
    database = "postgresql://rota@host/rota"

    assert list(folder_checks(Settings(state_dir=tmp_path, database_url=database))) == []


def test_file_system_is_that_of_the_nearest_mount(tmp_path: Path) -> None:
    mounts = (
        "/dev/sda / ext4 rw 0 0\n"
        f"server:/share {tmp_path} nfs4 rw 0 0\n"
        f"/dev/sdb {tmp_path}/with\\040blank xfs rw 0 0\n"
        f"tmpfs {tmp_path}/else tmpfs rw 0 0\n"
        "broken\n"
    )

    assert file_system_of(tmp_path / "search", mounts) == "nfs4"
    assert file_system_of(tmp_path, mounts) == "nfs4"
    assert file_system_of(tmp_path / "with blank/x", mounts) == "xfs"
    assert file_system_of(tmp_path / "elsewhere", mounts) == "nfs4"
    assert file_system_of(Path("/nowhere"), mounts) == "ext4"
    assert file_system_of(Path("/nowhere"), "") == ""


# --- The engine -----------------------------------------------------------------------------------------------------------


def test_engine_and_its_indexes_are_told(store: Store, settings: Settings) -> None:
    assert engine_check(store, settings).said == "tantivy, 0 indexes open"

    begin(store, settings, "docs")

    found = engine_check(store, settings)
    assert (found.level, found.said) == (OK, "tantivy, 1 index opens")


def test_index_that_is_not_there_is_named_with_what_to_do(store: Store, settings: Settings) -> None:
    begin(store, settings, "docs")
    begin(store, settings, "photos", is_written=False)

    found = engine_check(store, settings)

    assert (found.level, "photos: " in found.said, "docs" in found.said) == (FAIL, True, False)
    assert "rota datasources index NAME --full" in found.advice


# --- The machines ---------------------------------------------------------------------------------------------------------


def test_only_workers_of_its_queue_write_indexes() -> None:
    workers = [worker("a", "sync", "index"), worker("b", "sync"), worker("c", "index"), worker("c", "index")]

    assert hosts_that_index(workers) == {"a", "c"}


@pytest.mark.parametrize(
    ("engine", "hosts", "level", "said"),
    [
        ("tantivy", {"here"}, OK, "written on here"),
        ("tantivy", {"here", "there"}, WARN, "set search_engine to postgresql"),
        ("tantivy", {"there"}, WARN, "run the console there"),
        ("tantivy", set(), WARN, "serves the queue index"),
        ("postgresql", {"here", "there"}, OK, "written on here, there"),
        ("opensearch", {"there"}, OK, "written on there"),
    ],
)
def test_embedded_engine_wants_one_machine(engine: str, hosts: set[str], level: str, said: str) -> None:
    found = judge_hosts(engine, hosts, here="here")

    assert (found.level, said in found.words()) == (level, True)

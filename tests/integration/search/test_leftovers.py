"""Nothing stays in an engine of datasources that were deleted, and nothing of others goes with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from actors.stored_index import StoredIndex
from rota.errors import TemporaryError
from rota.search.place import SearchPlace
from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord
from store.search.engine import Document, Engine, Shape
from store.search.leftovers import drop_datasource, drop_leftovers
from store.search.opening import open_engine

SHAPE = Shape(contents=False, language="none", extractors="")
OTHER = Shape(contents=True, language="french", extractors="1")


class Unwilling:
    """An engine that cannot drop one datasource now, as one that is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def drop(self, datasource: str, generation: int) -> None:
        if datasource == "held":
            raise TemporaryError("it is away")
        self._engine.drop(datasource, generation)


@pytest.fixture
def engine(store: Store, tmp_path: Path) -> Iterator[Engine]:
    """The engine that goes with the database."""
    place = SearchPlace(
        engine="tantivy" if store.dialect == "sqlite" else "postgresql", folder=str(tmp_path / "search")
    )
    engine = open_engine(place, store)
    yield engine
    engine.close()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store with one datasource, `kept`."""
    store = Store(database_url)
    save(store, "kept")
    yield store
    store.close()


def save(store: Store, name: str) -> None:
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name=name, kind="local", root=f"/srv/{name}"), at=1)


def write(engine: Engine, name: str, generation: int = 1) -> None:
    writer = engine.writer(name, generation, SHAPE)
    writer.add([Document(id=1, content=0, folder=b"", name=b"x", kind="file", size=1, modified_ns=1)])
    writer.commit()
    writer.close()


def test_what_is_left_of_deleted_datasources_is_dropped(store: Store, engine: Engine) -> None:
    for name, generation in (("kept", 1), ("gone", 1), ("gone", 2), ("long-gone", 7)):
        write(engine, name, generation)

    assert drop_leftovers(store, engine) == ["gone", "long-gone"]

    assert engine.datasources() == ["kept"]
    assert engine.statistics("kept", 1).documents == 1
    assert drop_leftovers(store, engine) == []


def test_a_check_of_one_index_drops_what_is_left_of_others(store: Store, engine: Engine) -> None:
    write(engine, "gone")
    index = StoredIndex(store, lambda: engine, "kept", run="r")

    assert index.drop_leftovers() == ["gone"]

    assert engine.datasources() == []


def test_what_cannot_be_dropped_now_is_left_to_the_next_time(store: Store, engine: Engine) -> None:
    for name in ("gone", "held", "other"):
        write(engine, name)

    assert drop_leftovers(store, cast("Engine", Unwilling(engine))) == ["gone", "other"]

    assert engine.datasources() == ["held"]


def test_the_index_of_a_datasource_that_is_there_again_stays(store: Store, engine: Engine) -> None:
    write(engine, "kept")

    assert not drop_datasource(store, engine, "kept")

    assert engine.generations("kept") == [1]


def test_an_index_begins_without_what_a_datasource_of_its_name_left(store: Store, engine: Engine) -> None:
    write(engine, "kept")
    index = StoredIndex(store, lambda: engine, "kept", run="r")
    assert index.hold("task") is None

    generation = index.begin(OTHER)

    assert (generation, engine.generations("kept")) == (1, [1])
    assert index.statistics(generation).documents == 0
    index.writer(generation, OTHER).close()
    index.release()

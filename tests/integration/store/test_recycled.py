"""What goes into a bin is recorded with whence, when, by whom and by which run."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from actors.datasources.bins import Recycled
from actors.stored import StoredDatasources
from rota.errors import Conflict
from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord
from store.tables import recycled
from tests.factories import NOW

ITEM = Recycled(b"id/caf\xe9", b"folder/caf\xe9", "folder", 3, 2**40, NOW, None)


def test_items_are_recorded_as_they_went(store: Store) -> None:
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name="files", kind="local", root="/srv"), at=NOW)

    stored = StoredDatasources(store, run="run-1", task="task")
    stored.bin("files").add([ITEM, ITEM._replace(bin_path=b"other/x", deleted_by="anna")])
    stored.bin("files").add([])

    with store.reading() as conn:
        rows = conn.execute(select(recycled).order_by(recycled.c.id)).mappings().all()
    said = [{name: row[name] for name in Recycled._fields} for row in rows]
    assert said == [ITEM._asdict(), ITEM._replace(bin_path=b"other/x", deleted_by="anna")._asdict()]
    assert {(row["datasource"], row["run"], row["origin"]) for row in rows} == {("files", "run-1", "deleted")}


def test_one_place_in_the_bin_has_one_item(store: Store) -> None:
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name="files", kind="local", root="/srv"), at=NOW)
    stored = StoredDatasources(store, run="run-1", task="task")
    stored.bin("files").add([ITEM])

    with pytest.raises(Conflict):
        stored.bin("files").add([ITEM])

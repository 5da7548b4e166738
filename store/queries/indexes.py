"""The indexes of datasources: which generation is searched, which is being built, and what runs and checks found."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from rota.errors import NotFound
from store import dialects
from store.encoding import dumps, dumps_or_none, loads
from store.holds import Holds
from store.queries import datasources
from store.records import IndexRecord
from store.search.engine import Index, Shape
from store.tables import datasources as datasources_table
from store.tables import indexes

holds = Holds(indexes, key="datasource")
"""Who writes to the index of a datasource; `ensure` it first."""

_insert = dialects.insert_new(indexes)


def ensure(conn: Connection, datasource: str) -> IndexRecord:
    """Return the index of a datasource, made if there is none yet; NotFound without such a datasource."""
    datasources.get(conn, datasource)
    conn.execute(_insert[conn.dialect.name], {"datasource": datasource})
    found = find(conn, datasource)
    assert found is not None
    return found


def find(conn: Connection, datasource: str) -> IndexRecord | None:
    """Return the index of a datasource, or None if it never had one."""
    row = conn.execute(select(indexes).where(indexes.c.datasource == datasource)).mappings().one_or_none()
    return None if row is None else _record(row)


def list_indexes(conn: Connection) -> list[IndexRecord]:
    """Return all indexes, by the names of their datasources."""
    return [_record(row) for row in conn.execute(select(indexes).order_by(indexes.c.datasource)).mappings()]


def live(conn: Connection) -> list[Index]:
    """Return what can be searched now: live generations of datasources that are switched on and searched, by name."""
    query = (
        select(indexes.c.datasource, indexes.c.live, indexes.c.live_shape, datasources_table.c.rules)
        .join(datasources_table, datasources_table.c.name == indexes.c.datasource)
        .where(indexes.c.live.is_not(None), datasources_table.c.enabled)
        .order_by(indexes.c.datasource)
    )
    return [
        Index(name, number, Shape(**loads(shape)))
        for name, number, shape, rules in conn.execute(query)
        # What is not to be searched any more is left out at once, though its index is there until a run drops it.
        if loads(rules).get("index", True)
    ]


def begin(conn: Connection, datasource: str, shape: Shape) -> int:
    """Begin another generation and return its number; it is searched at once if none is searched so far.

    One that was being built before is given up.
    """
    known = ensure(conn, datasource)
    number = known.last_generation + 1
    written = dumps(shape._asdict())
    values: dict[str, Any] = {"last_generation": number, "building": number, "building_shape": written}
    if known.live is None:
        values |= {"live": number, "live_shape": written}
    _set(conn, datasource, **values)
    return number


def go_live(conn: Connection, datasource: str, generation: int) -> None:
    """Let the generation that was being built be searched from now on, and none be built any more.

    NotFound if it is not the one that is being built.
    """
    finish = (
        update(indexes)
        .where(indexes.c.datasource == datasource, indexes.c.building == generation)
        .values(live=indexes.c.building, live_shape=indexes.c.building_shape, building=None, building_shape=None)
    )
    if conn.execute(finish).rowcount == 0:
        raise NotFound(f"generation {generation} of the index of {datasource} is not being built")


def forget(conn: Connection, datasource: str) -> None:
    """Let nothing be searched nor built: the datasource is not indexed any more."""
    _set(conn, datasource, live=None, live_shape=None, building=None, building_shape=None, documents=0, bytes=0)


def record_run(conn: Connection, datasource: str, said: dict[str, Any], *, documents: int, bytes: int) -> None:  # noqa: A002 -- the word of the column
    """Remember the run that wrote to an index last, and how large it is since."""
    _set(conn, datasource, last_run=dumps(said), documents=documents, bytes=bytes)


def record_check(conn: Connection, datasource: str, said: dict[str, Any]) -> None:
    """Remember what the last check found."""
    _set(conn, datasource, last_check=dumps_or_none(said))


def _set(conn: Connection, datasource: str, **values: Any) -> None:
    if conn.execute(update(indexes).where(indexes.c.datasource == datasource).values(**values)).rowcount == 0:
        raise NotFound(f"there is no index of {datasource}")


def _shape(written: str | None) -> Shape | None:
    return None if written is None else Shape(**loads(written))


def _record(row: RowMapping) -> IndexRecord:
    return IndexRecord(
        datasource=row["datasource"],
        live=row["live"],
        live_shape=_shape(row["live_shape"]),
        building=row["building"],
        building_shape=_shape(row["building_shape"]),
        last_generation=row["last_generation"],
        documents=row["documents"],
        bytes=row["bytes"],
        last_run=loads(row["last_run"]),
        last_check=loads(row["last_check"]),
    )

"""Datasources: the storages that are looked after."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy import Connection, RowMapping, select, update

from rota.errors import NotFound
from store import dialects
from store.encoding import dumps, dumps_or_none, loads
from store.records import DatasourceRecord
from store.tables import datasources

_save = dialects.upsert(datasources, key=("name",), update=("kind", "root", "options", "updated_at"))
_names = select(datasources.c.name).order_by(datasources.c.name)


def save(conn: Connection, datasource: DatasourceRecord, *, at: int) -> DatasourceRecord:
    """Save the settings of a datasource, new or known; its marker and last sync stay as they are."""
    row = {
        "name": datasource.name,
        "kind": datasource.kind,
        "root": datasource.root,
        "options": dumps(datasource.options),
        "created_at": at,
        "updated_at": at,
    }
    conn.execute(_save[conn.dialect.name], row)
    return get(conn, datasource.name)


def get(conn: Connection, name: str) -> DatasourceRecord:
    """Return one datasource; NotFound if there is none of that name."""
    found = find(conn, name)
    if found is None:
        raise NotFound(f"there is no datasource {name}")
    return found


def find(conn: Connection, name: str) -> DatasourceRecord | None:
    """Return one datasource, or None."""
    row = conn.execute(select(datasources).where(datasources.c.name == name)).mappings().one_or_none()
    return None if row is None else _record(row)


def list_datasources(conn: Connection) -> list[DatasourceRecord]:
    """Return all datasources by name."""
    return [_record(row) for row in conn.execute(select(datasources).order_by(datasources.c.name)).mappings()]


def names(conn: Connection) -> list[str]:
    """Return the names of all datasources, in order."""
    return list(conn.scalars(_names))


def set_marker(conn: Connection, name: str, marker: str) -> None:
    """Remember the content of the marker file that proves the root is the right one."""
    _set(conn, name, marker=marker)


def set_last_sync(conn: Connection, name: str, said: dict[str, Any]) -> None:
    """Remember run, time and counts of the last sync."""
    _set(conn, name, last_sync=dumps_or_none(said))


def delete(conn: Connection, name: str) -> None:
    """Delete a datasource and what is left of its catalog; empty a large one first with `catalog.remove_batch`.

    NotFound is raised if there is none of that name.
    """
    if conn.execute(sqlalchemy.delete(datasources).where(datasources.c.name == name)).rowcount == 0:
        raise NotFound(f"there is no datasource {name}")


def _set(conn: Connection, name: str, **values: str | None) -> None:
    if conn.execute(update(datasources).where(datasources.c.name == name).values(**values)).rowcount == 0:
        raise NotFound(f"there is no datasource {name}")


def _record(row: RowMapping) -> DatasourceRecord:
    return DatasourceRecord(
        name=row["name"],
        kind=row["kind"],
        root=row["root"],
        options=loads(row["options"]),
        marker=row["marker"],
        last_sync=loads(row["last_sync"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )

"""Datasources: the storages that are looked after."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy import Connection, RowMapping, select, update

from rota.errors import NotFound
from store import dialects
from store.encoding import dumps, dumps_or_none, loads
from store.holds import Holds
from store.records import DatasourceRecord
from store.tables import datasources

_save = dialects.upsert(
    datasources,
    key=("name",),
    update=("label", "kind", "root", "options", "rules", "enabled", "queue", "updated_at"),
)
_names = select(datasources.c.name).where(datasources.c.enabled).order_by(datasources.c.name)
_queues = select(datasources.c.name, datasources.c.queue).where(datasources.c.queue.is_not(None))

holds = Holds(datasources, key="name")
"""Who writes to the catalog of a datasource."""


def save(conn: Connection, datasource: DatasourceRecord, *, at: int) -> DatasourceRecord:
    """Save the settings of a datasource, new or known; its marker and what syncs found stay as they are."""
    row = {
        "name": datasource.name,
        "kind": datasource.kind,
        "root": datasource.root,
        "label": datasource.label,
        "options": dumps(datasource.options),
        "rules": dumps(datasource.rules),
        "enabled": datasource.enabled,
        "queue": datasource.queue,
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
    """Return the names of the datasources that are switched on, in order."""
    return list(conn.scalars(_names))


def queues(conn: Connection) -> dict[str, str]:
    """Return the queues of the datasources that name one, by their names."""
    return {row.name: row.queue for row in conn.execute(_queues)}


def set_marker(conn: Connection, name: str, marker: str | None) -> None:
    """Remember the content of the marker file that proves the root is the right one, or that none is expected."""
    _set(conn, name, marker=marker)


def set_last_sync(conn: Connection, name: str, said: dict[str, Any]) -> None:
    """Remember run, time and counts of the last sync; it was reached, so it is reachable."""
    _set(conn, name, last_sync=dumps_or_none(said), unreachable=None)


def set_doubt(conn: Connection, name: str, doubt: dict[str, Any] | None) -> None:
    """Remember which deletions were held back until somebody confirms them, or that none are."""
    _set(conn, name, doubt=dumps_or_none(doubt))


def set_unreachable(conn: Connection, name: str, said: dict[str, Any] | None) -> None:
    """Remember since when and why a datasource cannot be reached, or that it can."""
    _set(conn, name, unreachable=dumps_or_none(said))


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
        label=row["label"],
        options=loads(row["options"]),
        rules=loads(row["rules"]),
        enabled=bool(row["enabled"]),
        queue=row["queue"],
        marker=row["marker"],
        last_sync=loads(row["last_sync"]),
        doubt=loads(row["doubt"]),
        unreachable=loads(row["unreachable"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )

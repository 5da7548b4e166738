"""The generations that there are, and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from rota.errors import PermanentError
from store.encoding import dumps, loads
from store.search.engine import Shape, Statistics
from store.tables import generations

_TABLE = """
CREATE TABLE {table} (
    id bigint NOT NULL PRIMARY KEY,
    content bigint NOT NULL,
    folder bytea NOT NULL,
    name bytea NOT NULL,
    kind text NOT NULL,
    type text NOT NULL,
    extension text NOT NULL,
    size bigint NOT NULL,
    modified_ns bigint NOT NULL,
    text text NOT NULL,
    meta text NOT NULL,
    name_words tsvector NOT NULL,
    text_words tsvector NOT NULL
);
-- Compressing them saves little, and each is read to tell how well it matches.
ALTER TABLE {table} ALTER text_words SET STORAGE EXTERNAL;
-- An index takes no key of more than some 2,700 bytes, and a path may have 4,096.
CREATE INDEX {table}_folder ON {table} (substr(folder, 1, 512));
CREATE INDEX {table}_content ON {table} (content) WHERE content <> 0;
CREATE INDEX {table}_type ON {table} (type);
CREATE INDEX {table}_extension ON {table} (extension);
CREATE INDEX {table}_size ON {table} (size);
CREATE INDEX {table}_modified_ns ON {table} (modified_ns);
CREATE INDEX {table}_name_words ON {table} USING gin (name_words);
CREATE INDEX {table}_text_words ON {table} USING gin (text_words)
"""


class Generation(NamedTuple):
    """A generation and its table."""

    id: int
    shape: Shape

    @property
    def table(self) -> str:
        """Name of the table of its documents."""
        return f"documents_{self.id}"


def ensure(conn: Connection, datasource: str, number: int, shape: Shape) -> Generation:
    """Return a generation, made if it is not there; PermanentError if it has another shape."""
    new = insert(generations).values(datasource=datasource, number=number, shape=dumps(shape._asdict()))
    made = conn.execute(new.on_conflict_do_nothing().returning(generations.c.id)).scalar_one_or_none()
    if made is not None:
        conn.exec_driver_sql(_TABLE.format(table=f"documents_{made}"))
    found = find(conn, datasource, number)
    if found is None or found.shape != shape:
        raise PermanentError(f"generation {number} of the index of {datasource!r} was built for another shape")
    return found


def find(conn: Connection, datasource: str, number: int) -> Generation | None:
    """Return a generation, or None if it is not there."""
    query = select(generations.c.id, generations.c.shape).where(
        generations.c.datasource == datasource, generations.c.number == number
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else Generation(row.id, Shape(**loads(row.shape)))


def find_all(conn: Connection, datasources: Sequence[str]) -> dict[tuple[str, int], Generation]:
    """Return all generations of these datasources, by datasource and number."""
    query = select(generations.c.id, generations.c.shape, generations.c.datasource, generations.c.number).where(
        generations.c.datasource.in_(datasources)
    )
    return {(row.datasource, row.number): Generation(row.id, Shape(**loads(row.shape))) for row in conn.execute(query)}


def numbers(conn: Connection, datasource: str) -> list[int]:
    """Return the numbers of the generations of a datasource, sorted."""
    query = select(generations.c.number).where(generations.c.datasource == datasource)
    return list(conn.scalars(query.order_by(generations.c.number)))


def datasources(conn: Connection) -> list[str]:
    """Return the datasources that have generations, sorted."""
    return list(conn.scalars(select(generations.c.datasource).distinct().order_by(generations.c.datasource)))


def statistics(conn: Connection, datasource: str, number: int) -> Statistics:
    """Return the size of a generation; zeros if it is not there."""
    query = select(generations.c.id, generations.c.documents).where(
        generations.c.datasource == datasource, generations.c.number == number
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        return Statistics(0, 0)
    size = conn.exec_driver_sql("SELECT pg_total_relation_size(to_regclass(%s))", (f"documents_{row.id}",))
    return Statistics(row.documents, size.scalar() or 0)


def drop(conn: Connection, datasource: str, number: int) -> None:
    """Remove a generation with its documents; nothing happens if it is not there.

    Its row goes first, as whoever writes to it takes the row first: so the two wait for each other in one order.
    """
    condition = (generations.c.datasource == datasource, generations.c.number == number)
    found = conn.execute(delete(generations).where(*condition).returning(generations.c.id)).scalar_one_or_none()
    if found is not None:
        conn.exec_driver_sql(f"DROP TABLE IF EXISTS documents_{found}")

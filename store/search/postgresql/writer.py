"""Writes one generation: everything waits in temporary tables, and goes into the generation's in one transaction."""

# ruff: noqa: S608 -- the names of tables are made of numbers
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from sqlalchemy import Connection, select, update

from rota.errors import TemporaryError
from store.batches import BATCH, batches
from store.bulk import Lookup
from store.engine import Store
from store.search.engine import Document, Shape, Texts
from store.search.postgresql import generations, staging
from store.search.postgresql.session import Session
from store.search.postgresql.stems import Stems
from store.tables import generations as generations_table

_COMMIT_SECONDS = 1800
"""Longer than any commit takes; what else a connection does has to be done within seconds."""
_ANALYZE_SECONDS = 60
_MANY_IDS = 10_000
_KEY_BYTES = 512
"""Of a path, in the index of folders."""

# One folder after the other, from the index alone: no matter how many documents each has.
_KEYS = """
WITH RECURSIVE keys (key) AS (
    (SELECT substr(folder, 1, 512) FROM {table} WHERE substr(folder, 1, 512) {behind} %(after)s ORDER BY 1 LIMIT 1)
    UNION ALL
    SELECT (SELECT substr(folder, 1, 512) FROM {table} WHERE substr(folder, 1, 512) > keys.key ORDER BY 1 LIMIT 1)
    FROM keys WHERE keys.key IS NOT NULL
)
SELECT key FROM keys WHERE key IS NOT NULL LIMIT %(limit)s
"""
_LONG_FOLDERS = "SELECT DISTINCT folder FROM {table} WHERE substr(folder, 1, 512) = %(key)s"


class PostgresqlWriter:
    """The only writer of a generation; see `store.search.engine.Writer`."""

    def __init__(self, store: Store, stems: Stems, datasource: str, number: int, shape: Shape) -> None:
        self._session = Session(store, f"generation {number} of the index of {datasource!r}")
        try:
            with self._session.transaction() as conn:
                self._generation = generations.ensure(conn, datasource, number, shape)
                staging.create(conn)
        except BaseException:
            self._session.close()
            raise
        self._stems = stems
        self._is_staged = False
        table = self._generation.table
        self._known = Lookup(f"SELECT folder, id, content FROM {table} WHERE substr(folder, 1, {_KEY_BYTES}) {{keys}}")
        self._texts = Lookup(
            f"SELECT DISTINCT ON (content) content, text, meta FROM {table} WHERE content <> 0 AND content {{keys}}"
            # Of those whose file was read, if there is one.
            " ORDER BY content, text = ''"
        )

    def known(self, folders: Sequence[bytes]) -> Mapping[bytes, Mapping[int, int]]:
        """Give the ids of the committed documents that are in these folders themselves, with their contents."""
        found: dict[bytes, dict[int, int]] = {folder: {} for folder in folders}
        for some in batches(found, BATCH):
            keys = {folder[:_KEY_BYTES] for folder in some}
            with self._session.transaction() as conn:
                for folder, document, content in self._known.rows(conn, keys):
                    if folder in found:
                        found[folder][document] = content
        return found

    def folders(self) -> Iterator[bytes]:
        """Give every folder that committed documents are in, sorted by their beginnings."""
        after, behind = b"", ">="
        while True:
            keys = self._keys(after, behind)
            for key in keys:
                if len(key) < _KEY_BYTES:
                    yield key
                else:
                    yield from self._long_folders(key)
            if len(keys) < BATCH:
                return
            after, behind = keys[-1], ">"

    def texts(self, contents: Sequence[int]) -> Mapping[int, Texts]:
        """Give what is stored of those of these contents that committed documents have."""
        found: dict[int, Texts] = {}
        for some in batches(set(contents), BATCH):
            with self._session.transaction() as conn:
                found.update((content, Texts(text, meta)) for content, text, meta in self._texts.rows(conn, some))
        return found

    def remove(self, ids: Iterable[int]) -> None:
        """Remove documents; nothing happens for ids that are not there."""
        for some in batches(ids, _MANY_IDS):
            with self._session.transaction() as conn:
                staging.remove(conn, some)
            self._is_staged = True

    def add(self, documents: Iterable[Document]) -> None:
        """Add documents, whose ids are not there, or were removed before."""
        for some in staging.portions(documents):
            with self._session.transaction() as conn:
                staging.add(conn, some, self._stems, self._generation.shape.language)
            self._is_staged = True

    def commit(self) -> None:
        """Make all of it last, and let it be searched."""
        if not self._is_staged:
            return
        with self._session.transaction() as conn:
            _allow(conn, _COMMIT_SECONDS)
            before = self._documents(conn)
            more = staging.apply(conn, self._generation)
            own = generations_table.c.id == self._generation.id
            conn.execute(update(generations_table).where(own).values(documents=before + more))
        self._is_staged = False
        if _is_another_size(before, before + more):
            self._analyze()

    def close(self) -> None:
        """Let go of the index, and of what was not committed."""
        self._session.close()

    def _keys(self, after: bytes, behind: str) -> list[bytes]:
        query = _KEYS.format(table=self._generation.table, behind=behind)
        with self._session.transaction() as conn:
            return [bytes(key) for (key,) in conn.exec_driver_sql(query, {"after": after, "limit": BATCH})]

    def _long_folders(self, key: bytes) -> list[bytes]:
        query = _LONG_FOLDERS.format(table=self._generation.table)
        with self._session.transaction() as conn:
            return [bytes(folder) for (folder,) in conn.exec_driver_sql(query, {"key": key})]

    def _documents(self, conn: Connection) -> int:
        """Give how many documents there are; nobody drops the generation from here to the end of the transaction."""
        own = generations_table.c.id == self._generation.id
        query = select(generations_table.c.documents).where(own).with_for_update()
        found: int | None = conn.execute(query).scalar_one_or_none()
        if found is None:
            raise TemporaryError("the generation was dropped while it was being written")
        return found

    def _analyze(self) -> None:
        """Let PostgreSQL know what the words are like: how it searches depends on it. It does so itself later."""
        with suppress(TemporaryError), self._session.transaction() as conn:
            _allow(conn, _ANALYZE_SECONDS)
            conn.exec_driver_sql("SET LOCAL default_statistics_target = 20")
            conn.exec_driver_sql(f"ANALYZE {self._generation.table}")


def _allow(conn: Connection, seconds: int) -> None:
    conn.exec_driver_sql(f"SET LOCAL statement_timeout = '{seconds}s'")


def _is_another_size(before: int, now: int) -> bool:
    """Say whether a generation grew so much that what is known of it is nothing like it."""
    return now.bit_length() > max(before.bit_length(), 6)

"""Writes the differences that a sync found into a catalog, thousands of rows at a time.

SQLite takes them row by row through one prepared statement. PostgreSQL takes them as one stream into a temporary table,
and then in one statement for all of them. What goes is written before what comes: an entry may come to a name that was
freed just now.

The statements are text: the rows are a million on a first sync, and go to the driver as they are.
"""

# ruff: noqa: S608 -- these texts are put together from the constants of this module
from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import getrandbits
from typing import Any, Protocol

from sqlalchemy import Connection

from store.batches import batches
from store.bulk import Lookup, driver_of
from store.records import EntryChange, FolderChange

_FOLDER = ("path", "token", "digest", "entry_count", "bytes", "prints")
_ENTRY = ("folder_id", "name", "kind", "size", "modified_ns", "inode", "device", "etag", "hash")


def _set(names: Iterable[str]) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in names)


_UPSERT_FOLDERS = f"ON CONFLICT (datasource, path) DO UPDATE SET {_set(_FOLDER[1:])}"
_UPSERT_ENTRIES = f"ON CONFLICT (folder_id, name) DO UPDATE SET {_set((*_ENTRY[2:], 'changed_run'))}"
_INTO_FOLDERS = f"INSERT INTO folders (datasource, {', '.join(_FOLDER)})"
_INTO_ENTRIES = f"INSERT INTO entries (datasource, changed_run, {', '.join(_ENTRY)})"

_INTO_STALE = "INSERT INTO stale_folders (datasource, path, mark, since)"
# Since when it is stale stays: so the search knows how far it is behind.
_UPSERT_STALE = "ON CONFLICT (datasource, path) DO UPDATE SET mark = excluded.mark"

_folder_ids = Lookup("SELECT path, id FROM folders WHERE datasource = {value} AND path {keys}")


def apply_changes(
    conn: Connection,
    datasource: str,
    *,
    run: str,
    at: int,
    changed_folders: Sequence[FolderChange] = (),
    changed_entries: Sequence[EntryChange] = (),
    removed_entries: Sequence[tuple[bytes, bytes]] = (),
    removed_folders: Sequence[bytes] = (),
) -> None:
    """Write a batch of differences.

    `removed_entries` are (folder path, name). A removed folder takes its own entries along, not those of folders
    below it, which are named themselves. A folder that entries come to or go from has no digest afterwards, unless the
    batch brings one; it is made if the catalog does not have it. What changes is stale for the search since `at` (ms).
    Safe to repeat.
    """
    writing: _Writing = _Rows(conn) if conn.dialect.name == "sqlite" else _Streams(conn)
    coming = {entry[0] for entry in changed_entries}
    touched = coming | {folder for folder, _ in removed_entries}
    stale = touched.union(removed_folders)
    writing.mark_stale(datasource, [(path, getrandbits(63), at) for path in sorted(stale)])
    ids = _ids_of(conn, datasource, stale)
    closed = [ids.pop(path) for path in removed_folders if path in ids]
    whole = {folder[0] for folder in changed_folders}
    writing.remove_entries([(ids[folder], name) for folder, name in removed_entries if folder in ids])
    writing.remove_folders([(folder,) for folder in closed])
    writing.open_folders([(ids[path],) for path in touched - whole if path in ids])
    missing = coming - ids.keys()
    writing.put_folders(datasource, [*changed_folders, *(FolderChange(path) for path in sorted(missing - whole))])
    ids.update(_ids_of(conn, datasource, missing))
    writing.put_entries(datasource, run, [(ids[entry[0]], *entry[1:]) for entry in changed_entries])


def _ids_of(conn: Connection, datasource: str, paths: Iterable[bytes]) -> dict[bytes, int]:
    return dict(_folder_ids.rows(conn, paths, datasource))


class _Writing(Protocol):
    """How one kind of database takes many rows; nothing happens for none."""

    def remove_entries(self, rows: Sequence[tuple[int, bytes]]) -> None: ...

    def remove_folders(self, rows: Sequence[tuple[int]]) -> None: ...

    def open_folders(self, rows: Sequence[tuple[int]]) -> None: ...

    def put_folders(self, datasource: str, rows: Sequence[FolderChange]) -> None: ...

    def put_entries(self, datasource: str, run: str, rows: Sequence[tuple[Any, ...]]) -> None: ...

    def mark_stale(self, datasource: str, rows: Sequence[tuple[bytes, int, int]]) -> None: ...


class _Rows:
    """SQLite: row by row."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def remove_entries(self, rows: Sequence[tuple[int, bytes]]) -> None:
        self._many("DELETE FROM entries WHERE folder_id = ? AND name = ?", rows)

    def remove_folders(self, rows: Sequence[tuple[int]]) -> None:
        self._many("DELETE FROM entries WHERE folder_id = ?", rows)
        self._many("DELETE FROM folders WHERE id = ?", rows)

    def open_folders(self, rows: Sequence[tuple[int]]) -> None:
        self._many("UPDATE folders SET digest = x'', token = NULL, prints = NULL WHERE id = ?", rows)

    def put_folders(self, datasource: str, rows: Sequence[FolderChange]) -> None:
        marks = ", ".join("?" * (len(_FOLDER) + 1))
        self._many(f"{_INTO_FOLDERS} VALUES ({marks}) {_UPSERT_FOLDERS}", [(datasource, *row) for row in rows])

    def put_entries(self, datasource: str, run: str, rows: Sequence[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * (len(_ENTRY) + 2))
        self._many(f"{_INTO_ENTRIES} VALUES ({marks}) {_UPSERT_ENTRIES}", [(datasource, run, *row) for row in rows])

    def mark_stale(self, datasource: str, rows: Sequence[tuple[bytes, int, int]]) -> None:
        self._many(f"{_INTO_STALE} VALUES (?, ?, ?, ?) {_UPSERT_STALE}", [(datasource, *row) for row in rows])

    def _many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            self._conn.exec_driver_sql(statement, list(rows))


# They stay with the connection, empty between two transactions.
_STREAMED = """
CREATE TEMP TABLE IF NOT EXISTS sync_names (folder_id bigint, name bytea) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS sync_folders (path bytea, token text, digest bytea, entry_count integer, bytes bigint,
    prints bytea) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS sync_entries (folder_id bigint, name bytea, kind text, size bigint, modified_ns bigint,
    inode bigint, device bigint, etag text, hash text) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS sync_stale (path bytea, mark bigint, since bigint) ON COMMIT DELETE ROWS;
"""
_TYPES = {
    "sync_names": ("int8", "bytea"),
    "sync_folders": ("bytea", "text", "bytea", "int4", "int8", "bytea"),
    "sync_stale": ("bytea", "int8", "int8"),
    "sync_entries": ("int8", "bytea", "text", "int8", "int8", "int8", "int8", "text", "text"),
}


class _Streams:
    """PostgreSQL: as a stream into a temporary table, and from there at once."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        conn.exec_driver_sql(_STREAMED)

    def remove_entries(self, rows: Sequence[tuple[int, bytes]]) -> None:
        self._stream(
            "sync_names",
            rows,
            "DELETE FROM entries USING sync_names AS gone"
            " WHERE entries.folder_id = gone.folder_id AND entries.name = gone.name",
        )

    def remove_folders(self, rows: Sequence[tuple[int]]) -> None:
        for some in batches(each for (each,) in rows):
            self._conn.exec_driver_sql("DELETE FROM entries WHERE folder_id = ANY(%s)", (some,))
            self._conn.exec_driver_sql("DELETE FROM folders WHERE id = ANY(%s)", (some,))

    def open_folders(self, rows: Sequence[tuple[int]]) -> None:
        for some in batches(each for (each,) in rows):
            self._conn.exec_driver_sql(
                "UPDATE folders SET digest = '', token = NULL, prints = NULL WHERE id = ANY(%s)", (some,)
            )

    def put_folders(self, datasource: str, rows: Sequence[FolderChange]) -> None:
        names = ", ".join(_FOLDER)
        self._stream(
            "sync_folders",
            rows,
            f"{_INTO_FOLDERS} SELECT %s, {names} FROM sync_folders {_UPSERT_FOLDERS}",
            (datasource,),
        )

    def put_entries(self, datasource: str, run: str, rows: Sequence[tuple[Any, ...]]) -> None:
        names = ", ".join(_ENTRY)
        self._stream(
            "sync_entries",
            rows,
            f"{_INTO_ENTRIES} SELECT %s, %s, {names} FROM sync_entries {_UPSERT_ENTRIES}",
            (datasource, run),
        )

    def mark_stale(self, datasource: str, rows: Sequence[tuple[bytes, int, int]]) -> None:
        self._stream(
            "sync_stale",
            rows,
            f"{_INTO_STALE} SELECT %s, path, mark, since FROM sync_stale {_UPSERT_STALE}",
            (datasource,),
        )

    def _stream(
        self, table: str, rows: Sequence[tuple[Any, ...]], statement: str, values: tuple[str, ...] = ()
    ) -> None:
        if not rows:
            return
        with driver_of(self._conn) as driver, driver.cursor() as cursor:
            with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(_TYPES[table])
                for row in rows:
                    copy.write_row(row)
            cursor.execute(statement, values)

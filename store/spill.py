"""What a sync puts aside until its end, in a temporary database: gone and new entries, and which of them are one.

The database has no name: SQLite keeps it in a bounded cache, writes what does not fit to a file in the system's
temporary folder, and the file is gone as soon as the process is. Entries are plain tuples, the columns of `ENTRY`.
"""

# ruff: noqa: S608 -- these texts are put together from the constants of this module
from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from rota.errors import StoreUnavailable

ENTRY = ("folder", "name", "kind", "size", "modified_ns", "inode", "device", "etag", "hash")
"""The columns of an entry."""

EntryTuple = tuple[Any, ...]
FolderTuple = tuple[bytes, str, bytes, int, int, bytes]

_CACHE_KIB = 16_384
_BATCH = 1_000

_COLUMNS = ", ".join(ENTRY)
_PATH = "CASE folder WHEN x'' THEN name ELSE CAST(folder || x'2f' || name AS BLOB) END"
_INODE = "kind, size, modified_ns, inode, device"

_SCHEMA = f"""
CREATE TABLE gone (id INTEGER PRIMARY KEY, {_COLUMNS}, path AS ({_PATH}) STORED, kept INTEGER NOT NULL DEFAULT 0);
CREATE TABLE new (id INTEGER PRIMARY KEY, {_COLUMNS}, path AS ({_PATH}) STORED);
CREATE TABLE pairs (gone INTEGER PRIMARY KEY, new INTEGER NOT NULL UNIQUE, replaced INTEGER NOT NULL DEFAULT 0);
CREATE TABLE states (path BLOB PRIMARY KEY, token, digest, entries, bytes, prints) WITHOUT ROWID;
CREATE TABLE unlisted (path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE unseen (path BLOB PRIMARY KEY) WITHOUT ROWID;
"""
"""`pairs` are one entry under two paths, or, where `replaced`, a folder and what took its place."""

_INSERT = {
    table: f"INSERT INTO {table} ({_COLUMNS}) VALUES ({', '.join('?' * len(ENTRY))})" for table in ("gone", "new")
}
# Of several that agree, the first by path is paired with the first, and so on: hard links are such.
_NTH = f"""
SELECT id, {_INODE}, row_number() OVER (PARTITION BY {_INODE} ORDER BY path) AS nth FROM {{table}}
WHERE inode != 0 AND id NOT IN (SELECT {{table}} FROM pairs)
"""
_PAIR_BY_INODE = f"""
INSERT INTO pairs (gone, new) SELECT one.id, other.id
FROM ({_NTH.format(table="gone")}) one JOIN ({_NTH.format(table="new")}) other USING ({_INODE}, nth)
"""
_ONLY = """
SELECT min(id) AS id, {column}, size FROM {table}
WHERE {column} != '' AND kind = 'file' AND inode = 0 AND id NOT IN (SELECT {table} FROM pairs)
GROUP BY {column}, size HAVING count(*) = 1
"""
_PAIR_BY_CONTENT = """
INSERT INTO pairs (gone, new) SELECT one.id, other.id FROM ({gone}) one JOIN ({new}) other USING ({column}, size)
"""
_UNPAIRED_GONE = "FROM gone WHERE NOT kept AND NOT EXISTS (SELECT 1 FROM pairs WHERE pairs.gone = gone.id)"


def _of(table: str) -> str:
    return ", ".join(f"{table}.{column}" for column in ENTRY)


_ARRIVALS = f"""
SELECT {_of("new")}, {_of("gone")} FROM new
LEFT JOIN pairs ON pairs.new = new.id LEFT JOIN gone ON gone.id = pairs.gone
WHERE pairs.gone IS NULL OR (NOT pairs.replaced AND new.kind != 'folder') ORDER BY new.path
"""
_DEPARTURES = f"""
SELECT {_of("gone")}, {_of("new")} FROM gone
LEFT JOIN pairs ON pairs.gone = gone.id LEFT JOIN new ON new.id = pairs.new
WHERE NOT gone.kept AND (pairs.gone IS NULL OR pairs.replaced OR gone.kind = 'folder') ORDER BY gone.path DESC
"""
_LOOKS = f"""
SELECT gone.id, pairs.gone IS NOT NULL, {_of("gone")} FROM gone LEFT JOIN pairs ON pairs.gone = gone.id
WHERE NOT coalesce(pairs.replaced, 0) AND (pairs.gone IS NOT NULL OR ?) ORDER BY gone.folder, gone.name
"""
_STATES = """
SELECT path, token, digest, entries, bytes, prints FROM states
WHERE NOT EXISTS (SELECT 1 FROM gone WHERE gone.folder = states.path AND gone.kept) ORDER BY path
"""
_ORPHANS = """
SELECT path FROM unseen WHERE NOT EXISTS (SELECT 1 FROM gone WHERE gone.path = unseen.path)
AND NOT EXISTS (SELECT 1 FROM gone WHERE gone.folder = unseen.path AND gone.kept)
"""


class Look(NamedTuple):
    """A gone entry that has to be looked at once more."""

    id: int
    is_paired: bool
    entry: EntryTuple


class Spill:
    """What waits for the end of a sync; for one thread.

    Raises StoreUnavailable when the temporary folder is full.
    """

    def __init__(self) -> None:
        self._conn = sqlite3.connect("", isolation_level=None)
        for setting in (f"cache_size = -{_CACHE_KIB}", "temp_store = FILE", "journal_mode = OFF", "synchronous = OFF"):
            self._conn.execute(f"PRAGMA {setting}")
        self._conn.executescript(_SCHEMA)
        self._conn.execute("BEGIN")

    def close(self) -> None:
        """Forget everything; safe to call twice."""
        self._conn.close()

    def add_gone(self, entries: Iterable[EntryTuple]) -> None:
        """Put aside what the storage no longer has."""
        self._many(_INSERT["gone"], entries)

    def add_new(self, entries: Iterable[EntryTuple]) -> None:
        """Put aside what the catalog does not have yet."""
        self._many(_INSERT["new"], entries)

    def add_replaced(self, old: EntryTuple, new: EntryTuple) -> None:
        """Put aside a folder that became something else."""
        with _translated():
            gone = self._conn.execute(_INSERT["gone"], old).lastrowid
            taken = self._conn.execute(_INSERT["new"], new).lastrowid
            self._conn.execute("INSERT INTO pairs VALUES (?, ?, 1)", (gone, taken))

    def add_state(self, state: FolderTuple) -> None:
        """Put aside what is known of a folder once all that is put aside in it is settled."""
        self._many("INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?, ?)", [state])

    def add_unlisted(self, path: bytes) -> None:
        """Note a folder of which nothing is known now."""
        self._many("INSERT OR IGNORE INTO unlisted VALUES (?)", [(path,)])

    def add_unseen(self, paths: Iterable[bytes]) -> None:
        """Note folders that the catalog has and nobody told."""
        self._many("INSERT OR IGNORE INTO unseen VALUES (?)", ((path,) for path in paths))

    def is_unlisted(self, path: bytes) -> bool:
        """Say whether a folder, or one above it, was noted as unlisted."""
        parts = path.split(b"/")
        above = [b"/".join(parts[:depth]) for depth in range(len(parts), 0, -1)]
        return any(self._has("SELECT 1 FROM unlisted WHERE path = ?", each) for each in (*above, b""))

    def has_unlisted(self) -> bool:
        """Say whether any folder was noted as unlisted."""
        return bool(self._value("SELECT EXISTS (SELECT 1 FROM unlisted)"))

    def pair_moves(self) -> None:
        """Find which gone and which new entries are one that moved.

        They agree in kind, device, inode, size and time. The inode alone is no identity: file systems hand out the
        number of a deleted file again at once. Where there are no inodes, files agree in size and in etag or hash, and
        no other gone or new file does.
        """
        with _translated():
            self._conn.execute("CREATE INDEX gone_path ON gone (path)")
            self._conn.execute("CREATE INDEX gone_kept ON gone (folder) WHERE kept")
            if not (self._value("SELECT count(*) FROM gone") and self._value("SELECT count(*) FROM new")):
                return
            self._conn.execute(_PAIR_BY_INODE)
            for column in ("etag", "hash"):
                sides = {table: _ONLY.format(table=table, column=column) for table in ("gone", "new")}
                self._conn.execute(_PAIR_BY_CONTENT.format(column=column, **sides))

    def part_folders(self) -> None:
        """Take moved folders for new ones, and let the old ones stay: something in them is going to stay."""
        with _translated():
            self._conn.execute(
                "DELETE FROM pairs WHERE NOT replaced AND gone IN (SELECT id FROM gone WHERE kind = 'folder')"
            )

    def count_deleted(self) -> int:
        """Count the gone entries that did not move."""
        return int(self._value(f"SELECT count(*) {_UNPAIRED_GONE}"))

    def deleted(self, limit: int) -> list[EntryTuple]:
        """Give some of the gone entries that did not move, by path."""
        with _translated():
            query = f"SELECT {_COLUMNS} {_UNPAIRED_GONE} ORDER BY path LIMIT ?"
            return self._conn.execute(query, (limit,)).fetchall()

    def looks(self, *, only_moved: bool) -> Iterator[Look]:
        """Give what is gone, folder by folder, those above before those below."""
        for row in self._stream(_LOOKS, (not only_moved,)):
            yield Look(row[0], bool(row[1]), row[2:])

    def is_gone(self, path: bytes) -> bool:
        """Say whether the entry at a path is gone, and was not found there after all."""
        return self._has("SELECT 1 FROM gone WHERE path = ? AND NOT kept", path)

    def keep(self, gone: int) -> None:
        """Note that an entry is there after all; if it was paired, the other one is new."""
        with _translated():
            self._conn.execute("UPDATE gone SET kept = 1 WHERE id = ?", (gone,))
            self._conn.execute("DELETE FROM pairs WHERE gone = ?", (gone,))

    def arrivals(self) -> Iterator[tuple[EntryTuple, EntryTuple | None]]:
        """Give what is new, and the files and links that moved with what they were, by path."""
        for row in self._stream(_ARRIVALS):
            yield row[: len(ENTRY)], _other(row)

    def departures(self) -> Iterator[tuple[EntryTuple, EntryTuple | None]]:
        """Give what is deleted, and the folders that moved or were replaced with what they are; what is below first."""
        for row in self._stream(_DEPARTURES):
            yield row[: len(ENTRY)], _other(row)

    def states(self) -> Iterator[FolderTuple]:
        """Give the folders of which everything is settled."""
        return self._stream(_STATES)

    def orphans(self) -> Iterator[bytes]:
        """Give the folders that nobody told and that no entry leads to."""
        return (path for (path,) in self._stream(_ORPHANS))

    def _many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with _translated():
            self._conn.executemany(statement, rows)

    def _stream(self, query: str, values: tuple[Any, ...] = ()) -> Iterator[Any]:
        with _translated():
            cursor = self._conn.execute(query, values)
            fetch: Callable[[], list[Any]] = lambda: cursor.fetchmany(_BATCH)  # noqa: E731
        while rows := _translating(fetch):
            yield from rows

    def _has(self, query: str, value: bytes) -> bool:
        with _translated():
            return self._conn.execute(query, (value,)).fetchone() is not None

    def _value(self, query: str) -> Any:
        with _translated():
            return self._conn.execute(query).fetchone()[0]


def _other(row: tuple[Any, ...]) -> EntryTuple | None:
    other = row[len(ENTRY) :]
    return None if other[1] is None else other


def _translating(fetch: Callable[[], list[Any]]) -> list[Any]:
    with _translated():
        return fetch()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailable(f"cannot put aside what a sync found: {error}") from error

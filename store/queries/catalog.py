"""The catalog of a datasource: its folders with their digests, and the entries in them.

A sync asks for the digests of the folders that it comes by, reads the rows of those only whose digest differs, and
writes the differences in batches (`catalog_changes`). Every function takes and gives paths and names as bytes.
"""

# ruff: noqa: S608 -- these texts are put together from the constants of this module
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import BindParameter, Connection, RowMapping, bindparam, delete, func, null, select

from rota.errors import NotFound
from store.batches import BATCH
from store.bulk import Lookup, PairLookup
from store.cursors import decode_bytes_cursor, encode_cursor, page_limit
from store.queries.catalog_changes import apply_changes
from store.records import CatalogCounts, EntryRecord, Page, Removed
from store.tables import entries, folders

__all__ = [
    "apply_changes",
    "counts",
    "find_entry",
    "find_row",
    "find_rows",
    "folders_after",
    "folders_at",
    "last_folder",
    "list_entries",
    "remove_batch",
    "rows_after",
    "rows_of",
]

FolderTuple = tuple[int, bytes, str | None, bytes, int, bytes | None]
"""Number, path, token and digest of a folder, how many entries it has, and their prints."""
RowTuple = tuple[Any, ...]
"""Name, kind, size, modified_ns, inode, device, etag and hash of an entry, then the number of its folder."""

_ids: BindParameter[list[int]] = bindparam("ids", expanding=True)
# A walk through all folders has no use for prints, which take more than all else.
_folder_columns = (folders.c.id, folders.c.path, folders.c.token, folders.c.digest, folders.c.entry_count, null())
_entry_columns = (
    entries.c.folder_id, entries.c.name, entries.c.kind, entries.c.size, entries.c.modified_ns, entries.c.inode,
    entries.c.device, entries.c.etag, entries.c.hash, entries.c.changed_run,
)  # fmt: skip
_folders_at = Lookup(
    "SELECT id, path, token, digest, entry_count, prints FROM folders WHERE datasource = {value} AND path {keys}"
)
# What was written before there were etags has NULL where there is nothing.
_ROW = "name, kind, size, modified_ns, coalesce(inode, 0), coalesce(device, 0), coalesce(etag, ''), hash, folder_id"
_rows_of = Lookup(f"SELECT {_ROW} FROM entries WHERE folder_id {{keys}}")
# SQLite would go through the whole table for `(folder_id, name) IN (VALUES ...)`; in a join it uses the index.
_find_rows = PairLookup(
    f"WITH wanted (folder_id, name) AS ({{pairs}}) SELECT {_ROW} FROM wanted JOIN entries USING (folder_id, name)",
    ("bigint", "bytea"),
)
_row_at = Lookup(f"SELECT {_ROW} FROM entries WHERE folder_id = {{value}} AND name {{keys}}")
_row_columns = (
    entries.c.name, entries.c.kind, entries.c.size, entries.c.modified_ns, func.coalesce(entries.c.inode, 0),
    func.coalesce(entries.c.device, 0), func.coalesce(entries.c.etag, ""), entries.c.hash, entries.c.folder_id,
)  # fmt: skip
_remove_entries = delete(entries).where(entries.c.folder_id.in_(_ids))
_remove_folders = delete(folders).where(folders.c.id.in_(_ids))


def folders_at(conn: Connection, datasource: str, paths: Iterable[bytes]) -> list[FolderTuple]:
    """Return those of these folders that the catalog has, in any order."""
    return list(_folders_at.rows(conn, paths, datasource))


def last_folder(conn: Connection, datasource: str) -> int:
    """Return the highest number of a folder of this datasource, 0 if there is none."""
    return conn.scalar(select(func.max(folders.c.id)).where(folders.c.datasource == datasource)) or 0


def folders_after(
    conn: Connection, datasource: str, *, below: bytes, after: bytes | None, limit: int
) -> list[FolderTuple]:
    """Return the next folders below a path, or below the root, in the order of paths.

    `after` is the path of the last one that is known already; the folder `below` itself is not among them. Their
    prints are not read.
    """
    query = select(*_folder_columns).where(
        folders.c.datasource == datasource, folders.c.path > (below if after is None else after)
    )
    if below:
        # "0" is the byte after "/".
        query = query.where(folders.c.path >= below + b"/", folders.c.path < below + b"0")
    return [tuple(row) for row in conn.execute(query.order_by(folders.c.path).limit(limit))]


def rows_of(conn: Connection, folder_ids: Iterable[int]) -> dict[int, list[RowTuple]]:
    """Return the entries of these folders by the folder's number, in any order; an empty folder has an empty list."""
    found: dict[int, list[RowTuple]] = {folder: [] for folder in folder_ids}
    for row in _rows_of.rows(conn, found):
        found[row[-1]].append(row)
    return found


def rows_after(conn: Connection, folder_id: int, *, after: bytes, limit: int) -> list[RowTuple]:
    """Return the next entries of a folder in the order of names; `after` is the last one that is known already."""
    query = select(*_row_columns).where(entries.c.folder_id == folder_id, entries.c.name > after)
    return [tuple(row) for row in conn.execute(query.order_by(entries.c.name).limit(limit))]


def find_row(conn: Connection, datasource: str, path: bytes) -> RowTuple | None:
    """Return the entry at a path, or None."""
    folder, _, name = path.rpartition(b"/")
    folder_id = _id_of(conn, datasource, folder)
    return next(_row_at.rows(conn, [name], folder_id), None) if folder_id is not None else None


def find_rows(conn: Connection, places: Iterable[tuple[int, bytes]]) -> Iterator[RowTuple]:
    """Return the entries at these places, (number of the folder, name), in any order; those that are not there, not."""
    return _find_rows.rows(conn, places)


def list_entries(
    conn: Connection, datasource: str, folder: bytes = b"", *, cursor: str | None = None, limit: int = 100
) -> Page[EntryRecord]:
    """Return a page of what is in a folder, by name; NotFound if the catalog doesn't have the folder.

    The root is always there, empty until the first sync.
    """
    folder_id = _id_of(conn, datasource, folder)
    if folder_id is None:
        if folder == b"":
            return Page(items=[])
        raise NotFound(f"{datasource} has no folder {folder.decode('utf-8', 'replace')}")
    query = select(*_entry_columns).where(entries.c.folder_id == folder_id)
    if cursor is not None:
        query = query.where(entries.c.name > decode_bytes_cursor(cursor))
    count = page_limit(limit)
    found = [_record(row) for row in conn.execute(query.order_by(entries.c.name).limit(count + 1)).mappings()]
    return Page(items=found[:count], next=encode_cursor(found[count - 1].name) if len(found) > count else None)


def find_entry(conn: Connection, datasource: str, path: bytes) -> EntryRecord | None:
    """Return the entry at a path, or None."""
    folder, _, name = path.rpartition(b"/")
    folder_id = _id_of(conn, datasource, folder)
    query = select(*_entry_columns).where(entries.c.folder_id == folder_id, entries.c.name == name)
    row = conn.execute(query).mappings().one_or_none()
    return None if row is None else _record(row)


def counts(conn: Connection, datasource: str) -> CatalogCounts:
    """Return how much the catalog of a datasource has, from the sums that its folders keep."""
    query = select(
        func.count(), func.coalesce(func.sum(folders.c.entry_count), 0), func.coalesce(func.sum(folders.c.bytes), 0)
    ).where(folders.c.datasource == datasource)
    found = conn.execute(query).one()
    return CatalogCounts(folders=found[0], entries=int(found[1]), bytes=int(found[2]))


def remove_batch(conn: Connection, datasource: str, *, limit: int = BATCH) -> Removed:
    """Remove some folders of a datasource with their entries.

    While there are more, call it again in a new transaction.
    """
    query = select(folders.c.id).where(folders.c.datasource == datasource).limit(page_limit(limit))
    ids = list(conn.scalars(query))
    rows = _remove(conn, ids) + len(ids) if ids else 0
    return Removed(rows=rows, more=len(ids) == page_limit(limit))


def _remove(conn: Connection, folder_ids: list[int]) -> int:
    removed = conn.execute(_remove_entries, {"ids": folder_ids}).rowcount
    conn.execute(_remove_folders, {"ids": folder_ids})
    return removed


def _id_of(conn: Connection, datasource: str, folder: bytes) -> int | None:
    return next((number for number, *_ in folders_at(conn, datasource, [folder])), None)


def _record(row: RowMapping) -> EntryRecord:
    return EntryRecord(
        folder_id=row["folder_id"],
        name=row["name"],
        kind=row["kind"],
        size=row["size"],
        modified_ns=row["modified_ns"],
        inode=row["inode"] or 0,
        device=row["device"] or 0,
        etag=row["etag"] or None,
        hash=row["hash"],
        changed_run=row["changed_run"],
    )

"""The catalog of a datasource: its folders with their digests, and the entries in them.

A sync reads all digests at once, walks the storage, reads the rows of those folders only whose digest differs, and
writes the differences in batches. Every function takes and gives paths and names as bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, RowMapping, bindparam, delete, func, select

from rota.errors import NotFound
from store import dialects
from store.batches import BATCH, batches
from store.cursors import decode_bytes_cursor, encode_cursor, page_limit
from store.records import CatalogCounts, EntryChange, EntryRecord, FolderChange, FolderDigest, Page, Removed
from store.tables import entries, folders

_ids: BindParameter[list[int]] = bindparam("ids", expanding=True)
_digests = select(folders.c.path, folders.c.id, folders.c.digest, folders.c.token).where(
    folders.c.datasource == bindparam("datasource")
)
_entry_columns = (
    entries.c.folder_id, entries.c.name, entries.c.kind, entries.c.size, entries.c.modified_ns, entries.c.inode,
    entries.c.device, entries.c.etag, entries.c.hash, entries.c.changed_run,
)  # fmt: skip
_rows = select(*_entry_columns).where(entries.c.folder_id.in_(_ids)).order_by(entries.c.folder_id, entries.c.name)
_folder_ids = select(folders.c.path, folders.c.id).where(
    folders.c.datasource == bindparam("datasource"), folders.c.path.in_(bindparam("paths", expanding=True))
)
_write_folders = dialects.upsert(
    folders, key=("datasource", "path"), update=("token", "digest", "entry_count", "bytes")
)
_write_entries = dialects.upsert(
    entries,
    key=("folder_id", "name"),
    update=("kind", "size", "modified_ns", "inode", "device", "etag", "hash", "changed_run"),
)
_remove_entry = delete(entries).where(
    entries.c.folder_id == bindparam("of_folder"), entries.c.name == bindparam("of_name")
)
_remove_entries = delete(entries).where(entries.c.folder_id.in_(_ids))
_remove_folders = delete(folders).where(folders.c.id.in_(_ids))


def folder_digests(conn: Connection, datasource: str) -> dict[bytes, FolderDigest]:
    """Return every folder of a datasource by its path."""
    return {
        row.path: FolderDigest(id=row.id, digest=row.digest, token=row.token)
        for row in conn.execute(_digests, {"datasource": datasource})
    }


def entries_of(conn: Connection, folder_ids: Iterable[int]) -> dict[int, list[EntryRecord]]:
    """Return the entries of these folders, by folder id and sorted by name; an empty folder has an empty list."""
    found: dict[int, list[EntryRecord]] = {folder: [] for folder in folder_ids}
    for ids in batches(found):
        for row in conn.execute(_rows, {"ids": ids}).mappings():
            found[row["folder_id"]].append(_record(row))
    return found


def apply_changes(
    conn: Connection,
    datasource: str,
    *,
    run: str,
    changed_folders: Sequence[FolderChange] = (),
    changed_entries: Sequence[EntryChange] = (),
    removed_entries: Sequence[tuple[bytes, bytes]] = (),
    removed_folders: Sequence[bytes] = (),
) -> int:
    """Write a batch of differences and return how many entries it created, updated or removed.

    `removed_entries` are (folder path, name). A removed folder takes its own entries along, not those of folders
    below it, which are named themselves. Folders come first, so a batch may bring a folder with what is in it; NotFound
    is raised for an entry whose folder neither the catalog nor the batch has. Safe to repeat.
    """
    if changed_folders:
        conn.execute(_write_folders[conn.dialect.name], [_folder_row(datasource, folder) for folder in changed_folders])
    ids = _ids_of(
        conn,
        datasource,
        {entry.folder for entry in changed_entries} | {folder for folder, _ in removed_entries} | set(removed_folders),
    )
    touched = 0
    gone = [{"of_folder": ids[folder], "of_name": name} for folder, name in removed_entries if folder in ids]
    if gone:
        touched += conn.execute(_remove_entry, gone).rowcount
    for batch in batches(ids[path] for path in removed_folders if path in ids):
        touched += _remove(conn, batch)
    if changed_entries:
        rows = [_entry_row(datasource, run, entry, ids) for entry in changed_entries]
        touched += conn.execute(_write_entries[conn.dialect.name], rows).rowcount
    return touched


def list_entries(
    conn: Connection, datasource: str, folder: bytes = b"", *, cursor: str | None = None, limit: int = 100
) -> Page[EntryRecord]:
    """Return a page of what is in a folder, by name; NotFound if the catalog doesn't have the folder.

    The root is always there, empty until the first sync.
    """
    folder_id = _ids_of(conn, datasource, (folder,)).get(folder)
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
    folder_id = _ids_of(conn, datasource, (folder,)).get(folder)
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


def _ids_of(conn: Connection, datasource: str, paths: Iterable[bytes]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for batch in batches(paths):
        found.update(
            (row.path, row.id) for row in conn.execute(_folder_ids, {"datasource": datasource, "paths": batch})
        )
    return found


def _folder_row(datasource: str, folder: FolderChange) -> dict[str, Any]:
    return {
        "datasource": datasource,
        "path": folder.path,
        "token": folder.token,
        "digest": folder.digest,
        "entry_count": folder.entry_count,
        "bytes": folder.bytes,
    }


def _entry_row(datasource: str, run: str, entry: EntryChange, ids: dict[bytes, int]) -> dict[str, Any]:
    if entry.folder not in ids:
        raise NotFound(f"{datasource} has no folder {entry.folder.decode('utf-8', 'replace')}")
    return {
        "datasource": datasource,
        "folder_id": ids[entry.folder],
        "name": entry.name,
        "kind": entry.kind,
        "size": entry.size,
        "modified_ns": entry.modified_ns,
        "inode": _signed(entry.inode),
        "device": _signed(entry.device),
        "etag": entry.etag,
        "hash": entry.hash,
        "changed_run": run,
    }


def _record(row: RowMapping) -> EntryRecord:
    return EntryRecord(
        folder_id=row["folder_id"],
        name=row["name"],
        kind=row["kind"],
        size=row["size"],
        modified_ns=row["modified_ns"],
        inode=_unsigned(row["inode"]),
        device=_unsigned(row["device"]),
        etag=row["etag"],
        hash=row["hash"],
        changed_run=row["changed_run"],
    )


def _signed(number: int | None) -> int | None:
    # Inode numbers use all 64 bits on some file systems; BIGINT has a sign.
    return number if number is None or number < 2**63 else number - 2**64


def _unsigned(number: int | None) -> int | None:
    return number if number is None or number >= 0 else number + 2**64

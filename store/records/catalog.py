"""Events, datasources and the catalog.

Times are milliseconds UTC; `*_at` of None means that it has not happened.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Matched(msgspec.Struct, frozen=True, kw_only=True):
    """A run that an event started; `run` of None means that the job was skipped, for the `reason`."""

    job: str
    run: str | None = None
    reason: str | None = None


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was received, as its CloudEvents envelope, and what it matched."""

    seq: int
    id: str
    source: str
    type: str
    subject: str | None
    time: int | None
    received_at: int
    envelope: dict[str, Any]
    matched: tuple[Matched, ...]


class DatasourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A storage that is looked after. `options` hold secrets only as references."""

    name: str
    kind: str
    root: str
    label: str = ""
    options: dict[str, Any] = {}
    rules: dict[str, Any] = {}
    enabled: bool = True
    queue: str | None = None
    marker: str | None = None
    last_sync: dict[str, Any] | None = None
    doubt: dict[str, Any] | None = None
    """Deletions that the last sync held back: `run, at, path, reason, deleted, known, examples`."""
    unreachable: dict[str, Any] | None = None
    """`run, since, at, reason`, or None while it can be reached."""
    created_at: int = 0
    updated_at: int = 0


class FolderDigest(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync knows of a folder before it looks into it."""

    id: int
    digest: bytes
    token: str | None


class FolderChange(msgspec.Struct, frozen=True, kw_only=True):
    """A folder as it is now; the path is in bytes from the root, which is the empty path."""

    path: bytes
    digest: bytes
    token: str | None = None
    entry_count: int = 0
    bytes: int = 0


class EntryChange(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it is now: new, or different from what the catalog has."""

    folder: bytes
    name: bytes
    kind: str
    size: int
    modified_ns: int
    inode: int | None = None
    device: int | None = None
    etag: str | None = None
    hash: str | None = None


class EntryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as the catalog has it."""

    folder_id: int
    name: bytes
    kind: str
    size: int
    modified_ns: int
    inode: int | None
    device: int | None
    etag: str | None
    hash: str | None
    changed_run: str | None


class CatalogCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How much a catalog has."""

    folders: int
    entries: int
    bytes: int

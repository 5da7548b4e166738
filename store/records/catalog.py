"""Events, datasources and the catalog.

Times are milliseconds UTC; `*_at` of None means that it has not happened.
"""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

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


class FolderChange(NamedTuple):
    """A folder as it is now; the path is in bytes from the root, which is the empty path.

    A tuple, as `EntryChange` is, because a first sync makes a million of them.
    """

    path: bytes
    token: str | None = None
    digest: bytes = b""
    """Empty while its rows may be incomplete."""
    entry_count: int = 0
    bytes: int = 0
    prints: builtins.bytes | None = None


class EntryChange(NamedTuple):
    """An entry as it is now: new, or different from what the catalog has.

    Inode and device are signed, and 0 where there is none; so is an empty etag.
    """

    folder: bytes
    name: bytes
    kind: str
    size: int
    modified_ns: int
    inode: int = 0
    device: int = 0
    etag: str = ""
    hash: str | None = None


class EntryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as the catalog has it."""

    folder_id: int
    name: bytes
    kind: str
    size: int
    modified_ns: int
    inode: int
    """Signed, as the device is; 0 where there is none."""
    device: int
    etag: str | None
    hash: str | None
    changed_run: str | None


class RecycledRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An item in a bin."""

    bin_path: bytes
    original_path: bytes
    kind: str
    items: int
    bytes: int
    deleted_at: int
    deleted_by: str | None = None
    run: str | None = None
    bin: str = ""
    """The bin with limits of its own that it belongs to: `user:NAME`, `folder:NAME`, or empty."""
    size: int = 0
    """Its own, as the four that follow: what it looked like when it came."""
    modified_ns: int = 0
    inode: int = 0
    device: int = 0
    etag: str = ""
    origin: str = "deleted"
    """`deleted` through Rota, `rebuilt` from what lies beside it, or `found` without anything."""
    hold: str | None = None
    """Why it must stay, in words; None if it need not."""
    keep_until: int | None = None
    """It stays until then and goes then, whatever the rules say."""
    claimed_by: str | None = None
    """Task that is taking it out."""
    claimed_for: str | None = None
    """`purge` or `restore`."""
    id: int | None = None
    """Its number, once it has one."""


class CatalogCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How much a catalog has."""

    folders: int
    entries: int
    bytes: int

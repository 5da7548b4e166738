"""From records to shapes: what the API says of a datasource and of what the catalog has of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from console.api.shapes import DatasourceShape, DatasourceState, EntryKind, EntryShape, IndexShape, RecycledShape
from rota.datasources import Rules
from rota.times import rfc3339
from store.records import BinCounts, BinState, CatalogCounts, DatasourceRecord, EntryRecord

#: What a datasource has beside its definition: left out again when it comes back, so that what was read can be saved.
READ_ONLY = (
    "state", "marked", "entries", "bytes", "recycled", "last_sync", "doubt", "unreachable", "search", "created_at",
    "updated_at",
)  # fmt: skip
_TIMES = ("at", "since")


def state_of(record: DatasourceRecord) -> DatasourceState:
    """Return in a word how it stands with a datasource; what keeps it from being looked after comes first."""
    if not record.enabled:
        return "switched off"
    if record.unreachable is not None:
        return "unreachable"
    if record.doubt is not None:
        return "needs confirmation"
    return "never synced" if record.last_sync is None else "ok"


def definition_of(record: DatasourceRecord) -> dict[str, Any]:
    """Return the definition of a datasource with every default, as `rota.datasources.parse_datasource` takes it."""
    return {
        "name": record.name,
        "label": record.label,
        "kind": record.kind,
        "root": record.root,
        "options": record.options,
        **Rules.model_validate(record.rules).model_dump(mode="json"),
        "enabled": record.enabled,
        "queue": record.queue,
    }


def etag_of(record: DatasourceRecord) -> str:
    """Return what changes with the definition of a datasource, and with nothing else."""
    written = msgspec.json.encode(definition_of(record), order="sorted")
    return f'"{hashlib.blake2b(written, digest_size=8).hexdigest()}"'


def recycled_shape(counts: BinCounts, state: BinState) -> RecycledShape:
    """Return how much is in a bin, and how its last purge went."""
    return RecycledShape(
        items=counts.items,
        bytes=counts.bytes,
        held=counts.held,
        last_purge=told_of(state.last_purge),
        doubt=told_of(state.doubt),
    )


def datasource_shape(
    record: DatasourceRecord, counts: CatalogCounts, *, search: IndexShape, recycled: RecycledShape
) -> DatasourceShape:
    """Return a datasource with how much the catalog has of it, and how it stands with its index and its bin."""
    return DatasourceShape(
        **definition_of(record),
        state=state_of(record),
        marked=record.marker is not None,
        entries=counts.entries,
        bytes=counts.bytes,
        recycled=recycled,
        last_sync=told_of(record.last_sync),
        doubt=told_of(record.doubt),
        unreachable=told_of(record.unreachable),
        search=search,
        created_at=rfc3339(record.created_at),
        updated_at=rfc3339(record.updated_at),
    )


def entry_shape(entry: EntryRecord, folder: bytes, below: Mapping[bytes, CatalogCounts]) -> EntryShape:
    """Return an entry of a folder; `below` says what those entries hold that are folders themselves.

    A name that is not UTF-8 is shown with replacement characters.
    """
    path = folder + b"/" + entry.name if folder else entry.name
    held = below.get(entry.name)
    return EntryShape(
        path=path.decode("utf-8", "replace"),
        kind=cast("EntryKind", entry.kind),  # the table's own check allows no other words
        size=entry.size if held is None else held.bytes,
        modified=rfc3339(entry.modified_ns // 1_000_000),
        etag=entry.etag,
        hash=entry.hash,
        entries=None if held is None else held.entries,
        raw=raw_of(path),
    )


def raw_of(path: bytes) -> str | None:
    """Return what leads to a path whose text does not, because it is not UTF-8; None for the others."""
    try:
        path.decode()
    except UnicodeDecodeError:
        return base64.urlsafe_b64encode(path).rstrip(b"=").decode()
    return None


def path_of_raw(raw: str) -> bytes:
    """Return the path that `raw_of` made this of; ValueError if it is none of ours."""
    try:
        return base64.b64decode(raw.encode() + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("is not what a list of entries gave as raw") from error


def told_of(said: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what a run has left behind, its times as the API gives them."""
    if said is None:
        return None
    return {
        name: rfc3339(value) if name in _TIMES and isinstance(value, int) else value for name, value in said.items()
    }

"""The events of a sync: what changed in a datasource, several entries to an event.

`entry.created`, `entry.updated`, `entry.moved` and `entry.deleted` carry `{"datasource", "entries": […]}`; the subject
is the datasource. An entry has `path, kind, size, modified, etag` as it is now (as it was, when deleted); a moved one
has `from` too. A path that is not UTF-8 shows U+FFFD for what cannot be shown, and is whole in `path_base64` (or
`from_base64`).
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from actors.catalog import Changes
from actors.datasources.paths import text_of
from actors.datasources.storage import Row
from actors.run import Run
from actors.syncing.difference import Entry
from rota.events import MAX_EVENT_BYTES
from rota.times import rfc3339

MOST_ENTRIES = 500
_MOST_BYTES = MAX_EVENT_BYTES - 16 * 1024  # the rest is for the envelope and the run's chain
_UNSIGNED = 2**64 - 1

_encode = msgspec.json.Encoder().encode


def announce(run: Run, datasource: str, changes: Changes) -> None:
    """Publish what these changes are; touched entries are nobody's business."""
    told: tuple[tuple[str, Iterable[dict[str, Any]]], ...] = (
        ("entry.created", (describe(entry) for entry in changes.created)),
        ("entry.updated", (describe(change.new) for change in changes.updated)),
        (
            "entry.moved",
            (describe(change.new) | _path("from", change.old.path) for change in changes.moved),
        ),
        ("entry.deleted", (describe(entry) for entry in changes.deleted)),
    )
    for type_, entries in told:
        for batch, size in _batches(entries):
            if size > _MOST_BYTES:
                run.log.warning(f"{type_}: a path of {size:,} bytes is too long to be announced")
                continue
            run.emit(type_, {"datasource": datasource, "entries": batch}, datasource)


def describe(entry: Entry) -> dict[str, Any]:
    """Give an entry as people and other services see it."""
    row = entry.row
    return _path("path", entry.path) | {
        "kind": str(row.kind),
        "size": row.size,
        "modified": rfc3339(row.modified_ns // 1_000_000),
        "etag": etag_of(row),
    }


def etag_of(row: Row) -> str:
    """Give a word that changes with the content: the storage's own, or one made of what it shows."""
    return row.etag or f"{row.inode & _UNSIGNED:x}-{row.size:x}-{row.modified_ns:x}"


def _path(key: str, path: bytes) -> dict[str, Any]:
    try:
        return {key: path.decode()}
    except UnicodeDecodeError:
        return {key: text_of(path), f"{key}_base64": b64encode(path).decode()}


def _batches(entries: Iterable[dict[str, Any]]) -> Iterator[tuple[list[dict[str, Any]], int]]:
    source = iter(entries)
    while some := list(islice(source, MOST_ENTRIES)):
        size = len(_encode(some))
        if size <= _MOST_BYTES:
            yield some, size
        else:
            yield from _smaller(some)


def _smaller(entries: Iterable[dict[str, Any]]) -> Iterator[tuple[list[dict[str, Any]], int]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        length = len(_encode(entry)) + 1
        if batch and size + length > _MOST_BYTES:
            yield batch, size
            batch, size = [], 0
        batch.append(entry)
        size += length
    if batch:
        yield batch, size

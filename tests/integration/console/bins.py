"""Bins for the tests of the console: items with what a deletion remembers of them, and what purges leave behind."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from rota.times import DAY_MS
from store.encoding import dumps_or_none
from store.queries import recycled
from store.records import RecycledRecord
from store.tables import bins
from tests.integration.console.serving import Console

DAY = DAY_MS
DOUBT = {
    "run": "r", "at": 1, "reason": "1,200 of the 1,300 items in the bin would go, more than 50%", "items": 1200,
    "bytes": 5_000_000, "examples": ["a/one.txt", "b\x1b[31m.txt"],
}  # fmt: skip
LAST = {"run": "r", "at": 1, "removed": 12, "entries": 30, "bytes": 1_000, "kept": {"young": 3}, "whole_at": 1}


def bin_item(name: str, path: str | bytes = "", *, at: int = 0, **fields: Any) -> RecycledRecord:
    """An item called `name` that was at `path`; deleted at `at`, in ms."""
    original = path if isinstance(path, bytes) else (path or name).encode()
    last = original.rpartition(b"/")[2]
    given: dict[str, Any] = {"kind": "file", "items": 1, "bytes": 1_000, "deleted_at": at, "deleted_by": "anna"}
    return RecycledRecord(bin_path=name.encode() + b"/" + last, original_path=original, **(given | fields))


def recycle(console: Console, *items: RecycledRecord, datasource: str = "docs") -> None:
    """Let these items be in a bin."""
    with console.parts.store.writing() as conn:
        recycled.add(conn, datasource, items)


def remember(console: Console, datasource: str = "docs", **said: Any) -> None:
    """Let `last_purge` and `doubt` of a bin be this."""
    with console.parts.store.writing() as conn:
        row = {name: dumps_or_none(said.get(name)) for name in ("last_purge", "doubt")}
        conn.execute(insert(bins), {"datasource": datasource, **row})

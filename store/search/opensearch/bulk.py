"""Many changes in one request: each succeeds or fails by itself, and those that failed for a moment are sent again.

All of it may be sent twice: a document is kept under a name that its id and its commit give it, so that it replaces
itself, and what is removed twice is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rota.errors import PermanentError, TemporaryError
from store.search.opensearch.wire import BUSY, MOST_TRIES, Wire, encoded, kind_of, pause

BODY_BYTES = 4_000_000
"""A request ends with the change that goes beyond, so that it has less than the 10 MB that small servers take."""
BODY_CHANGES = 1_000


def put(key: str, document: Mapping[str, Any]) -> bytes:
    """Give the lines that add or replace a document."""
    return b"%s\n%s\n" % (encoded({"index": {"_id": key}}), encoded(document))


def change(key: str, fields: Mapping[str, Any]) -> bytes:
    """Give the lines that set fields of a document, which may be gone."""
    return b"%s\n%s\n" % (encoded({"update": {"_id": key, "retry_on_conflict": 3}}), encoded({"doc": fields}))


def delete(key: str) -> bytes:
    """Give the line that removes a document, which may be gone."""
    return b"%s\n" % encoded({"delete": {"_id": key}})


def send(wire: Wire, alias: str, changes: Mapping[str, bytes], *, before: Callable[[], None]) -> None:
    """Make changes, by the `_id` of the document; `before` is called before each request.

    Raises TemporaryError if the alias is gone, and with it the right to write, or if some cannot be made now;
    PermanentError if one can never be made.
    """
    for body in bodies(changes):
        left = body
        for attempt in range(1, MOST_TRIES + 1):
            before()
            told = wire.ask("POST", f"/{alias}/_bulk", b"".join(left.values()), require_alias="true")
            left = unfinished(told.get("items", []), left, wire.place)
            if not left:
                break
            time.sleep(pause(attempt))
        else:
            raise TemporaryError(f"{wire.place}: too busy to take {len(left)} changes")


def bodies(changes: Mapping[str, bytes]) -> Iterator[Mapping[str, bytes]]:
    """Part changes into what one request takes."""
    body: dict[str, bytes] = {}
    size = 0
    for key, lines in changes.items():
        body[key] = lines
        size += len(lines)
        if size >= BODY_BYTES or len(body) == BODY_CHANGES:
            yield body
            body, size = {}, 0
    if body:
        yield body


def unfinished(items: list[Any], sent: Mapping[str, bytes], place: str) -> Mapping[str, bytes]:
    """Give those changes that have to be sent again, by what was answered to each; raises as `send` does."""
    if len(items) != len(sent):
        raise TemporaryError(f"{place}: answered {len(items)} of {len(sent)} changes")
    left: dict[str, bytes] = {}
    for (key, lines), item in zip(sent.items(), items, strict=True):
        [told] = item.values()
        kind = kind_of(told.get("error"))
        if told["status"] < 300 or kind == "document_missing_exception":
            continue
        if kind == "index_not_found_exception":
            raise TemporaryError(f"{place}: another writer has taken the index, or it is gone")
        if told["status"] in BUSY or told["status"] == 409:
            left[key] = lines
        elif "error" in told:
            raise PermanentError(f"{place}: refuses document {key}: {kind}: {str(told['error'].get('reason'))[:300]}")
    return left

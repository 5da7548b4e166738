"""Bulk requests of the twin: each line is checked as OpenSearch does, each change is answered by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.searches.twin.indexes import TwinIndex
from tests.searches.twin.refusing import Refused, argument, no_index

_ACTIONS = ("create", "delete", "index", "update")
_DETAILS = ("_index", "_id", "if_seq_no", "if_primary_term", "routing", "require_alias", "retry_on_conflict")

Change = tuple[str, Mapping[str, Any], Mapping[str, Any]]


def changes_in(body: bytes) -> list[Change]:
    """Read the lines of a bulk request."""
    if not body:
        raise argument("request body is required")
    if not body.endswith(b"\n"):
        raise argument("The bulk request must be terminated by a newline [\\n]")
    lines = body[:-1].split(b"\n")
    found: list[Change] = []
    number = 0
    while number < len(lines):
        line = _object(lines[number], number)
        if len(line) != 1 or next(iter(line)) not in _ACTIONS:
            raise argument(f"Malformed action/metadata line [{number + 1}], expected one of {list(_ACTIONS)}")
        [(action, details)] = line.items()
        for name in details:
            if name not in _DETAILS:
                raise argument(f"Action/metadata line [{number + 1}] contains an unknown parameter [{name}]")
        number += 1
        source: dict[str, Any] = {}
        if action != "delete":
            if number == len(lines):
                raise argument("The bulk request must have a source after each action but delete")
            source = _object(lines[number], number)
            number += 1
        found.append((action, details, source))
    return found


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise argument(f"Malformed action/metadata line [{number + 1}], expected START_OBJECT")
    return found


def carried_out(index: TwinIndex | None, name: str, change: Change) -> dict[str, Any]:
    """Make one change and give its item of the answer."""
    action, details, source = change
    key = details["_id"]
    item: dict[str, Any] = {"_index": index.name if index else name, "_id": key}
    try:
        if index is None:
            raise Refused(
                404, "index_not_found_exception", f"{no_index(name).reason} and [require_alias] request flag is [true]"
            )
        item |= _made(index, action, key, source)
    except Refused as refused:
        item |= {"status": refused.status, "error": {"type": refused.kind, "reason": refused.reason}}
    return {action: item}


def _made(index: TwinIndex, action: str, key: str, source: Mapping[str, Any]) -> dict[str, Any]:
    if action == "delete":
        return {"result": "deleted", "status": 200} if index.delete(key) else {"result": "not_found", "status": 404}
    if action == "create" and key in index.documents:
        raise Refused(409, "version_conflict_engine_exception", f"[{key}]: version conflict, document already exists")
    if action == "update":
        return _updated(index, key, source)
    _, is_new = index.put(key, source)
    return {"result": "created", "status": 201} if is_new else {"result": "updated", "status": 200}


def _updated(index: TwinIndex, key: str, source: Mapping[str, Any]) -> dict[str, Any]:
    if set(source) != {"doc"}:
        raise argument("the twin knows partial documents only")
    before = index.documents.get(key)
    if before is None:
        raise Refused(404, "document_missing_exception", f"[{key}]: document missing")
    after = {**before.source, **source["doc"]}
    if after == before.source:
        return {"result": "noop", "status": 200}
    index.put(key, after)
    return {"result": "updated", "status": 200}

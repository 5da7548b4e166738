"""Applies the events of a sync to a set of paths, as a service that listens would."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from typing import Any

from actors.testing import Said


def replay(paths: dict[bytes, tuple[str, int]], events: Iterable[Said]) -> dict[bytes, tuple[str, int]]:
    """Give kind and size by path after the events; told twice, an event changes nothing more."""
    after = dict(paths)
    for event in events:
        for entry in event.data.get("entries", ()) if event.type.startswith("entry.") else ():
            path = _path(entry, "path")
            if event.type == "entry.deleted":
                after.pop(path, None)
                continue
            if event.type == "entry.moved":
                after.pop(_path(entry, "from"), None)
            after[path] = (entry["kind"], entry["size"])
    return after


def _path(entry: dict[str, Any], key: str) -> bytes:
    return b64decode(entry[f"{key}_base64"]) if f"{key}_base64" in entry else entry[key].encode()

"""Changes in a storage, told in few words: paths made fewer, and the events that carry them. Pure.

A path that is told too wide costs a sync some reading, one that is not told waits for the next full sync. So whatever
cannot be said, or would be too much, is widened to the folder that it is in, in the end to everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from rota.events import Event
from rota.ids import new_id

TYPE = "storage.changed"
EVERYTHING = b""
"""The path of the root: anything may have changed."""

MOST_PATHS = 200
"""Paths that are told at a time; more of them become the folders that they are in."""
MOST_IN_EVENT = 8
MOST_BYTES = 250
"""The longest path that is told, as JSON. Thirty events within these bounds fit into a run: see `sync-changed`."""


def fewer(paths: Iterable[bytes], most: int = MOST_PATHS) -> list[bytes]:
    """Return at most so many paths that cover all of these, sorted: none lies below another.

    Paths in the same folder become that folder first, where most of them are; a few far apart stay as they are.
    """
    found = _topmost(paths)
    while len(found) > most:
        found = _topmost(_folded(found, most))
    return sorted(found)


def sayable(path: bytes) -> bytes:
    """Return the path, or the nearest folder above it, that is UTF-8 and not too long to be told."""
    while not _can_be_said(path):
        path = _folder_of(path)
    return path


def events_of(datasource: str, paths: Iterable[bytes], *, source: str, at: int) -> list[Event]:
    """Return the events that tell of these paths, several to an event; those that cannot be said are widened."""
    told = [path.decode() for path in fewer(map(sayable, paths))]
    return [
        Event(
            id=new_id(),
            source=source,
            type=TYPE,
            time=at,
            subject=datasource,
            data={"datasource": datasource, "paths": told[begin : begin + MOST_IN_EVENT]},
        )
        for begin in range(0, len(told), MOST_IN_EVENT)
    ]


def _folded(paths: set[bytes], most: int) -> set[bytes]:
    """Replace paths by their folders, the fullest first, until they are few enough or each folder had its turn."""
    full = Counter(map(_folder_of, paths))
    if max(full.values()) == 1:
        # Nothing is together anywhere: what lies deepest comes up one level.
        depth = max(path.count(b"/") for path in paths)
        return {_folder_of(path) if path.count(b"/") == depth else path for path in paths}
    left, folding = len(paths), set()
    for folder, count in full.most_common():
        if left <= most or count == 1:
            break
        folding.add(folder)
        left -= count - 1
    return {folder if (folder := _folder_of(path)) in folding else path for path in paths}


def _topmost(paths: Iterable[bytes]) -> set[bytes]:
    """Leave out the paths that lie below others."""
    given = set(paths)
    if EVERYTHING in given:
        return {EVERYTHING}
    return {path for path in given if not any(above in given for above in _above(path))}


def _above(path: bytes) -> Iterable[bytes]:
    while b"/" in path:
        path = _folder_of(path)
        yield path


def _folder_of(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def _can_be_said(path: bytes) -> bool:
    if len(path) > MOST_BYTES:
        return False
    try:
        # Control characters take six times their size.
        return len(msgspec.json.encode(path.decode())) - len('""') <= MOST_BYTES
    except UnicodeDecodeError:
        return False

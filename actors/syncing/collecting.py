"""Keeps Python's search for cyclic garbage from taking a third of a sync's time."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG = 100_000

_lock = threading.Lock()
_usual: list[tuple[int, int, int]] = []
"""What was set before each of the syncs that are at work in this process."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Search less often while the block runs.

    A sync has tens of thousands of rows in hand at a time, none of them in a cycle. By default the search goes through
    them, and through all that was ever imported, after every 700 of them.
    """
    with _lock:
        _usual.append(gc.get_threshold())
        gc.set_threshold(max(_YOUNG, _usual[0][0]), *_usual[0][1:])
    try:
        yield
    finally:
        with _lock:
            usual = _usual[0]
            _usual.pop()
            if not _usual:
                gc.set_threshold(*usual)

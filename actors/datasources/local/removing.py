"""Removes a folder of this machine with all that is in it, in this process: for what is Rota's own."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from actors.datasources.graves import Place, Remains
from actors.datasources.local.clearing import Clearing, open_folder
from actors.datasources.openat2 import Opener
from actors.datasources.paths import Root, split


def remove_whole(opener: Opener, folder: int, name: bytes, *, check: Callable[[], None] = lambda: None) -> int:
    """Remove a folder that is in another one, and give how many bytes its files had; nothing happens if there is none.

    No link is followed and no other file system entered. Raises OSError if something in it stays. `check` is called
    every 256 entries; what it raises ends the removal.
    """
    size = 0
    places = [Place(b"")]
    while places:
        remains = _visited(opener, folder, name, places[-1], check)
        size += remains.size
        if remains.kept:
            raise OSError(errno.EBUSY, f"not all of it can be removed: {remains.reason}", name)
        if remains.left:
            # What was left in it first; then it is visited again.
            places += remains.left
        else:
            places.pop()
    return size


def _visited(opener: Opener, folder: int, name: bytes, place: Place, check: Callable[[], None]) -> Remains:
    clearing = Clearing(opener, place, check, measures=True)
    if not place.path:
        return clearing.remove(folder, name, b"")
    with Root(open_folder(opener, folder, name), opener=opener) as top:
        above, last = split(place.path)
        descriptor = top.open_folder(above)
        try:
            return clearing.remove(descriptor, last, place.path)
        finally:
            os.close(descriptor)

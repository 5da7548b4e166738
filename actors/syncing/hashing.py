"""Reads contents to tell whether they are what they were: the deep kind of comparison."""

from __future__ import annotations

import xxhash

from actors.datasources.storage import Storage
from actors.run import Run

ALGORITHM = "xxh3-128"
_PIECE_BYTES = 1 << 20


def content_hash(run: Run, storage: Storage, path: bytes) -> str | None:
    """Give `algorithm:hex` of a file, or None if it changed while it was read.

    Raises OSError when it cannot be read, and whatever `run.check` raises, a megabyte later at most.
    """
    before = storage.stat(path)
    hasher = xxhash.xxh3_128()
    with storage.open_file(path) as file:
        while piece := file.read(_PIECE_BYTES):
            run.check()
            hasher.update(piece)
    return f"{ALGORITHM}:{hasher.hexdigest()}" if storage.stat(path) == before else None

"""Reads contents to tell whether they are what they were: the deep kind of comparison."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from collections.abc import Iterable

import xxhash

from actors.datasources.paths import join, text_of
from actors.datasources.storage import Kind, Row, Storage
from actors.run import Run
from actors.syncing.meter import Meter

ALGORITHM = "xxh3-128"
_PIECE_BYTES = 1 << 20


class Hashes:
    """Reads the contents of folders, and counts what it could not read."""

    def __init__(self, run: Run, storage: Storage, meter: Meter) -> None:
        self._run = run
        self._storage = storage
        self._meter = meter
        self.unread = 0
        """Files that could not be read, or changed while they were."""

    def of(self, folder: bytes, rows: Iterable[Row]) -> dict[bytes, str]:
        """Give the hashes of the files among these rows, by name, as far as they can be read."""
        hashes: dict[bytes, str] = {}
        for row in rows:
            if row.kind != Kind.FILE:
                continue
            self._run.check()
            path = join(folder, row.name)
            try:
                found = content_hash(self._run, self._storage, path, row)
            except OSError as error:
                self._run.log.debug(f"cannot read {text_of(path)}: {error.strerror or error}")
                found = None
            if found is None:
                self.unread += 1
            else:
                hashes[row.name] = found
            self._meter.add(0, 0)
        return hashes


def content_hash(run: Run, storage: Storage, path: bytes, row: Row) -> str | None:
    """Give `algorithm:hex` of a file, or None if it is not, or no longer, what its row says.

    Raises OSError when it cannot be read, and whatever `run.check` raises, a megabyte later at most.
    """
    before = storage.stat(path)
    if before is None or not _agrees(row, before):
        return None
    hasher = xxhash.xxh3_128()
    with storage.open_file(path) as file:
        while piece := file.read(_PIECE_BYTES):
            run.check()
            hasher.update(piece)
    return f"{ALGORITHM}:{hasher.hexdigest()}" if storage.stat(path) == before else None


def _agrees(listed: Row, row: Row) -> bool:
    """Say whether a file is still what the listing had; times of some storages are coarser for one entry alone."""
    if listed.inode:
        return listed == row
    return (listed.size, listed.etag) == (row.size, row.etag)

"""Reads contents to tell whether they are what they were: the deep kind of comparison."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from collections.abc import Iterable

from actors.datasources.paths import join, text_of
from actors.datasources.storage import Kind, Row, Storage
from actors.hashing.algorithms import ALGORITHMS, Hasher
from actors.hashing.content import Content
from actors.hashing.reading import Reader
from actors.run import Run
from actors.syncing.meter import Meter

ALGORITHM = "xxh3-128"


class Hashes:
    """Reads the contents of folders, and counts what it could not read."""

    def __init__(self, run: Run, storage: Storage, meter: Meter) -> None:
        self._run = run
        self._storage = storage
        self._meter = meter
        self._content = Content(storage, Reader(check=run.check))
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
                found = self._hash(path, row)
            except OSError as error:
                self._run.log.debug(f"cannot read {text_of(path)}: {error.strerror or error}")
                found = None
            if found is None:
                self.unread += 1
            else:
                hashes[row.name] = found
            self._meter.add(0, 0)
        return hashes

    def _hash(self, path: bytes, row: Row) -> str | None:
        """Give `algorithm:hex` of a file, or None if it is not, or no longer, what its row says.

        Raises OSError when it cannot be read, and whatever `run.check` raises, a megabyte later at most.
        """
        before = self._storage.stat(path)
        if before is None or not _agrees(row, before):
            return None
        found = self._content.digest_once(path, before, _new_hasher)
        return f"{ALGORITHM}:{found.hex}" if found else None


def _new_hasher(_row: Row) -> Hasher:
    return ALGORITHMS[ALGORITHM].new()


def _agrees(listed: Row, row: Row) -> bool:
    """Say whether a file is still what the listing had; times of some storages are coarser for one entry alone."""
    if listed.inode:
        return listed == row
    return (listed.size, listed.etag) == (row.size, row.etag)

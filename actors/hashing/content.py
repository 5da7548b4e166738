"""Gives the checksum of one file, and makes sure that it is of one content: not of a file that was being written."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import NamedTuple

from actors.datasources.storage import Kind, Row, Storage
from actors.hashing.algorithms import Hasher
from actors.hashing.reading import Reader


class Changed(OSError):
    """Raised when a file was changed while it was read, twice."""

    def __init__(self, path: bytes) -> None:
        super().__init__(errno.EBUSY, "it was changed while it was read", path)


class Digest(NamedTuple):
    """What a file holds, in short."""

    hex: str
    size: int


class Content:
    """Computes checksums of the files of one storage; safe in several threads."""

    def __init__(self, storage: Storage, reader: Reader) -> None:
        self._storage = storage
        self._reader = reader

    def digest(self, path: bytes, row: Row | None, new: Callable[[Row], Hasher]) -> Digest:
        """Give the checksum of a file; `row` is what a listing has of it, and `new` makes the hasher for a row.

        A file that changes meanwhile is read once more, and Changed is raised if it changes again. Raises
        FileNotFoundError where it is gone, other OSErrors and TemporaryError where it cannot be read.
        """
        # Where a listing says as much as a question about one file, the file is asked about only once: when it is read.
        before = row if row is not None and (row.inode or row.etag) else self._storage.stat(path)
        for _ in range(2):
            found = self.digest_once(path, _regular(path, before), new)
            if found is not None:
                return found
            before = self._storage.stat(path)
        _regular(path, before)
        raise Changed(path)

    def digest_once(self, path: bytes, row: Row, new: Callable[[Row], Hasher]) -> Digest | None:
        """Give the checksum of a file that looks like `row` before and after it is read, or None if it does not."""
        hasher = new(row)
        with self._storage.open_file(path) as file:
            size = self._reader.feed(file, row.size, hasher.update)
        after = self._storage.stat(path)
        if size != row.size or after is None or not agree(row, after):
            return None
        return Digest(hasher.hexdigest(), size)


def _regular(path: bytes, row: Row | None) -> Row:
    if row is None:
        raise FileNotFoundError(errno.ENOENT, "it is not there", path)
    if row.kind != Kind.FILE:
        raise OSError(errno.EINVAL, "it is no regular file", path)
    return row


def agree(one: Row, other: Row) -> bool:
    """Say whether two rows of a path are about the same content; of a storage with inodes nothing may differ."""
    if one.inode:
        return one[1:] == other[1:]
    if one.etag and other.etag:
        return (one.kind, one.size, one.etag) == (other.kind, other.size, other.etag)
    return (one.kind, one.size, one.modified_ns) == (other.kind, other.size, other.modified_ns)

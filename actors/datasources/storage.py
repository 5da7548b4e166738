"""The narrow interface to a storage, with its promises written on it.

A driver knows one kind of storage and nothing of catalogs, runs or retries. So far there is `local`; others (S3, SFTP,
WebDAV) fit behind the same interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, NamedTuple, Protocol

MARKER = b".rota-marker"
"""Name of the file in a root that proves that it is the right one and that it is there."""


class Kind(StrEnum):
    """What an entry is."""

    FILE = "file"  # a regular file
    FOLDER = "folder"  # has entries of its own
    LINK = "link"  # a symbolic link: known, never followed


class Row(NamedTuple):
    """One entry as a listing shows it; a tuple because a scan makes a million of them."""

    name: bytes
    kind: str
    size: int
    """In bytes; 0 for folders."""
    modified_ns: int
    """When the content was last changed, in nanoseconds since 1970."""
    inode: int
    """What stays the same when the entry is renamed; 0 where the storage has no such thing."""
    device: int
    """Where the inode number counts; 0 where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The complete content of one folder."""

    path: bytes
    token: str
    """Changes when an entry is added, removed or renamed in the folder; empty where the storage has no such thing."""
    rows: list[Row]
    """Sorted by name; names are unique."""
    special: int = 0
    """How many entries were left out because they are neither file, folder nor link."""


class Why(StrEnum):
    """Why a folder was not listed."""

    FAILED = "failed"  # it could not be read, or only in part: a fault that somebody must look at
    FOREIGN = "foreign"  # it lies on another file system (or a bind mount): on purpose
    VANISHED = "vanished"  # its parent's listing had it, and it is gone or replaced now: the next scan sees it


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """A folder of which nothing is known; not the same as an empty one."""

    path: bytes
    why: Why
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasource:
    """A storage that is looked after, as it is configured."""

    name: str
    kind: str = "local"
    root: str
    """Where it is: for `local` the path of the folder."""
    marker: str | None = None
    """What the file `MARKER` in the root must say, or the storage is taken for absent; None for no such file."""


class Storage(Protocol):
    """Reads one storage.

    Promises of every driver:

    - One thread at a time. A call over the network has a time limit; none retries: retries are wrapped around.
    - An error is never told as an empty answer. What cannot be read completely raises, or is an `Unlisted`.
    - OSError for what concerns one path, PermanentError for what concerns the storage as a whole.
    - Names and paths are bytes as the storage has them, never normalised. Rota's own private names are left out.
    """

    def verify(self) -> None:
        """Raise PermanentError unless the storage is there and is the right one; called before and after a scan."""

    def list_folder(self, path: bytes) -> Listing | Unlisted:
        """List one folder."""

    def scan(self, path: bytes) -> Iterator[Listing | Unlisted]:
        """List a folder and everything below it.

        Each folder comes once, before the folders in it, siblings in the order of their names as bytes. The
        iterator lists lazily: what the caller does between two steps delays it, and closing it stops it.
        """

    def stat(self, path: bytes) -> Row | None:
        """Give one entry, or None if there is none (a missing folder on the way included)."""

    def open_file(self, path: bytes) -> BinaryIO:
        """Open a regular file for reading; raises OSError if it is none."""

    def close(self) -> None:
        """Let go of the storage; twice is fine."""

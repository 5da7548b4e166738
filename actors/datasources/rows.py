"""What a listing shows of an entry. Imported by the helper processes of a scan too, so nothing heavy is needed here."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


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
    """When the content was last changed, in nanoseconds since 1970; 0 where the storage does not say."""
    inode: int = 0
    """What stays the same when the entry is renamed, as a signed 64-bit number; 0 where the storage has none."""
    device: int = 0
    """Where the inode number counts, signed as well; 0 where there is none."""
    etag: str = ""
    """The storage's own word that changes with the content; empty where it has none, and for folders."""

"""What names a document: the state of an entry at its path, and the content of a file wherever it lies. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b

from actors.datasources.paths import join
from actors.datasources.rows import Kind, Row
from actors.syncing.announcing import etag_of
from actors.syncing.difference import WIDTH, KnownRow

# An etag is made of the content where it is a digest; others (a time, a counter) may be the same for two files.
_DIGEST = re.compile(r"[0-9a-fA-F]{32,}(-[0-9]+)?")


def document_id(folder: bytes, row: KnownRow) -> int:
    """Give the id of the document of a row as the catalog has it: 63 bits, another for each state of each path."""
    return next(document_ids(folder, (row,)))[0]


def document_ids(folder: bytes, rows: Iterable[KnownRow]) -> Iterator[tuple[int, KnownRow]]:
    """Give the rows of a folder with the ids of their documents."""
    # All in one loop, calling nothing of ours: a million of them are made to find a handful that differ.
    above = join(folder, b"")
    for row in rows:
        name, kind, size, modified_ns, inode, _, etag, hash_, *_ = row
        said = f"\0{kind}\0{size}\0{modified_ns}\0{inode}\0{etag}\0{hash_ or ''}".encode("utf-8", "surrogateescape")
        yield int.from_bytes(blake2b(above + name + said, digest_size=8).digest(), "big") >> 1, row


def content_id(folder: bytes, row: KnownRow) -> int:
    """Give what names the content of a file: 63 bits, never 0, the same for copies and after a move if that is certain.

    It is by a hash, by an etag that is a digest, or by the inode with size and time. Where a storage has none of them
    the path is part of it: that two files have the same size and the same second proves nothing.
    """
    shown = Row._make(row[:WIDTH])
    own = etag_of(shown)
    if row[WIDTH]:
        said, place = f"hash\0{row[WIDTH]}", b""
    elif _DIGEST.fullmatch(shown.etag):
        said, place = f"etag\0{own}", b""
    elif shown.inode and not shown.etag:
        said, place = f"inode\0{own}", b""
    else:
        said, place = f"place\0{own}\0{shown.modified_ns}", join(folder, shown.name)
    return _number(f"{said}\0{shown.size}\0".encode("utf-8", "surrogateescape") + place) or 1


def is_file(row: KnownRow) -> bool:
    """Say whether a row is that of a file."""
    return bool(row[1] == Kind.FILE)


def _number(text: bytes) -> int:
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 1

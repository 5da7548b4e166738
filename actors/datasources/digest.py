"""One digest per folder: rows are read from the catalog only where it differs.

It covers the rows of a folder as its last complete listing gave them, sorted by name. What is covered, and how, has a
version that seeds the hash: a change of it makes every digest differ once, and the next sync compares everything.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import xxhash

from actors.datasources.storage import Row

VERSION = 1
_CHUNK_ROWS = 10_000  # bounds the encoded copy of a huge folder; part of what the version stands for

_encode = msgspec.msgpack.Encoder().encode


def folder_digest(rows: Sequence[Row]) -> bytes:
    """Give the digest of a folder's rows, 16 bytes; they must be sorted by name."""
    hasher = xxhash.xxh3_128(seed=VERSION)
    for start in range(0, len(rows), _CHUNK_ROWS):
        hasher.update(_encode(rows[start : start + _CHUNK_ROWS]))
    return hasher.digest()

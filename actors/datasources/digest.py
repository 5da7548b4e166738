"""One digest per folder: rows are read from the catalog only where it differs.

It covers the rows of a folder as its last complete listing gave them, sorted by name. What is covered, and how, has a
version that seeds the hash: a change of it makes every digest differ once, and the next sync compares everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import msgspec
import xxhash

from actors.datasources.rows import Row

Buffer: TypeAlias = bytes | bytearray | msgspec.Raw

VERSION = 2
CHUNK_ROWS = 10_000
"""So many rows are encoded at a time, so that the copy of a huge folder stays small; part of what is covered."""

encode_rows: Callable[[Sequence[tuple[Any, ...]]], bytes] = msgspec.msgpack.Encoder().encode
"""Encodes a chunk of rows; a `Row` and a plain tuple with the same fields give the same bytes."""

decode_rows: Callable[[Buffer], list[Row]] = msgspec.msgpack.Decoder(list[Row]).decode
"""Gives the rows of an encoded chunk."""


def folder_digest(rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Give the digest of a folder's rows, 16 bytes; they must be sorted by name."""
    chunks = (rows[start : start + CHUNK_ROWS] for start in range(0, len(rows), CHUNK_ROWS))
    return digest_of_chunks(map(encode_rows, chunks))


def digest_of_chunks(encoded: Iterable[bytes]) -> bytes:
    """Give the digest of rows that are encoded already, `CHUNK_ROWS` of them in each chunk but the last."""
    hasher = xxhash.xxh3_128(seed=VERSION)
    for chunk in encoded:
        hasher.update(chunk)
    return hasher.digest()

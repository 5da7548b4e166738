"""What a listing of an object store is made of."""

from __future__ import annotations

from typing import NamedTuple


class Object(NamedTuple):
    """One object as a listing shows it."""

    key: bytes
    size: int
    modified_ns: int
    etag: str


class Page(NamedTuple):
    """A part of a listing, in the order of keys."""

    objects: list[Object]
    prefixes: list[bytes]
    """What stands for all deeper keys, if the listing is of one level: each ends with a slash."""
    token: str
    """Leads to the next page; empty on the last one."""

"""Which part of a file a request asks for, by RFC 9110: one range of bytes, and the conditions on it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate
from typing import NamedTuple

_RANGE = re.compile(r"bytes=\s*(\d{0,40})-(\d{0,40})\s*", re.ASCII | re.IGNORECASE)
_WEAK = "W/"
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""


class Version(NamedTuple):
    """What tells one content of a file from another."""

    tag: str
    """In quotes, as the header ETag has it."""
    modified: str
    """As the header Last-Modified has it; empty where the storage does not say, or says what no such date can be."""


class Extent(NamedTuple):
    """The part of a file that is sent."""

    start: int
    length: int
    whole: bool
    """The request asked for all of it, or for what there is no part of."""


def version_of(tag: str, modified_ns: int) -> Version:
    """Return the version of a file by a text that changes with its content, and its time."""
    seconds = modified_ns // 10**9
    return Version(f'"{tag}"', formatdate(seconds, usegmt=True) if 0 < seconds <= _LAST_SECOND else "")


def is_known(headers: Mapping[str, str], version: Version) -> bool:
    """Tell whether the client has this version already (304)."""
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or version.tag in (tag.strip().removeprefix(_WEAK) for tag in tags.split(","))
    return bool(version.modified) and headers.get("if-modified-since") == version.modified


def extent_of(headers: Mapping[str, str], version: Version, size: int) -> Extent | None:
    """Return the part that is asked for, None where the file has no such part (416).

    Several ranges, and what is no range, mean the whole file; so does a range of another version.
    """
    found = _RANGE.fullmatch(headers.get("range", ""))
    if found is None or found[1] == found[2] == "" or not _applies(headers.get("if-range"), version):
        return Extent(0, size, whole=True)
    if found[1] == "":
        length = min(int(found[2]), size)
        return Extent(size - length, length, whole=False) if length else None
    start, end = int(found[1]), min(int(found[2]) if found[2] else size - 1, size - 1)
    if found[2] and int(found[2]) < start:
        return Extent(0, size, whole=True)
    return Extent(start, end - start + 1, whole=False) if start < size else None


def _applies(condition: str | None, version: Version) -> bool:
    return condition is None or (bool(condition) and condition.strip() in {version.tag, version.modified})

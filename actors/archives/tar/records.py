"""Reads pax records: `LENGTH KEY=VALUE` lines before a header that say what it cannot. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from actors.archives.tar.blocks import MOST, BadBlock

_LENGTH_DIGITS = 10
_KNOWN = frozenset(
    {b"path", b"linkpath", b"size", b"mtime", b"hdrcharset", b"SCHILY.realsize"}
    | {b"GNU.sparse." + key for key in (b"major", b"minor", b"name", b"realsize", b"size", b"map")}
)
_SPARSE_OFFSET, _SPARSE_LENGTH = b"GNU.sparse.offset", b"GNU.sparse.numbytes"


class Record(NamedTuple):
    """One line."""

    key: bytes
    value: bytes


@dataclass(slots=True)
class Records:
    """What is known before a header, of those records that matter here."""

    values: dict[bytes, bytes] = field(default_factory=dict)
    """The last value of each key; an empty one takes back what was said for all."""
    numbers: list[bytes] = field(default_factory=list)
    """Offsets and lengths of a sparse file in their order: the oldest form repeats its keys."""

    def add(self, data: bytes) -> None:
        """Take what a header of records holds; raises BadBlock."""
        for key, value in parse_records(data):
            if key in {_SPARSE_OFFSET, _SPARSE_LENGTH}:
                if (key == _SPARSE_LENGTH) != bool(len(self.numbers) % 2):
                    raise BadBlock("its records have an offset without a length")
                self.numbers.append(value)
            elif key in _KNOWN:
                self.values[key] = value

    def over(self, other: Records) -> Records:
        """Give what holds where these are said of one member, and the others of all."""
        merged = {**other.values, **self.values}
        return Records({key: value for key, value in merged.items() if value}, self.numbers)


def parse_records(data: bytes) -> Iterator[Record]:
    """Give the lines; raises BadBlock where they are not as they must be."""
    at = 0
    # Some writers fill up with zeros.
    while at < len(data) and data[at]:
        space = data.find(b" ", at, at + _LENGTH_DIGITS + 1)
        digits = data[at:space] if space > 0 else b""
        end = at + int(digits) if digits.isdigit() else 0
        # One byte at least for what stands behind the space: a length of 0 would never come to an end.
        if not space < end <= len(data) or data[end - 1 : end] != b"\n":
            raise BadBlock("one of its records has a wrong length")
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals or not key:
            raise BadBlock("one of its records has no key")
        yield Record(key, value)
        at = end


def decimal_of(value: bytes) -> int:
    """Read a size or an offset; raises BadBlock."""
    if not value.isdigit() or len(value) > 20 or int(value) > MOST:
        raise BadBlock("one of its records has no number where one must be")
    return int(value)

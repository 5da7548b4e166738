"""Sparse files of tar archives: which regions of a file are in the archive, and the zeros between them.

GNU has four forms of it: fields of the header, and three generations of pax records. Pure, but for reading the map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from actors.archives.tar.blocks import BadBlock, number_of
from actors.archives.tar.records import Records, decimal_of

MOST_REGIONS = 100_000
_ZEROS = bytes(256 * 1024)
_FIELD_BYTES = 12
_IN_HEADER, _IN_HEADER_REGIONS = 386, 4
_EXTENDED_REGIONS = 21
_REALSIZE = 483
_LINE_BYTES = 21


class Region(NamedTuple):
    """A part of a sparse file that is in the archive."""

    offset: int
    length: int


class SparseMap(NamedTuple):
    """What a sparse file consists of; all else of it is zeros."""

    regions: Sequence[Region]
    size: int
    """Of the whole file."""


def map_of_header(block: bytes, read_block: Callable[[], bytes]) -> SparseMap:
    """Read the map of GNU's own form, in the header and the blocks behind it; raises BadBlock."""
    regions = list(_regions_in(block, _IN_HEADER, _IN_HEADER_REGIONS))
    size = number_of(block[_REALSIZE : _REALSIZE + _FIELD_BYTES])
    goes_on = block[_REALSIZE - 1]
    while goes_on:
        block = read_block()
        regions += _regions_in(block, 0, _EXTENDED_REGIONS)
        goes_on = block[2 * _FIELD_BYTES * _EXTENDED_REGIONS]
        if len(regions) > MOST_REGIONS:
            raise BadBlock(f"it has more than {MOST_REGIONS:,} regions")
    return SparseMap(regions, size)


def map_of_records(records: Records, read_block: Callable[[], bytes]) -> SparseMap | None:
    """Read the map of a pax form, the last one from the beginning of the content; None if the file is not sparse."""
    values = records.values
    if (major := values.get(b"GNU.sparse.major")) is not None:
        if (major, values.get(b"GNU.sparse.minor", b"0")) != (b"1", b"0"):
            raise BadBlock("it is sparse in a form that is not known")
        numbers = _numbers_in_content(read_block)
        size = values.get(b"GNU.sparse.realsize", b"")
    elif records.numbers or b"GNU.sparse.map" in values or b"GNU.sparse.size" in values:
        listed = values.get(b"GNU.sparse.map")
        numbers = [decimal_of(number) for number in (listed.split(b",") if listed else records.numbers)]
        size = values.get(b"GNU.sparse.size", b"")
    else:
        return None
    if len(numbers) % 2:
        raise BadBlock("its map has an offset without a length")
    return SparseMap([Region(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)], decimal_of(size))


def check_map(found: SparseMap, packed: int) -> None:
    """Raise BadBlock unless the regions follow each other within the file, and are what the archive holds of it."""
    ends = [Region(0, 0), *found.regions, Region(found.size, 0)]
    if any(one.offset + one.length > other.offset for one, other in pairwise(ends)):
        raise BadBlock("its regions overlap, or lie outside of it")
    if sum(region.length for region in found.regions) != packed:
        raise BadBlock("its regions are not as long as its content")


def expanded(found: SparseMap, read: Callable[[int], Iterator[bytes]]) -> Iterator[bytes]:
    """Give the file, with the zeros."""
    at = 0
    for offset, length in found.regions:
        yield from _zeros(offset - at)
        yield from read(length)
        at = offset + length
    yield from _zeros(found.size - at)


def _zeros(count: int) -> Iterator[bytes]:
    while count >= len(_ZEROS):
        yield _ZEROS
        count -= len(_ZEROS)
    if count:
        yield _ZEROS[:count]


def _regions_in(block: bytes, at: int, most: int) -> Iterator[Region]:
    for _ in range(most):
        offset, length = block[at : at + _FIELD_BYTES], block[at + _FIELD_BYTES : at + 2 * _FIELD_BYTES]
        if not any(offset) and not any(length):
            return
        yield Region(number_of(offset), number_of(length))
        at += 2 * _FIELD_BYTES


def _numbers_in_content(read_block: Callable[[], bytes]) -> list[int]:
    """Read lines with a number each, how many regions there are and then two for each, in whole blocks."""
    numbers: list[int] = []
    rest = b""
    missing = 1
    while missing:
        *lines, rest = (rest + read_block()).split(b"\n")
        for line in lines:
            if not missing:
                break
            numbers.append(decimal_of(line))
            missing -= 1
            if len(numbers) == 1:
                if numbers[0] > MOST_REGIONS:
                    raise BadBlock(f"it has more than {MOST_REGIONS:,} regions")
                missing = 2 * numbers[0]
        if missing and len(rest) > _LINE_BYTES:
            raise BadBlock("its map has a line that is no number")
    return numbers[1:]

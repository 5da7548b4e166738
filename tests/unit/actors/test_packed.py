from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from actors.datasources.digest import folder_digest
from actors.datasources.packed import CHUNK_ROWS, Chunks, PackedRows, encode_rows, rows_of_chunks
from actors.datasources.storage import Kind, Row


def made(count: int) -> list[Row]:
    return [Row(b"%06d" % number, Kind.FILE.value, number, 1, 2, 3) for number in range(count)]


def chunks_of(rows: list[Row]) -> Iterator[bytes]:
    return (encode_rows(rows[start : start + CHUNK_ROWS]) for start in range(0, len(rows), CHUNK_ROWS))


def descriptors() -> set[tuple[str, str]]:
    """Give what this process has open; what earlier tests left open may be closed at any time."""
    opened = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            opened.add((link.name, os.readlink(link)))
    return {(number, place) for number, place in opened if not place.endswith("/fd")}


@pytest.mark.parametrize("count", [CHUNK_ROWS + 1, 2 * CHUNK_ROWS])
def test_packed_rows_are_the_rows(count):
    rows = made(count)
    packed = PackedRows(list(chunks_of(rows)))

    assert len(packed) == count
    assert list(packed) == list(packed) == rows
    assert (packed[0], packed[CHUNK_ROWS], packed[-1]) == (rows[0], rows[CHUNK_ROWS], rows[-1])
    assert packed[CHUNK_ROWS - 1 :] == rows[CHUNK_ROWS - 1 :]
    assert folder_digest(packed) == folder_digest(rows)
    with pytest.raises(IndexError):
        packed[count]


@pytest.mark.parametrize("count", [0, 1, CHUNK_ROWS])
def test_few_rows_are_a_list(count):
    assert rows_of_chunks(list(chunks_of(made(count)))) == made(count)


def test_many_rows_stay_packed():
    assert isinstance(rows_of_chunks(list(chunks_of(made(CHUNK_ROWS + 1)))), PackedRows)


def test_more_chunks_than_memory_is_for_lie_in_a_file_that_goes_with_them():
    before = descriptors()
    chunks = Chunks()
    pieces = [bytes([number]) * 1_000_000 for number in range(30)]

    for piece in pieces:
        chunks.append(piece)

    assert len(descriptors() - before) == 1
    assert list(chunks) == pieces
    assert chunks[28:] == pieces[28:]
    del chunks
    gc.collect()
    assert descriptors() <= before


def test_few_chunks_need_no_file():
    before = descriptors()
    chunks = Chunks()

    chunks.append(b"1")

    assert list(chunks) == [b"1"]
    assert descriptors() <= before

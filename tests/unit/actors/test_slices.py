from __future__ import annotations

import random

import pytest

from actors.datasources.storage import Kind, Row
from actors.syncing.slices import slices


def rows_named(names):
    return [Row(b"%04d" % name, Kind.FILE.value, name, 1) for name in sorted(names)]


@pytest.mark.parametrize("size", [1, 2, 7, 100])
@pytest.mark.parametrize(("listed", "known"), [(50, 50), (50, 0), (0, 50), (0, 0), (90, 5), (5, 90)])
def test_slices_cover_the_same_names_and_nothing_twice(size, listed, known):
    chance = random.Random(size * 1000 + listed)
    rows = rows_named(chance.sample(range(100), listed))
    before = [(*row, None) for row in rows_named(chance.sample(range(100), known))]

    parts = list(slices(iter(rows), iter(before), size=size))

    assert [row for some, _ in parts for row in some] == rows
    assert [row for _, some in parts for row in some] == before
    assert all(
        0 < len(some) + len(others) <= 2 * size and max(len(some), len(others)) <= size for some, others in parts
    )
    names = [
        (min(row[0] for row in [*some, *others]), max(row[0] for row in [*some, *others])) for some, others in parts
    ]
    assert all(first[1] < second[0] for first, second in zip(names, names[1:], strict=False))


def test_slices_are_read_no_further_than_needed():
    def endless():
        number = 0
        while True:
            yield Row(b"%09d" % number, Kind.FILE.value, 1, 1)
            number += 1

    some, known = next(slices(endless(), iter([]), size=5))

    assert (len(some), known) == (5, [])

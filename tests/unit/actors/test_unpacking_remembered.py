"""Paths are kept until they are needed, in memory or on the disk."""

from __future__ import annotations

from contextlib import closing

import pytest

from actors.unpacking.remembered import Remembered


@pytest.mark.parametrize("count", [0, 3, 20_000])
def test_paths_come_back_in_their_order(count: int) -> None:
    paths = [(b"a/%06d\n" % number + b"x" * 500, number - 2**62) for number in range(count)]

    with closing(Remembered()) as remembered:
        for path, number in paths:
            remembered.add(path, number)
        assert [tuple(each) for each in remembered] == paths
        remembered.add(b"last")
        assert [tuple(each) for each in remembered] == [*paths, (b"last", 0)]


def test_to_close_twice_is_fine() -> None:
    remembered = Remembered()
    remembered.close()
    remembered.close()

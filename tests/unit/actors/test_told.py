from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.datasources.retrying import Repeats, retrying
from actors.datasources.storage import End, Listing
from actors.datasources.told import Told
from rota.errors import TemporaryError
from tests.unit.actors.test_retrying import Flaky

NAMES = st.sampled_from([b"a", b"a-b", b"a.b", b"b", b"a0"])
BRANCHES = st.lists(NAMES, min_size=1, max_size=5, unique=True).map(sorted)


class Interleaved(Flaky):
    """A scanner that lists its branches all at once, in any order, and breaks now and then."""

    def __init__(self, folders: int, seed: int, breaks: int) -> None:
        super().__init__()
        self.folders = folders
        self.breaks = breaks
        self.chance = random.Random(seed)

    def scan(self, paths, known, *, check=lambda: None):
        left = {path: [path] + [path + b"/%d" % n for n in range(self.folders)] for path in paths}
        ended = 0
        while ended < len(paths):
            if self.breaks and self.chance.random() < 0.2:
                self.breaks -= 1
                raise TemporaryError("page lost")
            path = self.chance.choice([path for path in paths if left[path]])
            yield Listing(path=left[path].pop(), token="", rows=[])
            while ended < len(paths) and not left[paths[ended]]:
                yield End(path=paths[ended])
                ended += 1


@given(branches=BRANCHES, folders=st.integers(0, 6), seed=st.integers(0, 2**32), breaks=st.integers(0, 12))
def test_whatever_breaks_each_folder_is_told_once_and_the_ends_in_order(branches, folders, seed, breaks):
    scanner = Interleaved(folders, seed, breaks)
    repeats = Repeats(retries=breaks, sleep=lambda seconds: None, chance=lambda: 0.0)

    found = list(retrying(scanner, repeats).scan(branches, lambda paths: {}))

    told = [one.path for one in found if isinstance(one, Listing)]
    assert sorted(told) == sorted(
        each for path in branches for each in [path, *(path + b"/%d" % n for n in range(folders))]
    )
    ends = {one.path: place for place, one in enumerate(found) if isinstance(one, End)}
    assert list(ends) == branches
    for place, one in enumerate(found):
        if isinstance(one, Listing):
            assert place < ends[one.path.split(b"/")[0]]


def test_what_is_not_remembered_is_known_to_be_missing_until_its_branch_ends():
    told = Told([b"a", b"b"], most=2)

    assert [told.add(path) for path in (b"a/1", b"a/1", b"b/1", b"b/2")] == [True, False, True, True]
    assert not told.is_whole
    told.end(b"a")
    assert not told.is_whole
    told.end(b"b")
    assert told.is_whole


def test_the_root_is_a_branch_of_everything():
    told = Told([b""], most=9)

    assert told.add(b"")
    assert told.add(b"deep/below")
    assert not told.add(b"deep/below")


def test_a_folder_that_was_not_asked_for_is_an_error():
    with pytest.raises(ValueError, match="none of the paths"):
        Told([b"a"], most=9).add(b"ab")

from __future__ import annotations

import random

from actors.syncing.branches import Branches
from actors.syncing.sweeping import Numbers


def test_folder_is_in_the_branch_it_is_below():
    branches = Branches([b"a", b"a-b", b"deep/er/c"], [b"s", b"deep/er/t"])

    assert branches.paths == [b"a", b"a-b", b"deep/er/c"]
    found = [branches.of(path) for path in (b"a", b"a/x/y", b"a-b/x", b"deep/er/c/x", b"deep/er", b"a0", b"")]
    assert [branch and branch.path for branch in found] == [b"a", b"a", b"a-b", b"deep/er/c", None, None, None]


def test_skipped_branches_are_told_apart():
    branches = Branches([b"a"], [b"s", b"deep/er/t"])

    assert [branches.skips(path) for path in (b"s", b"s/x", b"deep/er/t/x", b"s-x", b"deep/er", b"a/s")] == [
        True, True, True, False, False, False
    ]  # fmt: skip


def test_whole_datasource_may_be_one_branch():
    branch = Branches([b""], []).of(b"a/b/c")

    assert branch is not None
    assert branch.path == b""


def test_numbers_are_a_set():
    chance = random.Random(3)
    some = {chance.randrange(2**40) for _ in range(500)} | set(range(4_090, 4_110))
    numbers = Numbers()
    for number in some:
        numbers.add(number)

    assert all(number in numbers for number in some)
    assert not any(number in numbers for number in (set(range(10_000)) - some))

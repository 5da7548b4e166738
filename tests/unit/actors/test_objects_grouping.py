"""Keys in order become folders while they come."""

from __future__ import annotations

import random

import pytest

from actors.datasources.globs import Selection
from actors.datasources.objects.grouping import Gathered, Grouping
from actors.datasources.objects.pages import Object
from actors.datasources.storage import Kind
from rota.errors import PermanentError


def grouped(*keys: bytes, path: bytes = b"", selection: Selection | None = None) -> list[Gathered]:
    """Group keys, in the order in which they are given."""
    grouping = Grouping(path, selection or Selection())
    found = list(grouping.add(Object(key, 1, 2, "e") for key in keys))
    return [*found, *grouping.end()]


def shown(found: list[Gathered], selection: Selection | None = None) -> dict[bytes, tuple[list[bytes], int]]:
    """Give names (folders with a slash) and specials by path."""
    listings = [gathered.listing(selection or Selection()) for gathered in found]
    return {
        listing.path: (
            [row.name + (b"/" if row.kind == Kind.FOLDER else b"") for row in listing.rows],
            listing.special,
        )
        for listing in listings
    }


def test_a_folder_is_told_when_the_keys_have_left_it_and_before_what_it_is_in() -> None:
    found = grouped(b"a/b/1", b"a/b/2", b"a/c", b"d")

    assert [gathered.path for gathered in found] == [b"a/b", b"a", b""]
    assert shown(found) == {b"a/b": ([b"1", b"2"], 0), b"a": ([b"b/", b"c"], 0), b"": ([b"a/", b"d"], 0)}


def test_only_the_folders_on_the_way_to_the_last_key_are_kept() -> None:
    grouping = Grouping(b"", Selection())
    for number in range(1000):
        list(grouping.add([Object(b"top/%04d/file" % number, 1, 2, "")]))

        assert grouping.way == [b"", b"top", b"top/%04d" % number]


def test_names_that_sort_between_a_folder_and_its_content_are_beside_it() -> None:
    found = grouped(b"a-b", b"a.txt", b"a/x", b"a0")

    assert shown(found) == {b"a": ([b"x"], 0), b"": ([b"a/", b"a-b", b"a.txt", b"a0"], 0)}


def test_a_key_that_ends_with_a_slash_makes_its_folder_exist_and_is_no_entry() -> None:
    assert shown(grouped(b"a/", b"a/b/", b"c/", b"c/x")) == {
        b"a/b": ([], 0),
        b"a": ([b"b/"], 0),
        b"c": ([b"x"], 0),
        b"": ([b"a/", b"c/"], 0),
    }


def test_components_that_cannot_be_names_count_once_in_their_folder() -> None:
    found = grouped(b"/lead", b"/lead2", b"a/../b", b"a/./b", b"a//b", b"a//c/d", b"a/x", b"a\0b", b"b/..")

    assert shown(found) == {b"a": ([b"x"], 3), b"b": ([], 1), b"": ([b"a/", b"b/"], 2)}


def test_a_file_beside_a_folder_of_its_name_is_special() -> None:
    assert shown(grouped(b"a", b"a/b"))[b""] == ([b"a/"], 1)


def test_private_and_excluded_folders_are_not_told() -> None:
    selection = Selection(exclude=["cache/", "*.tmp"])
    keys = [b".rota/bin/1/x", b"a.tmp", b"a/.rota-old/x", b"a/x", b"cache/", b"cache/a/b", b"cache/c", b"d"]
    found = grouped(*keys, selection=selection)

    assert shown(found, selection) == {b"a": ([b"x"], 0), b"": ([b"a/", b"d"], 0)}


def test_what_is_skipped_is_known_so_that_a_listing_can_jump() -> None:
    grouping = Grouping(b"", Selection(exclude=["cache/"]))
    list(grouping.add([Object(b"a", 1, 2, ""), Object(b"x/cache/1", 1, 2, "")]))

    assert grouping.skipped == b"x/cache/"

    list(grouping.add([Object(b"x/d", 1, 2, "")]))

    assert grouping.skipped is None


def test_a_branch_begins_at_its_folder() -> None:
    assert shown(grouped(b"a/b/", b"a/b//x", b"a/b/c/d", b"a/b/e", path=b"a/b")) == {
        b"a/b/c": ([b"d"], 0),
        b"a/b": ([b"c/", b"e"], 1),
    }


def test_nothing_is_told_where_there_is_no_key() -> None:
    assert grouped(path=b"a") == []


def test_keys_out_of_order_are_refused() -> None:
    with pytest.raises(PermanentError, match="out of order"):
        grouped(b"a/1", b"b/1", b"a/2")


def test_any_keys_are_grouped_as_a_dictionary_groups_them() -> None:
    dice = random.Random(7)
    for _ in range(300):
        keys = sorted(
            {
                b"/".join(dice.choice([b"a", b"b", b"a-", b"a0", b"c"]) for _ in range(dice.randrange(1, 5)))
                for _ in range(dice.randrange(1, 40))
            }
        )
        expected: dict[bytes, set[bytes]] = {b"": set()}
        for key in keys:
            parts = key.split(b"/")
            for depth in range(1, len(parts)):
                expected.setdefault(b"/".join(parts[:depth]), set())
                expected[b"/".join(parts[: depth - 1])].add(parts[depth - 1] + b"/")
            expected[b"/".join(parts[:-1])].add(parts[-1])
        for names in expected.values():
            names -= {name[:-1] for name in names if name.endswith(b"/")}

        assert {path: set(rows) for path, (rows, _) in shown(grouped(*keys)).items()} == expected

"""What unpacking decides without a storage: names, twins, links, budgets, and which members are wanted."""

from __future__ import annotations

import pytest

from actors.archives.telling import shown
from actors.unpacking.budgets import FREE_BYTES, Budget, Limits
from actors.unpacking.choice import Choice
from actors.unpacking.links import problem_of
from actors.unpacking.naming import path_of_member
from actors.unpacking.refusals import Refused, refuse_without_room
from actors.unpacking.twins import Twins
from rota.errors import PermanentError


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"a", b"a"),
        (b"a/b c/d.txt", b"a/b c/d.txt"),
        (b"./a/b", b"a/b"),
        (b"././a", b"a"),
        (b"...", b"..."),
        (b"a..b/..c", b"a..b/..c"),
        (b"x" * 255, b"x" * 255),
        (b"a\\b", b"a\\b"),
        (b"C:note", b"C:note"),
        ("\u202egnp.exe".encode(), "\u202egnp.exe".encode()),
    ],
)
def test_good_names_are_paths(name: bytes, path: bytes) -> None:
    assert path_of_member(name, is_folder=False) == path


@pytest.mark.parametrize(
    ("name", "path"), [(b"a/", b"a"), (b"a", b"a"), (b"./", b""), (b".", b""), (b"./a/", b"a"), (b"a/b/", b"a/b")]
)
def test_a_slash_behind_a_folder_says_nothing(name: bytes, path: bytes) -> None:
    assert path_of_member(name, is_folder=True) == path


@pytest.mark.parametrize("is_folder", [False, True])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"../a", "leads outside"),
        (b"a/../../b", "leads outside"),
        (b"..", "leads outside"),
        (b"./../a", "leads outside"),
        (b"/etc/passwd", "is absolute"),
        (b"//host/share", "is absolute"),
        (b"/", "is absolute"),
        (b"C:\\Windows\\x", "drive"),
        (b"c:/x", "drive"),
        (b"C:", "drive"),
        (b"..\\..\\x", "leads outside"),
        (b"a\\..\\..\\x", "leads outside"),
        (b"a/..\\x", "leads outside"),
        (b"\\\\host\\share", "absolute for Windows"),
        (b"", "is empty"),
        (b"a//b", "is empty"),
        (b"a/./b", "stands for a folder by itself"),
        (b"a\0b", "NUL"),
        (b"x" * 256, "at most 255"),
        (b"/".join([b"y" * 200] * 21), "at most 4,096"),
        (b".rota/bin/x", "Rota's own"),
        (b"a/.rota-draft-x", "Rota's own"),
    ],
)
def test_names_that_lead_outside_or_can_be_none_are_refused(name: bytes, reason: str, is_folder: bool) -> None:
    with pytest.raises(Refused, match=reason):
        path_of_member(name, is_folder=is_folder)


def test_a_file_needs_a_name() -> None:
    for name in (b"a/", b"./", b"."):
        with pytest.raises(Refused):
            path_of_member(name, is_folder=False)


def test_refusals_show_what_would_not_be_seen() -> None:
    assert shown("a\u202eb\n".encode()) == r"'a\u202eb\n'"
    assert shown(b"\xff") == r"'\\xff'"
    assert len(shown(b"a" * 4000)) < 200


def test_the_first_of_two_twins_keeps_its_name() -> None:
    twins = Twins()

    assert twins.file(b"Readme.txt") == b"Readme.txt"
    assert twins.file(b"README.TXT") == b"README (2).TXT"
    assert twins.file(b"readme.txt") == b"readme (3).txt"
    assert twins.file(b"other") == b"other"


def test_two_normal_forms_are_twins() -> None:
    twins = Twins()

    assert twins.file("\u00e9".encode()) == "\u00e9".encode()
    assert twins.file("e\u0301".encode()) == "e\u0301 (2)".encode()
    assert twins.file("\u00c9".encode()) == "\u00c9 (3)".encode()
    assert twins.file("stra\u00dfe".encode()) == "stra\u00dfe".encode()
    assert twins.file(b"STRASSE") == b"STRASSE (2)"


def test_a_name_that_comes_again_is_a_twin_and_a_folder_is_not() -> None:
    twins = Twins()

    assert [twins.file(b"a"), twins.file(b"a")] == [b"a", b"a (2)"]
    assert [twins.folder(b"f"), twins.folder(b"f"), twins.file(b"f/x")] == [b"f", b"f", b"f/x"]


def test_what_is_in_a_twin_of_a_folder_goes_with_it() -> None:
    twins = Twins()

    assert twins.file(b"Photos/a") == b"Photos/a"
    assert twins.file(b"photos/a") == b"photos (2)/a"
    assert twins.file(b"PHOTOS/sub/a") == b"PHOTOS (3)/sub/a"
    assert twins.file(b"photos/b") == b"photos (2)/b"
    assert twins.folder(b"photos/Sub") == b"photos (2)/Sub"


def test_files_and_folders_of_one_name_are_twins() -> None:
    twins = Twins()

    assert twins.file(b"a") == b"a"
    assert twins.file(b"a/b") == b"a (2)/b"
    assert twins.folder(b"x") == b"x"
    assert twins.file(b"X") == b"X (2)"


def test_numbers_that_others_have_are_passed_over() -> None:
    twins = Twins()

    assert [twins.file(name) for name in (b"a (2)", b"a", b"A", b"A", b"a (3)")] == [
        b"a (2)",
        b"a",
        b"A (3)",
        b"A (4)",
        b"a (3) (2)",
    ]


def test_a_name_that_comes_again_and_again_costs_no_more_each_time() -> None:
    twins = Twins()

    names = {twins.file(b"same") for _ in range(20_000)}

    assert len(names) == 20_000
    assert b"same (20000)" in names


def test_folders_are_known_when_many_others_came_between() -> None:
    twins = Twins()
    before = [twins.folder(b"Top/a"), twins.folder(b"top/a")]

    for number in range(10_000):
        twins.folder(b"f%d" % number)

    assert [twins.folder(b"Top/a"), twins.folder(b"top/a")] == before == [b"Top/a", b"top (2)/a"]


def test_a_file_is_found_by_exactly_its_name() -> None:
    twins = Twins()
    for path in (b"d/a", b"D/b", b"top"):
        twins.file(path)
    twins.folder(b"folder")

    assert twins.find(b"d/a") == b"d/a"
    assert twins.find(b"D/b") == b"D (2)/b"
    assert [twins.find(path) for path in (b"d/A", b"d/b", b"none/a", b"folder", b"TOP")] == [None] * 5
    assert twins.file(b"none/a") == b"none/a"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (b"l", b"a"),
        (b"l", b"a/b"),
        (b"d/l", b"../a"),
        (b"d/e/l", b"../../x/y"),
        (b"l", b"./a/./b/"),
        (b"l", b"nothing/there"),
        (b"d/l", b".."),
        (b"l", b"a\\b"),
    ],
)
def test_links_within_stay(path: bytes, target: bytes) -> None:
    assert problem_of(path, {path: target}) is None


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (b"l", b"/etc/passwd"),
        (b"l", b".."),
        (b"l", b"../a"),
        (b"d/l", b"../../a"),
        (b"l", b"a/../../b"),
        (b"l", b""),
        (b"l", b"a\0b"),
        (b"l", b"C:\\x"),
        (b"l", b"..\\x"),
        (b"l", b"x/" * 3000),
    ],
)
def test_links_outside_do_not(path: bytes, target: bytes) -> None:
    assert problem_of(path, {path: target}) is not None


def test_links_are_judged_as_the_system_follows_them() -> None:
    links = {
        b"a/b/c/deep": b"../../..",
        b"up": b"a/b/c/deep/..",
        b"fine": b"a/b/c/deep/a",
        b"one": b"two",
        b"two": b"one",
        b"self": b"self",
        b"out": b"..",
        b"over": b"out/x",
        b"shallow": b"x",
        b"d/e/f": b"../../shallow",
    }

    assert problem_of(b"a/b/c/deep", links) is None
    assert problem_of(b"fine", links) is None
    assert problem_of(b"d/e/f", links) is None
    assert {path for path in links if problem_of(path, links)} == {b"up", b"one", b"two", b"self", b"out", b"over"}


def test_a_chain_of_more_links_than_the_system_follows_is_not_made() -> None:
    links = {b"l%d" % number: b"l%d" % (number + 1) for number in range(50)}

    assert problem_of(b"l20", links) is None
    assert "too many" in str(problem_of(b"l0", links))


def test_entries_and_bytes_are_counted() -> None:
    budget = Budget(Limits(entries=2, bytes=100))
    budget.enter(b"a")
    budget.enter(b"b")
    budget.produce(b"b", 100, consumed=1)

    with pytest.raises(Refused, match=r"more than 2 entries.*max_entries"):
        budget.enter(b"c")
    with pytest.raises(Refused, match=r"more than 100 bytes.*max_bytes"):
        budget.produce(b"c", 1, consumed=1)


def test_what_the_archive_says_of_itself_is_refused_at_once_if_it_is_too_much() -> None:
    budget = Budget(Limits(entries=10, bytes=100))
    budget.declare(entries=10, size=100)

    with pytest.raises(Refused, match="max_entries"):
        budget.declare(entries=11, size=0)
    with pytest.raises(Refused, match="max_bytes"):
        budget.declare(entries=0, size=101)


def test_the_ratio_counts_from_ten_mib_on() -> None:
    budget = Budget(Limits(ratio=100))
    budget.produce(b"a", FREE_BYTES, consumed=10)
    budget.produce(b"a", 1, consumed=FREE_BYTES // 100 + 1)

    with pytest.raises(Refused, match=r"'a'.*max_ratio"):
        budget.produce(b"a", 200, consumed=FREE_BYTES // 100)


def test_depth_is_bounded() -> None:
    budget = Budget(Limits(depth=3))
    budget.enter(b"a/b/c")

    with pytest.raises(Refused, match=r"4 folders deep.*max_depth"):
        budget.enter(b"a/b/c/d")


def test_time_is_bounded() -> None:
    now = 0.0
    budget = Budget(Limits.of(entries=10, size=10, ratio=1, depth=1, time="PT1M"), clock=lambda: now)
    now = 60.0
    budget.enter(b"a")
    now = 60.1

    with pytest.raises(Refused, match=r"60 s.*max_time"):
        budget.enter(b"b")
    with pytest.raises(Refused, match="max_time"):
        budget.produce(b"b", 1, consumed=1)


def test_room_is_asked_for_where_the_storage_tells() -> None:
    refuse_without_room(None, 2**60, b"a.zip")
    refuse_without_room(10, 10, b"a.zip")

    with pytest.raises(PermanentError, match=r"'a\.zip' takes 11 bytes, and only 10 bytes are free"):
        refuse_without_room(10, 11, b"a.zip")


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("*.txt", {b"a.txt", b"d/b.txt", b"photos/x/c.txt"}),
        ("photos", {b"photos", b"photos/p.jpg", b"photos/x", b"photos/x/c.txt"}),
        ("photos/", {b"photos", b"photos/p.jpg", b"photos/x", b"photos/x/c.txt"}),
        ("photos/x", {b"photos/x", b"photos/x/c.txt"}),
        ("photos/*.jpg", {b"photos/p.jpg"}),
        ("d/**", {b"d", b"d/b.txt"}),
        ("/a.txt", {b"a.txt"}),
    ],
)
def test_a_pattern_takes_what_matches_and_what_is_in_it(pattern: str, taken: set[bytes]) -> None:
    members = {
        b"a.txt": False,
        b"d": True,
        b"d/b.txt": False,
        b"photos": True,
        b"photos/p.jpg": False,
        b"photos/x": True,
        b"photos/x/c.txt": False,
    }
    choice = Choice([pattern])

    assert {path for path, is_folder in members.items() if choice.takes(path, is_folder=is_folder)} == taken
    choice.refuse_idle()


def test_patterns_that_match_nothing_are_named() -> None:
    choice = Choice(["*.txt", "none", "d/nowhere"])
    choice.takes(b"d/a.txt", is_folder=False)

    with pytest.raises(PermanentError, match="members: nothing in the archive matches 'd/nowhere', 'none'"):
        choice.refuse_idle()


def test_without_patterns_everything_is_taken() -> None:
    choice = Choice([])

    assert choice.takes(b"a", is_folder=False)
    choice.refuse_idle()

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.datasources.globs import Selection
from actors.datasources.storage import Kind

FILE, FOLDER, LINK = Kind.FILE, Kind.FOLDER, Kind.LINK


def excluded(glob: str, path: str, kind: str = FILE) -> bool:
    return not Selection(exclude=[glob]).takes(path.encode("utf-8", "surrogateescape"), kind)


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        ("*.tmp", ["a.tmp", "x/y/.tmp", "x/a.tmp"], ["a.tmpx", "a.tmp/b", "tmp"]),
        ("notes", ["notes", "a/b/notes"], ["notes.txt", "my-notes", "notes/a"]),
        ("/notes", ["notes"], ["a/notes"]),
        ("a/b", ["a/b"], ["x/a/b", "a/b/c"]),
        ("a/*/c", ["a/b/c", "a//c"], ["a/c", "a/b/b/c"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["az", "a/bz", "z"]),
        ("**/z/*", ["z/a", "b/z/a"], ["z", "z/a/b", "yz/a"]),
        ("a**z", ["az", "abz", "x/a/b/z", "a/z"], ["az/b", "ya"]),
        ("/a**z", ["az", "a/b/z"], ["x/az"]),
        ("?", ["a", "é", "日", "\udcff", "x/a"], ["ab", "", "e\u0301"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "x", "-x"]),
        ("[!a-c]x", ["dx", "日x"], ["ax", "/x"]),
        ("[]x]", ["]", "x"], ["[", "[]x]"]),
        ("[!]x]", ["a"], ["]", "x", "/"]),
        ("[z-a]", [], ["a", "z", "-"]),
        ("[é日]", ["é", "x/日"], ["e", "\udcc3"]),
        ("[", ["["], ["a"]),
        ("[]", ["[]"], ["", "]"]),
        ("[*]", ["*"], ["a"]),
        ("[**]?", ["*a"], ["a", "ab"]),
        ("a\\*", ["a\\b", "a\\"], ["a*"]),
        ("a.b|c$^+{2}(", ["a.b|c$^+{2}("], ["axb|c$^+{2}(", "c"]),
        ("a\nb*", ["a\nb\nc"], ["ab"]),
        ("A", ["A"], ["a"]),
    ],
)
def test_patterns(glob: str, matching: list[str], others: list[str]) -> None:
    assert [path for path in matching if not excluded(glob, path)] == []
    assert [path for path in others if excluded(glob, path)] == []


def test_pattern_with_a_slash_at_the_end_is_about_folders() -> None:
    assert excluded("cache/", "a/cache", FOLDER)
    assert excluded("/a/*/", "a/b", FOLDER)
    assert not excluded("cache/", "cache", FILE)
    assert not excluded("cache/", "cache", LINK)


def test_folder_left_out_takes_all_below_with_it() -> None:
    selection = Selection(exclude=["cache/", "/old/**"])

    assert not selection.takes_whole(b"a/cache/b/c", FILE)
    assert selection.takes_whole(b"old", FOLDER)
    assert not selection.takes_whole(b"old/a", FOLDER)
    assert selection.takes_whole(b"a/b/c", FILE)


def test_include_is_about_files_and_links() -> None:
    selection = Selection(include=["*.jpg"])

    assert selection.takes(b"a.jpg", FILE)
    assert selection.takes(b"a.jpg", LINK)
    assert not selection.takes(b"a.txt", FILE)
    assert selection.takes(b"folder", FOLDER)


def test_include_of_a_folder_is_all_below_it() -> None:
    selection = Selection(include=["photos/", "/a/b/"])

    taken = [
        path for path in (b"photos/1", b"x/photos/y/2", b"a/b/3", b"photos", b"x/a/b/4") if selection.takes(path, FILE)
    ]
    assert taken == [b"photos/1", b"x/photos/y/2", b"a/b/3"]


def test_exclude_wins() -> None:
    assert not Selection(include=["*.jpg"], exclude=["x*"]).takes(b"x.jpg", FILE)


def test_no_patterns_leave_nothing_out() -> None:
    assert Selection().takes_all
    assert not Selection(include=["*"]).takes_all
    assert not Selection(exclude=["*"]).takes_all


@pytest.mark.parametrize("glob", ["*a" * 12 + "b", "**a" * 12 + "b", "/" + "**/a*a" * 8 + "b", "**" * 20 + "b"])
@pytest.mark.parametrize("path", ["a" * 255, "a/" * 120 + "a"])
def test_many_stars_take_no_time(glob: str, path: str) -> None:
    begin = time.thread_time()

    assert not excluded(glob, path)

    assert time.thread_time() - begin < 1.0


def slowly_matches(glob: str, text: str) -> bool:
    """Match as the docstring of `globs` says, in the simplest way there is: try every length for every star."""
    if "/" not in glob.rstrip("/"):
        glob = f"**/{glob}"
    return _matches(tuple(_read(glob.strip("/"))), text)


def _read(glob: str):
    at = 0
    while at < len(glob):
        if glob.startswith("**/", at) and (at == 0 or glob[at - 1] == "/"):
            yield "folders"
            at += 3
        elif glob.startswith("**", at):
            yield "anything"
            at += 2
        elif glob[at] == "*":
            yield "star"
            at += 1
        elif glob[at] == "[" and (found := _read_set(glob, at)):
            characters, negated, at = found
            yield characters, negated
        elif glob[at] == "?":
            yield frozenset(), True
            at += 1
        else:
            yield frozenset(glob[at]), False
            at += 1


def _read_set(glob: str, at: int):
    start = at + 1
    negated = glob[start : start + 1] in {"!", "^"} and glob.find("]", start + 2) > 0
    start += negated
    end = glob.find("]", start + 1)
    if end < 0:
        return None
    members, characters = glob[start:end], set()
    while members:
        if len(members) > 2 and members[1] == "-":
            characters |= {chr(code) for code in range(ord(members[0]), ord(members[2]) + 1)}
            members = members[3:]
        else:
            characters.add(members[0])
            members = members[1:]
    return frozenset(characters - {"/"}), negated, end + 1


def _matches(tokens: tuple, text: str) -> bool:
    if not tokens:
        return not text
    token, *rest = tokens
    if token == "folders":
        return any(
            _matches(tuple(rest), text[length:])
            for length in range(len(text) + 1)
            if length == 0 or text[length - 1] == "/"
        )
    if token in {"anything", "star"}:
        lengths = (length for length in range(len(text) + 1) if token == "anything" or "/" not in text[:length])
        return any(_matches(tuple(rest), text[length:]) for length in lengths)
    characters, negated = token
    if not text:
        return False
    if negated:
        return text[0] != "/" and text[0] not in characters and _matches(tuple(rest), text[1:])
    return text[0] in characters and _matches(tuple(rest), text[1:])


globs = st.lists(
    st.sampled_from(["a", "b", "/", "*", "**", "?", "[ab]", "[!a]", "[", "]", "**/", "/**/"]), max_size=8
).map("".join)
paths = st.lists(st.text("ab]*", min_size=1, max_size=4), min_size=1, max_size=4).map("/".join)


@settings(deadline=None)
@given(globs.filter(lambda glob: glob.strip("/") and not glob.endswith("/")), paths)
@example("**a*b", "a/ab")
@example("*a**/b", "aab")
@example("a/**/*b**/a", "a/b/ab/a")
def test_matches_like_a_simple_matcher(glob: str, path: str) -> None:
    assert excluded(glob, path) == slowly_matches(glob, path)

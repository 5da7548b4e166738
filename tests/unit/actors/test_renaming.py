"""What a renaming decides: who gets which name, in which order, and where it goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.renaming.kept import KeptPlan
from actors.renaming.matching import Matcher
from actors.renaming.planning import Renaming, plan_folder
from actors.renaming.work import is_behind
from rota.errors import PermanentError


def done(names: set[bytes], plan) -> dict[bytes, bytes]:
    """Follow a plan as a storage would, and give which entry has which name then."""
    there = {name: name for name in names}
    for old, new, _ in plan.steps:
        assert new not in there, "a name was taken"
        there[new] = there.pop(old)
    return {origin: name for name, origin in there.items()}


def test_free_names_are_given():
    plan = plan_folder([b"a", b"b", b"c"], {b"a": b"x", b"b": b"b"}, numbers=False)

    assert plan.steps == [Renaming(b"a", b"x", False)]
    assert plan.skipped == []


def test_taken_names_are_not():
    plan = plan_folder([b"a", b"b"], {b"a": b"b"}, numbers=False)

    assert plan.steps == []
    assert plan.skipped == [(b"a", "the name 'b' is taken")]


def test_taken_names_get_a_number_if_asked():
    plan = plan_folder([b"a", b"b", b"c", b"x.y", b"x (2).y"], dict.fromkeys([b"a", b"b"], b"x.y"), numbers=True)

    assert done({b"a", b"b", b"c", b"x.y", b"x (2).y"}, plan) == {
        b"a": b"x (3).y",
        b"b": b"x (4).y",
        b"c": b"c",
        b"x.y": b"x.y",
        b"x (2).y": b"x (2).y",
    }


def test_of_several_that_would_become_one_the_first_does():
    plan = plan_folder([b"a", b"b", b"c"], dict.fromkeys([b"c", b"b", b"a"], b"x"), numbers=False)

    assert plan.steps == [Renaming(b"a", b"x", False)]
    assert [name for name, _ in plan.skipped] == [b"b", b"c"]


def test_names_make_room_for_each_other():
    plan = plan_folder([b"1", b"2", b"3"], {b"1": b"2", b"2": b"3", b"3": b"4"}, numbers=False)

    assert plan.steps == [Renaming(b"3", b"4", False), Renaming(b"2", b"3", True), Renaming(b"1", b"2", True)]


def test_a_circle_stays():
    plan = plan_folder([b"a", b"b"], {b"a": b"b", b"b": b"a"}, numbers=False)

    assert plan.steps == []
    assert len(plan.skipped) == 2


@pytest.mark.parametrize("name", [b"", b".", b"a/b", b".rota", b"n" * 256])
def test_names_that_are_not_allowed_are_not_given(name):
    plan = plan_folder([b"a"], {b"a": name}, numbers=True)

    assert plan.steps == []
    assert len(plan.skipped) == 1


NAMES = st.sampled_from([b"%d" % n for n in range(8)])


@given(st.sets(NAMES), st.dictionaries(NAMES, NAMES), st.booleans())
def test_a_plan_loses_nobody_and_never_takes_a_name(names, wanted, numbers):
    wanted = {old: new for old, new in wanted.items() if old in names}

    plan = plan_folder(names, wanted, numbers=numbers)
    found = done(names, plan)

    assert len(set(found.values())) == len(names)
    skipped = {name for name, _ in plan.skipped}
    for name in names:
        if name in skipped or name not in wanted:
            assert found[name] == name
        elif not numbers:
            assert found[name] == wanted[name]
    assert not (numbers and skipped)


def test_a_walk_goes_on_behind_the_folder_of_its_plan():
    plan = KeptPlan(1, b"b/m", [], 0, 0, [])

    behind = [b"a", b"a/z", b"b/a", b"b/m", b"b/m/x"]
    ahead = [b"", b"b", b"b/n", b"b/m2", b"c"]

    assert all(is_behind(1, path, plan) for path in behind)
    assert not any(is_behind(1, path, plan) for path in ahead)
    assert is_behind(0, b"c", plan)
    assert not is_behind(2, b"a", plan)


def matched(pattern: str, replacement: str, *names: bytes) -> list[bytes]:
    matcher = Matcher(pattern, replacement, ignore_case=False, check=lambda: None)
    try:
        return matcher.replaced(names)
    finally:
        matcher.close()
        matcher.close()


def test_a_pattern_is_matched_in_a_process_of_its_own():
    assert matched(r"^IMG_(\d+)", r"photo \1", b"IMG_12.jpg", b"other", b"\xffIMG_1") == [
        b"photo 12.jpg",
        b"other",
        b"\xffIMG_1",
    ]
    assert matched(r"\.", "", b"\xff.a.\xfe", b"\n.") == [b"\xffa\xfe", b"\n"]


def test_many_names_are_matched():
    assert matched("x", "y", *[b"x%d" % n for n in range(10_000)]) == [b"y%d" % n for n in range(10_000)]


@pytest.mark.parametrize(
    ("pattern", "replacement"), [("(", ""), ("a", r"\1"), ("a", r"\g<n>"), ("*", ""), ("a{9999999999}", "")]
)
def test_what_is_no_pattern_is_told(pattern, replacement):
    with pytest.raises(PermanentError, match="the pattern cannot be used: "):
        matched(pattern, replacement, b"a")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", r"^(\w+\s?)*$"])
def test_a_pattern_that_never_ends_is_ended(pattern, monkeypatch):
    monkeypatch.setattr(Matcher, "seconds", 0.3)

    # Each of them would take longer than the universe has been there.
    with pytest.raises(PermanentError, match=r"took longer than 0\.3 s"):
        matched(pattern, "", b"a" * 200 + b"!")

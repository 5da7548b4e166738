"""What a dry run lists is what the purge then removes, less what was restored in between.

Random bins, rules, wishes and restores, with the real actors, a folder and a store. In short here; with
ROTA_CAMPAIGN=full ten times as many.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.binned import DAY_MS, FILES, Binned
from tests.faults.manifests import Manifest, manifest
from tests.faults.memory import memory_folder
from tests.trees import Tree, make_tree

FULL = os.environ.get("ROTA_CAMPAIGN") == "full"

pytestmark = pytest.mark.timeout(600)


class Item(NamedTuple):
    """Something that was deleted."""

    folder: str
    user: str
    days: int
    """How long ago, and half a day more: no rule is about a moment that passes while the test runs."""
    size: int
    is_folder: bool
    is_held: bool


class Case(NamedTuple):
    """A bin, its rules, what is asked of it, and what is restored after the dry run."""

    items: list[Item]
    rules: dict[str, Any]
    wish: dict[str, Any]
    restored: set[int]


def keeping() -> dict[str, st.SearchStrategy[Any]]:
    return {
        "keep": st.sampled_from([None, "P1D", "P10D", "P30D"]),
        "max_size": st.sampled_from([None, None, 100, 600]),
        "max_items": st.sampled_from([None, None, 1, 3, 6]),
    }


FOLDERS = ("a", "b", "a/c", "")
ITEMS = st.builds(
    Item,
    folder=st.sampled_from(FOLDERS),
    user=st.sampled_from(["ann", "bob"]),
    days=st.integers(0, 40),
    size=st.integers(0, 300),
    is_folder=st.booleans(),
    is_held=st.sampled_from([False, False, False, True]),
)
RULES = st.fixed_dictionaries(
    {
        **keeping(),
        "per": st.sampled_from(["datasource", "user", "folder"]),
        "parts": st.lists(
            st.one_of(
                st.fixed_dictionaries({"folder": st.sampled_from(["a", "b"]), **keeping()}),
                st.fixed_dictionaries({"user": st.just("bob"), **keeping()}),
            ),
            max_size=2,
        ),
        "hold": st.lists(st.sampled_from(["a/**", "*1", "**/inner"]), max_size=1),
        "max_purged": st.sampled_from([0.5, 1.0]),
    }
)
WISHES = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "older_than": st.sampled_from(["PT0S", "P5D", "P20D"]),
            "max_items": st.integers(1, 5),
            "max_size": st.integers(1, 500),
            "user": st.sampled_from(["ann", "bob"]),
            "folder": st.sampled_from(["a", "b"]),
        },
    ),
)
CASES = st.builds(
    Case,
    items=st.lists(ITEMS, min_size=1, max_size=14),
    rules=RULES,
    wish=WISHES,
    restored=st.sets(st.integers(0, 13), max_size=4),
)


@settings(
    max_examples=400 if FULL else 40,
    deadline=None,
    derandomize=not FULL,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=CASES)
def test_a_purge_removes_what_the_dry_run_listed_less_what_was_restored(case: Case, sqlite_template: Path) -> None:
    with memory_folder() as folder:
        shutil.copyfile(sqlite_template, folder / "rota.db")
        binned = Binned(f"sqlite:///{folder / 'rota.db'}")
        try:
            judge(case, binned, folder / FILES)
        finally:
            binned.close()


def judge(case: Case, binned: Binned, root: Path) -> None:
    names = [f"{item.folder}/item{number}".strip("/") for number, item in enumerate(case.items)]
    wanted = fill(case, names, binned, root)
    in_bin = seen(binned, root)
    assert in_bin == wanted

    listed = foretold(binned, case)
    assert seen(binned, root) == in_bin, "a dry run changed something"
    # What somebody holds is not restored either.
    numbers = {number for number in case.restored if number < len(names) and not case.items[number].is_held}
    restored = {names[number] for number in numbers}
    for name in restored:
        assert binned.try_restore(name.rpartition("/")[2]) == ""
    expected = foretold(binned, case)
    assert seen(binned, root) == {name: what for name, what in in_bin.items() if name not in restored}
    binned.purge(**case.wish)
    left = seen(binned, root)

    # Nobody could have restored anything between the second dry run and the purge.
    assert in_bin.keys() - restored - left.keys() == expected
    assert expected <= listed - restored, "a restore made something go that was not listed"
    if not restored or not limited(case):
        assert expected == listed - restored
    assert {name: manifest(root / name) for name in restored} == {name: wanted[name] for name in restored}
    assert left == {name: what for name, what in wanted.items() if name in left}, "what stays was changed"
    assert list((root / ".rota").glob("tomb/*")) == []


def fill(case: Case, names: list[str], binned: Binned, root: Path) -> dict[str, Manifest]:
    """Delete the items, and tell what each of them is."""
    binned.define(FILES, root, bin=case.rules)
    made: dict[str, Manifest] = {}
    for user in ("ann", "bob"):
        mine = [(name, item) for name, item in zip(names, case.items, strict=True) if item.user == user]
        for name, item in mine:
            tree: Tree = {"inner": {"file": b"x" * item.size}, "other": b""}
            place = root / name
            make_tree(place.parent, {place.name: tree if item.is_folder else b"x" * item.size})
            made[name] = manifest(place)
        if mine:
            binned.delete(*(name for name, _ in mine), person=user)
    for name, item in zip(names, case.items, strict=True):
        values = (int((item.days + 0.5) * DAY_MS), "wanted" if item.is_held else None, name.encode())
        binned.doctor("UPDATE recycled SET deleted_at = deleted_at - ?, hold = ? WHERE original_path = ?", *values)
    return made


def foretold(binned: Binned, case: Case) -> set[str]:
    """What a dry run lists."""
    found = binned.purge(dry_run=True, **case.wish)
    assert found.more == 0
    assert found.removed == len(found.items)
    return {item.path for item in found.items}


def seen(binned: Binned, root: Path) -> dict[str, Manifest]:
    """What is in the bin, by where it was: as the records say and as the folder has it."""
    places = {os.fsdecode(record["original_path"]): os.fsdecode(record["bin_path"]) for record in binned.records()}
    there = {f"{path.parent.name}/{path.name}" for path in (root / ".rota" / "bin").glob("*/*")}
    assert there == set(places.values())
    return {name: manifest(root / ".rota" / "bin" / place) for name, place in places.items()}


def limited(case: Case) -> bool:
    """Whether what goes depends on how much else there is: then less may go after a restore."""
    rules = [case.rules, *case.rules["parts"], case.wish]
    return any(rule.get("max_size") or rule.get("max_items") for rule in rules)

"""What differs between definitions, and how an upgrade keeps edits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.differences import Difference, differences
from rota.merging import merge

JOB: dict[str, Any] = {
    "name": "purge",
    "triggers": [{"cron": "0 3 * * *"}],
    "steps": [
        {"id": "purge", "actor": "purge", "with": {"older_than": "P30D"}},
        {"id": "report", "actor": "http", "needs": ["purge"]},
    ],
}


def changed(**changes: Any) -> dict[str, Any]:
    return {**JOB, **changes}


def step(n: int, **changes: Any) -> dict[str, Any]:
    steps = [dict(each) for each in JOB["steps"]]
    steps[n] |= changes
    return changed(steps=steps)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (JOB, []),
        (changed(label="New"), ["label: added New"]),
        (
            changed(triggers=[{"every": "PT1H"}]),
            ["triggers: [{'cron': '0 3 * * *'}] → [{'every': 'PT1H'}]"],
        ),
        (step(0, **{"with": {"older_than": "P7D"}}), ["steps[purge].with.older_than: P30D → P7D"]),
        (step(1, needs=[]), ["steps[report].needs: ['purge'] → []"]),
        (
            changed(steps=JOB["steps"][:1]),
            ["steps[report]: removed {'id': 'report', 'actor': 'http', 'needs': ['purge']}"],
        ),
        (changed(steps=JOB["steps"][::-1]), ["steps: purge, report → report, purge"]),
        (changed(name=""), ["name: purge → ''"]),
    ],
)
def test_differences_are_told_by_field(after: dict[str, Any], told: list[str]) -> None:
    assert [str(each) for each in differences(JOB, after)] == told


def test_numbers_and_booleans_are_not_the_same() -> None:
    assert differences({"a": 1, "b": True}, {"a": 1.0, "b": 1}) == [
        Difference(path="a", kind="changed", before=1, after=1.0),
        Difference(path="b", kind="changed", before=True, after=1),
    ]


def test_upgrade_keeps_an_edit_and_brings_what_is_new() -> None:
    edited = changed(triggers=[{"cron": "0 5 * * *"}])
    shipped = step(0, **{"with": {"older_than": "P30D", "dry_run": False}}) | {"label": "Purge"}

    merged = merge(JOB, edited, shipped)

    assert merged.conflicts == ()
    assert merged.definition["triggers"] == [{"cron": "0 5 * * *"}]
    assert merged.definition["label"] == "Purge"
    assert merged.definition["steps"][0]["with"] == {"older_than": "P30D", "dry_run": False}


def test_where_both_changed_the_same_the_edit_is_kept_and_told() -> None:
    edited = step(0, **{"with": {"older_than": "P7D"}})
    shipped = step(0, **{"with": {"older_than": "P60D"}}) | {"overlap": "skip"}

    merged = merge(JOB, edited, shipped)

    assert merged.conflicts == ("steps[purge].with.older_than",)
    assert merged.definition == {**edited, "overlap": "skip"}


def test_step_that_was_removed_stays_removed_unless_it_was_improved_meanwhile() -> None:
    edited = changed(steps=JOB["steps"][:1])

    assert merge(JOB, edited, changed(label="x")).definition["steps"] == JOB["steps"][:1]
    improved = step(1, timeout="PT1M")
    assert merge(JOB, edited, improved).conflicts == ("steps[report]",)
    assert merge(JOB, edited, improved).definition["steps"] == JOB["steps"][:1]


def test_step_that_was_added_on_either_side_is_there() -> None:
    mine = changed(steps=[*JOB["steps"], {"id": "mine", "actor": "sleep"}])
    theirs = changed(steps=[*JOB["steps"], {"id": "theirs", "actor": "sleep"}])

    assert [each["id"] for each in merge(JOB, mine, theirs).definition["steps"]] == [
        "purge",
        "report",
        "mine",
        "theirs",
    ]


values = st.recursive(
    st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=8,
)
definitions = st.dictionaries(st.sampled_from(["name", "steps", "params", "keep"]), values, max_size=4)


@given(definitions, definitions)
def test_one_sided_changes_are_taken_whole(base: dict[str, Any], other: dict[str, Any]) -> None:
    assert merge(base, other, base).definition == other
    assert merge(base, base, other).definition == other
    assert merge(base, other, other).definition == other


@given(definitions, definitions)
def test_there_is_a_difference_exactly_where_definitions_differ(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (differences(one, other) == []) == (one == other)

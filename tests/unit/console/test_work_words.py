"""What runs about files and bins have done is told in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from console.commands.bin_rules import bin_rules, bin_state
from console.pages.field_values import text_of
from console.pages.fields import definition_in, general_errors, sections_of, texts_of
from console.pages.forms import Form
from console.pages.wording import keeping
from console.work_words import GOES, STAYS, deletion_in_words, purge_in_words, restore_in_words, why_in_words
from rota.bins import BinRules
from rota.datasources import parse_datasource
from rota.errors import InvalidDefinition
from rota.purging import Why


def test_every_reason_has_its_words() -> None:
    assert set(GOES) == {why.value for why in Why if why.goes}
    assert set(STAYS) == {why.value for why in Why if not why.goes and why is not Why.OTHERS}
    assert why_in_words({"held": 1, "young": 1_200, "new_reason": 2}) == "1,200 not old enough, 2 new reason, 1 held"


@pytest.mark.parametrize(
    ("found", "dry", "said"),
    [
        ({}, False, "Nothing was deleted."),
        ({}, True, "Nothing would go."),
        ({"removed": 1, "bytes": 5}, False, "Deleted 1 item, 5 B for good."),
        (
            {"removed": 0, "kept": {"doubtful": 30}, "doubt": "30 of the 31 would go"},
            True,
            "Nothing would go. Stays: 30 held back until somebody confirms. Held back: 30 of the 31 would go.",
        ),
    ],
)
def test_purge_is_told(found: dict[str, Any], *, dry: bool, said: str) -> None:
    assert purge_in_words(found, dry=dry) == said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, "Nothing was deleted."),
        ({"removed": 1, "items": 1, "bytes": 1_500}, "Moved to the bin: 1 entry, 1.5 KB."),
        ({"removed": 2, "items": 5, "for_good": 2}, "Gone for good: 5 entries, 0 B."),
        ({"removed": 3, "items": 5, "for_good": 1}, "Deleted: 5 entries, 0 B. Gone for good: 1 path."),
        ({"removed": 0, "skipped": 2}, "Not there any more: 2 paths."),
    ],
)
def test_deletion_is_told(found: dict[str, Any], said: str) -> None:
    assert deletion_in_words(found) == said


def test_restore_is_told() -> None:
    assert restore_in_words({}) == "Nothing was restored."
    said = restore_in_words({"restored": 2, "bytes": 0, "kept": [{}, {}]})
    assert said == "Restored 2 items, 0 B. 2 items stay in the bin."


@pytest.mark.parametrize(
    ("length", "words"), [(None, "for ever"), ("P30D", "for 30 days"), ("P1D", "for 1 day"), ("PT1H", "for 1 hour")]
)
def test_keeping_is_told(length: str | None, words: str) -> None:
    assert keeping(length) == words


def test_rules_are_told_on_the_command_line() -> None:
    part = {"folder": "a", "user": "anna", "max_items": 1, "enabled": False}
    rules = BinRules.model_validate({"keep": None, "max_size": 5_000, "per": "user", "parts": [part]})
    state = {"items": 1, "bytes": 5, "held": 0, "last_purge": None, "doubt": None}

    told = dict(bin_rules(rules.model_dump(mode="json")))

    assert told["bin"] == "kept for ever, at most 5.0 KB for each user"
    assert told["bin parts"] == "anna in a/: kept for ever, at most 1 item, deletions are for good"
    assert told["bin holds"] is None
    off = dict(bin_rules(BinRules(enabled=False).model_dump(mode="json")))
    assert off["bin"] == "deletions are for good; kept for P30D"
    assert bin_state(state) == [("recycled", "1 item, 5 B"), ("purged", None), ("held back", None)]


# --- The form -------------------------------------------------------------------------------------------------------------


def test_rules_go_through_the_form_and_come_back() -> None:
    given = {
        "keep": None, "max_size": 5, "max_items": None, "per": "folder", "max_purged": 0.25, "hold": ["*.x", "b/**"],
        "parts": [{"folder": "a", "keep": "P1D", "max_items": 1}, {"user": "b", "enabled": False}],
    }  # fmt: skip
    known = parse_datasource({"name": "a", "root": "/x", "bin": given, "homes": "users"})

    form = Form(tuple(texts_of(known.model_dump(mode="json")).items()))

    back = parse_datasource({**definition_in(form, "local"), "name": "a"})
    assert (back.bin, back.homes) == (known.bin, "users")


def test_section_of_the_bin_is_filled_with_the_defaults() -> None:
    (section,) = [section for section in sections_of("s3", {}) if section.title == "Recycle bin"]

    drawn = {field.name: (field.kind, field.value) for field in section.fields}
    assert list(drawn) == [
        "bin.enabled", "bin.keep", "bin.max_size", "bin.max_items", "bin.per", "bin.parts", "bin.hold",
        "bin.max_purged", "homes",
    ]  # fmt: skip
    assert drawn["bin.enabled"] == ("flag", "true")
    assert drawn["bin.keep"] == ("text", "P30D")
    assert drawn["bin.max_size"] == ("number", "")
    assert (drawn["bin.parts"], drawn["bin.hold"][0], drawn["bin.per"]) == (
        ("json", ""),
        "lines",
        ("choice", "datasource"),
    )


def test_problems_stand_at_their_fields() -> None:
    wrong = {"keep": "x", "parts": [{"folder": "a", "keep": "1"}], "hold": [""], "max_purged": 2, "new": 1}
    with pytest.raises(InvalidDefinition) as raised:
        parse_datasource({"name": "a", "root": "/x", "bin": wrong})

    sections = sections_of("local", {}, raised.value.problems)

    errors = {field.name: field.error for section in sections for field in section.fields if field.error}
    assert set(errors) == {"bin.keep", "bin.parts", "bin.hold", "bin.max_purged"}
    assert errors["bin.parts"].startswith("in part 1, keep: '1' is not")
    (general,) = general_errors("local", raised.value.problems)
    assert general.startswith("bin.new")


def test_parts_are_shown_one_a_line() -> None:
    parts = [{"keep": "P1D", "user": None, "folder": "a", "enabled": True}, {"user": "b", "enabled": False}]

    assert text_of("json", parts) == '[\n  {"folder": "a", "keep": "P1D"},\n  {"user": "b", "enabled": false}\n]'

"""The names of drafts, and what they tell."""

from __future__ import annotations

import time

import pytest

from actors.datasources.drafts import DraftKind, aside_of, draft_beside, draft_of, parse_draft
from actors.datasources.paths import is_private, split
from rota.ids import new_id


def test_a_draft_lies_beside_its_file_under_a_private_name():
    key = new_id()

    for draft in (draft_beside(b"a/b"), draft_of(b"a/b", key), aside_of(draft_of(b"a/b", key))):
        folder, name = split(draft)
        assert folder == b"a"
        assert is_private(name)
        assert len(name) <= 100


def test_names_tell_whose_they_are():
    key = new_id()
    now = time.time_ns() // 1_000_000

    written = parse_draft(draft_beside(b"a"))
    kept = parse_draft(draft_of(b"a", key))
    aside = parse_draft(aside_of(draft_of(b"a", key)))
    other = parse_draft(aside_of(draft_beside(b"a")))

    assert None not in (written, kept, aside, other)
    assert [each.kind for each in (written, kept, aside, other)] == [
        DraftKind.WRITTEN,
        DraftKind.KEPT,
        DraftKind.ASIDE,
        DraftKind.ASIDE,
    ]
    assert kept.id == aside.id == key
    assert abs(written.started_ms - now) < 60_000
    assert abs(kept.started_ms - now) < 60_000
    assert kept.digest == aside.digest
    assert other.digest == written.digest == ""


def test_a_task_finds_its_draft_of_a_file_again_and_no_other():
    key = new_id()
    drafts = {draft_of(path, each) for path in (b"a", b"b", b"d/a") for each in (key, new_id())}

    assert len(drafts) == 6
    assert draft_of(b"a", key) == draft_of(b"a", key)


@pytest.mark.parametrize(
    "name", [b"", b"a", b".rota-draft-", b".rota-draft-x", b".rota-drafts", b".rota-draft-" + b"0" * 36, b".rota"]
)
def test_other_names_tell_nothing(name):
    assert parse_draft(name) is None
    good = split(draft_beside(b"a"))[1]
    assert parse_draft(good + name + b"x") is None
    assert parse_draft(b"x" + good) is None


@pytest.mark.parametrize(
    "key", ["", "task", "../../../../etc/passwd", "0" * 36, "01A2072E-7B3C-76C4-B83F-EE8169252B39G"]
)
def test_a_key_is_the_id_of_a_task(key):
    with pytest.raises(ValueError, match="no id of a task"):
        draft_of(b"a", key)

"""Definitions written as YAML are read back as they were."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.loaders import load_yaml
from rota.writing import to_yaml

text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
) | st.sampled_from(
    ["yes", "no", "on", "010", "0o14", "0x1F", "1_000", "12:30", "2026-01-01", "1e5", ".5", "~", "", "<<", "=", "null",
     "true", "a\nb\n", " lead", "trail \n", "${event.data.x}", "# no", "- no", "a: b", "\t", "%", "@x", "`x", "\x85", "|"]
)  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=10
)


@given(st.dictionaries(text, values, min_size=1, max_size=4))
def test_whatever_is_written_is_read_back_the_same(definition: dict[str, Any]) -> None:
    read = load_yaml(to_yaml(definition), source="x")

    assert read == definition
    assert repr(read) == repr(definition)


@pytest.mark.parametrize("word", ["yes", "off", "0o14", "12:30", "1_000"])
def test_words_that_another_reader_would_take_for_something_else_are_quoted(word: str) -> None:
    assert to_yaml({"a": word}) == f"a: '{word}'\n"


def test_fields_keep_their_order_and_lines_their_breaks() -> None:
    written = to_yaml({"name": "a", "description": "one\ntwo\n", "steps": [{"id": "x"}]})

    assert written == "name: a\ndescription: |\n  one\n  two\nsteps:\n- id: x\n"

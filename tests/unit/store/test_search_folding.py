"""Words are found however they are written."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.search.words import split_words
from store.search.folding import LONGEST_WORD, fold, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Annual_Report-2026.final.TXT", ["annual", "report", "2026", "final", "txt"]),
        ("Café CAFE\u0301 cafe", ["cafe"] * 3),
        ("Straße Łódź Ærø Þór İzmir ılık", ["strasse", "lodz", "aero", "thor", "izmir", "ilik"]),
        ("Ёлка йод И\u0306од", ["елка", "йод", "йод"]),
        ("ΟΔΟΣ οδός", ["οδοσ", "οδοσ"]),
        ("ﬁn ２０２６ x²", ["fin", "2026", "x2"]),
        ("ガ か\u3099 か", ["ガ", "が", "か"]),
        ("हिन्दी", ["हिनदी"]),
        ("“word”—it’s…", ["word", "it", "s"]),
        ("a\x00b\ud800c\u2028d", ["a", "b", "c", "d"]),
        ("!!! \u0301", []),
        ("", []),
    ],
)
def test_words_are_folded(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_word_that_is_too_long_is_none() -> None:
    assert words_of(f"a {'x' * LONGEST_WORD} b") == ["a", "x" * LONGEST_WORD, "b"]
    assert words_of(f"a {'x' * (LONGEST_WORD + 1)} b") == ["a", "b"]
    assert words_of("я" * 128) == []


@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert "\ud800" not in fold(f"{text}\ud800")


@given(st.text(), st.text())
def test_folding_goes_word_by_word(first: str, second: str) -> None:
    assert words_of(f"{first} {second}") == words_of(first) + words_of(second)


@given(st.text(st.characters(categories=["L", "N"])))
def test_however_accents_are_written_the_word_is_the_same(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@given(st.text(st.characters(max_codepoint=0x250)))
def test_what_the_parser_takes_for_words_is_folded_as_a_whole(text: str) -> None:
    apart = [word for written in split_words(text) for word in words_of(written)]
    assert apart == words_of(text)

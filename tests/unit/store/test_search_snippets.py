"""What is shown of a text."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from store.search.snippets import MOST_CHARACTERS, MOST_READ, snippet_of


def key_of(word: str) -> str | None:
    folded = word.lower().strip("“”")
    return folded if folded in ("apple", "pear") else None


def shown(text: str) -> list[tuple[str, bool]]:
    return [tuple(piece) for piece in snippet_of(text, key_of, 2)]


def test_a_short_text_is_shown_whole() -> None:
    assert shown("An Apple, and a pear.") == [
        ("An ", False),
        ("Apple", True),
        (", and a ", False),
        ("pear", True),
        (".", False),
    ]


def test_nothing_is_shown_without_a_hit() -> None:
    assert shown("") == shown("nothing of it") == []


def test_quotes_are_not_a_part_of_a_word() -> None:
    assert shown("“apple”") == [("“", False), ("apple", True), ("”", False)]


def test_it_begins_and_ends_where_words_do() -> None:
    pieces = shown("before " * 50 + "apple" + " behind" * 50)
    text = "".join(text for text, _ in pieces)
    assert set(text.split()) == {"before", "apple", "behind"}
    assert len(text) <= MOST_CHARACTERS


def test_only_the_beginning_of_a_long_text_is_looked_through() -> None:
    assert shown("x " * (MOST_READ // 2) + "apple") == []


def test_a_long_text_takes_no_long_time() -> None:
    began = time.process_time()
    for text in ("apple " * 200_000, "x" * 1_000_000, "word " * 200_000, "é" * 1_000_000):
        snippet_of(text, key_of, 2)
    assert time.process_time() - began < 2


@given(st.lists(st.sampled_from(["apple", "Pear", "word", "“apple”", "x" * 250, " ", "\n", ", ", "é"])).map("".join))
def test_pieces_join_to_a_piece_of_the_text(text: str) -> None:
    pieces = snippet_of(text, key_of, 2)
    joined = "".join(piece.text for piece in pieces)
    assert joined in text
    assert len(joined) <= max(MOST_CHARACTERS, 250)
    assert all(piece.text for piece in pieces)
    assert bool(pieces) == any(piece.is_hit for piece in pieces)

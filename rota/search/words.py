"""What a word is: a run of letters and digits, in queries as in the names and texts that they find."""

from __future__ import annotations

import unicodedata


def split_words(text: str) -> tuple[str, ...]:
    """Return the words of a text as they are written there; everything else parts them, underscores too.

    Marks that follow a letter belong to it: accents that are written apart, and the vowels of many scripts.
    """
    words: list[str] = []
    begin: int | None = None
    for place, character in enumerate(text):
        if begin is None:
            begin = place if character.isalnum() else None
        elif not is_inside(character):
            words.append(text[begin:place])
            begin = None
    return (*words, text[begin:]) if begin is not None else tuple(words)


def is_inside(character: str) -> bool:
    """Say whether a character goes on with a word that has begun."""
    return character.isalnum() or unicodedata.category(character).startswith("M")

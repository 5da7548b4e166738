"""Writes tsvectors and tsqueries. Pure.

PostgreSQL could take texts apart itself. But its parser decides by the locale of the database what a letter is, takes
1e5abc for a number and a word, fails on texts with too many words, and needs four times as long.

A lexeme is a word as it is written, folded; beginnings are looked for among those. Where its stem is another word, the
stem is there too, with a sign in front that no word has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

MOST_BYTES = 1_000_000
"""Of the lexemes of a document with their places, a little under what a tsvector takes."""

_STEM = "="
_LAST_PLACE = 16_383
_MOST_PLACES = 255
_GAP = 8
"""Places between two texts, so that no phrase goes from one into the other."""
_PER_LEXEME = 5
"""Bytes beside a word and its places: one to begin them at an even address, how many there are, and a stem's sign."""

_Places = dict[str, list[str]]


def vector_of(*texts: Sequence[str], stem_of: Mapping[str, str] | None = None) -> str:
    """Write the tsvector of a document whose texts have these words, as many of them as it can take.

    A phrase is found among the first 16,383 words, a word anywhere until there are too many different ones.
    """
    places = _places_of(texts)
    room = MOST_BYTES if stem_of is None else MOST_BYTES // 2
    # At most four bytes a character: few texts have to be measured.
    if 4 * sum(map(len, places)) + _PER_LEXEME * len(places) + 2 * sum(map(len, texts)) > room:
        places = _fitting(places, room)
    if stem_of is not None:
        places |= _stems(places, stem_of)
    return " ".join([f"'{lexeme}':{','.join(found[:_MOST_PLACES])}" for lexeme, found in places.items()])


def phrase_query(words: Sequence[str], *, is_prefix: bool = False, stem_of: Mapping[str, str] | None = None) -> str:
    """Write the tsquery for words that follow each other; of the last one only the beginning if it is a prefix."""
    whole = words[:-1] if is_prefix else words
    lexemes = [f"'{word}'" if stem_of is None else _stem_query(stem_of[word], stem_of) for word in whole]
    return " <-> ".join([*lexemes, f"'{words[-1]}':*"] if is_prefix else lexemes)


def _stem_query(stem: str, stem_of: Mapping[str, str]) -> str:
    # A word that is its own stem is in an index without the sign.
    return f"('{_STEM}{stem}' | '{stem}')" if stem_of[stem] == stem else f"'{_STEM}{stem}'"


def _places_of(texts: Sequence[Sequence[str]]) -> _Places:
    places: _Places = {}
    begin = 0
    for text in texts:
        for word, place in zip(text, _numbers()[begin:], strict=False):
            if word in places:
                places[word].append(place)
            else:
                places[word] = [place]
        for word in text[_LAST_PLACE - begin :]:
            places.setdefault(word, [str(_LAST_PLACE)])
        if text:
            begin = min(begin + len(text) + _GAP, _LAST_PLACE)
    return places


def _stems(places: _Places, stem_of: Mapping[str, str]) -> _Places:
    stems: _Places = {}
    for word, found in places.items():
        stem = stem_of[word]
        if stem != word:
            stems.setdefault(_STEM + stem, []).extend(found)
    return stems


@lru_cache(maxsize=1)
def _numbers() -> list[str]:
    return [str(place) for place in range(1, _LAST_PLACE + 1)]


def _fitting(places: _Places, room: int) -> _Places:
    """Leave out the last words that there is no room for."""
    taken: _Places = {}
    for word, found in places.items():
        room -= len(word.encode()) + _PER_LEXEME + 2 * min(len(found), _MOST_PLACES)
        if room < 0:
            break
        taken[word] = found
    return taken

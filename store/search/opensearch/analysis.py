"""How OpenSearch takes names and texts apart, said in its own terms. Pure.

Words part at everything that is not a letter, a mark or a digit; they are lowercased, accents are folded. Texts are
stemmed, and each word is kept as it was beside its stem, because prefixes are looked for among unstemmed words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import chain
from typing import Any

LONGEST_WORD = 255
"""Characters; longer words are found by their beginning. The index takes no word over 32 kB."""

_MARKS = (range(0x300, 0x370), range(0x591, 0x5BE), range(0x64B, 0x660), range(0x670, 0x671))
"""Accents that are written apart, and the points of Hebrew and Arabic."""
_ACCENTED = (range(0x370, 0x530), range(0x1F00, 0x2000))
"""Greek and Cyrillic: OpenSearch folds only what is near ASCII."""
_LETTERS = {"\u0438\u0306": "\u0439", "\u0418\u0306": "\u0419", "\u03c2": "\u03c3"}
"""The short i of Cyrillic is a letter of its own, and the sigma at the end of a word is not."""


def analysis(language: str) -> dict[str, Any]:
    """Give the analysis part of an index's settings: analyzers `words`, `stored_text` and `asked_text`."""
    filters: dict[str, Any] = {"cut": {"type": "truncate", "length": LONGEST_WORD}}
    # OpenSearch has no stemmer for Tamil.
    stemmed: list[str] = []
    if language not in ("none", "tamil"):
        filters["stems"] = {"type": "stemmer", "language": language}
        stemmed = ["stems"]
    repeated = ["keyword_repeat", *stemmed, "remove_duplicates"] if stemmed else []
    folded = ["lowercase", "asciifolding", "cut"]
    return {
        "char_filter": {"accents": {"type": "mapping", "mappings": list(_accents())}},
        "tokenizer": {"letters_and_digits": {"type": "pattern", "pattern": r"[^\p{L}\p{M}\p{N}]+"}},
        "filter": filters,
        "analyzer": {
            "words": _analyzer(folded),
            "stored_text": _analyzer([*folded, *repeated]),
            "asked_text": _analyzer([*folded, *stemmed]),
        },
    }


def _analyzer(filters: list[str]) -> dict[str, Any]:
    return {"type": "custom", "char_filter": ["accents"], "tokenizer": "letters_and_digits", "filter": filters}


def _accents() -> Iterator[str]:
    """Give the mappings that fold what `asciifolding` does not; the longest that fits a place counts."""
    for written, folded in _LETTERS.items():
        yield f"{written}=>{folded}"
    for code in chain(*_MARKS):
        yield f"\\u{code:04x}=>"
    for code in chain(*_ACCENTED):
        plain = "".join(mark for mark in unicodedata.normalize("NFKD", chr(code)) if not unicodedata.combining(mark))
        if plain != chr(code) and plain.isalpha() and chr(code) not in _LETTERS.values():
            yield f"\\u{code:04x}=>{plain}"

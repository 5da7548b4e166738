"""Folds texts to words, the same for every engine: what is indexed goes through here, and what is asked for too.

A word is a run of letters and digits, with the vowel signs that some scripts write as marks. Case goes, and accents go:
Café, CAFÉ and cafe are one word, however their accents are written. Everything else parts words.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

LONGEST_WORD = 255
"""Bytes of a folded word in UTF-8; longer ones are no words: nothing indexes them, and asking for one finds nothing."""

_BEYOND_ASCII = re.compile("[^\x00-\x7f]+")
_ASCII = str.maketrans({chr(code): chr(code).lower() if chr(code).isalnum() else " " for code in range(128)})
# Bytes of longer characters stay as they are: translating them so takes a tenth of the time that str.translate takes.
_ASCII_BYTES = bytes(ord(chr(code).translate(_ASCII)) if code < 128 else code for code in range(256))

# Letters whose stroke or tie is a part of them in Unicode, and none in people's minds.
_UNTIED = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ŧ": "t"}
    # The i without a dot, and the s at the end of Greek words.
    | {"\u0131": "i", "\u03c2": "\u03c3"}
)
_SHORT_I = "и\u0306"
_KANA_VOICE = 8
"""Combining class of what makes ka to ga: another letter, not an accent."""


def fold(text: str) -> str:
    """Return the words of a text in lower case and without accents, with spaces between them.

    It may begin, end and part words with several spaces; what follows each other in the text does so in the result.
    """
    if text.isascii():
        return text.translate(_ASCII)
    mixed = _BEYOND_ASCII.sub(_fold_match, text)
    return mixed.encode().translate(_ASCII_BYTES).decode()


def words_of(text: str) -> list[str]:
    """Return the folded words of a text, those that are too long left out."""
    return [word for word in fold(text).split() if len(word) <= LONGEST_WORD and len(word.encode()) <= LONGEST_WORD]


def _fold_match(match: re.Match[str]) -> str:
    run = match.group()
    return _fold_often(run) if len(run) <= 16 else _fold_run(run)


def _fold_run(run: str) -> str:
    apart = unicodedata.normalize("NFKD", run.lower()).lower().translate(_UNTIED).replace(_SHORT_I, "й")
    bare = "".join(mark for mark in apart if unicodedata.combining(mark) in (0, _KANA_VOICE))
    return "".join(map(_letter_or_space, unicodedata.normalize("NFC", bare)))


def _letter_or_space(mark: str) -> str:
    return mark if mark.isalnum() or unicodedata.category(mark) in ("Mn", "Mc") else " "


_fold_often = lru_cache(maxsize=8192)(_fold_run)

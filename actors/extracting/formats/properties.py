"""Reads what documents say of themselves in the words of Dublin Core, which all of them use with little changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from actors.extracting.formats.telling import MOST_VALUE, Telling, Word
from actors.extracting.formats.xml import Walker, local, walk
from actors.extracting.outcomes import Reason, Unextractable

_WORDS = {
    "title": Word.TITLE,
    "creator": Word.AUTHOR,
    "initial-creator": Word.AUTHOR,
    "subject": Word.SUBJECT,
    "description": Word.DESCRIPTION,
    "keywords": Word.KEYWORDS,
    "keyword": Word.KEYWORDS,
    "category": Word.SUBJECT,
    "created": Word.CREATED,
    "creation-date": Word.CREATED,
    "modified": Word.MODIFIED,
    "language": Word.LANGUAGE,
    "publisher": Word.PUBLISHER,
    "identifier": Word.IDENTIFIER,
    "rights": Word.COPYRIGHT,
    "date": Word.DATE,
}
OPEN_DOCUMENT = {**_WORDS, "date": Word.MODIFIED}
"""OpenDocument keeps the time of the last change as its date."""
PICTURE = {**_WORDS, "subject": Word.KEYWORDS, "City": Word.PLACE, "Country": Word.PLACE, "Headline": Word.TITLE}
"""Pictures keep their keywords as subjects, and tell places as attributes or elements of Photoshop."""

_DESCRIPTION = "Description"
"""The element of RDF that may have as attributes what else are elements in it."""


class _Properties(Walker):
    """Takes the values of elements, and of the list items in them, by the elements' names."""

    def __init__(self, telling: Telling, words: Mapping[str, Word] = _WORDS) -> None:
        super().__init__()
        self._telling = telling
        self._words = words
        self._word: Word | None = None
        self._name = ""
        self._value = ""

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == _DESCRIPTION:
            for key, value in attributes.items():
                if word := self._words.get(local(key)):
                    self._telling.add(word, value)
        elif self._word is None and (word := self._words.get(name)):
            self._word, self._name, self._value = word, name, ""

    def told(self, text: str) -> None:
        if self._word is not None and len(self._value) < MOST_VALUE:
            self._value += text

    def closed(self, name: str) -> None:
        if self._word is None or name not in (self._name, "li"):
            return
        self._telling.add(self._word, self._value)
        self._value = ""
        if name == self._name:
            self._word = None


def add_properties(chunks: Iterable[bytes], telling: Telling, words: Mapping[str, Word] = _WORDS) -> None:
    """Add what such a part tells; a part that is broken tells what is before the break.

    A document is worth reading though what it says of itself is not: only a part that was made to do harm ends it.
    """
    try:
        walk(chunks, _Properties(telling, words), "its properties")
    except Unextractable as error:
        if error.reason is not Reason.BROKEN:
            raise

"""Tells which words of a text are highlighted for a query."""

from __future__ import annotations

from collections.abc import Hashable

from rota.search.query import Phrase, Query, Word
from store.search.folding import words_of
from store.search.parts import sought
from store.search.tantivy.reading import Reader

_CHANGING_INITIALS = ("arabic", "dutch", "tamil", "turkish")
"""Languages whose stemmers take something from the beginnings of words; of all others a stem begins as its word."""


class Shown:
    """Which words of a text are highlighted; remembers what it was asked."""

    def __init__(self, query: Query, reader: Reader) -> None:
        self._stemmer = reader.stemmer
        self._stems: set[str] = set()
        self._beginnings: set[str] = set()
        self._known: dict[str, Hashable | None] = {}
        for asked in (part for part in sought(query.root) if part.where != "name"):
            self._add(asked)
        self.count = len(self._stems) + len(self._beginnings)
        """How many different words there are."""
        # Looking at one letter spares nine words of ten the stemmer.
        self._initials = {word[:1] for word in self._stems | self._beginnings}
        self._keeps_initials = reader.language not in _CHANGING_INITIALS

    def key_of(self, written: str) -> Hashable | None:
        """Tell which of the words it is, as it is written in a text."""
        if written not in self._known:
            self._known[written] = self._find(written) if self._may_be(written) else None
        return self._known[written]

    def _add(self, asked: Word | Phrase) -> None:
        words = words_of(asked.text if isinstance(asked, Word) else " ".join(asked.words))
        if isinstance(asked, Word) and asked.is_prefix:
            self._beginnings.update(words[-1:])
            words = words[:-1]
        self._stems.update(self._stemmer.analyze(" ".join(words)))

    def _may_be(self, written: str) -> bool:
        return not (self._keeps_initials and written.isascii() and written[0].lower() not in self._initials)

    def _find(self, written: str) -> Hashable | None:
        words = words_of(written)
        for word in words:
            for beginning in self._beginnings:
                if word.startswith(beginning):
                    return (beginning,)
        return next((stem for stem in self._stemmer.analyze(" ".join(words)) if stem in self._stems), None)

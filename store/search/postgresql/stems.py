"""Stems of words, asked of PostgreSQL once each."""

from __future__ import annotations

import threading
from collections.abc import Set as AbstractSet

from sqlalchemy import Connection

from store.bulk import driver_of

MOST_KNOWN = 50_000
"""Words of a language whose stems are remembered, which takes some ten megabytes; then it begins anew."""

# The dictionaries are made by the migrations: those that PostgreSQL has leave out words that are frequent.
_ASK = "SELECT word, (ts_lexize(%s, word))[1] FROM unnest(%s::text[]) AS word"


class Stems:
    """Knows the stems of folded words by language. Safe to use from several threads."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def of(self, conn: Connection, language: str, words: AbstractSet[str]) -> dict[str, str] | None:
        """Return the stem of each of these words; None for the language `none`, which has no stems."""
        if language == "none":
            return None
        # Words are added to it, and it is let go of as a whole: so reading it needs no lock.
        known = self._known.get(language, {})
        unknown = words - known.keys()
        found = {word: known[word] for word in words - unknown}
        if unknown:
            asked = _ask(conn, language, list(unknown))
            found.update(asked)
            self._remember(language, asked)
        return found

    def _remember(self, language: str, asked: dict[str, str]) -> None:
        with self._lock:
            known = self._known.get(language, {})
            if len(known) + len(asked) > MOST_KNOWN:
                known = {}
            known.update(asked)
            self._known[language] = known


def _ask(conn: Connection, language: str, words: list[str]) -> dict[str, str]:
    with driver_of(conn) as driver:
        rows = driver.execute(_ASK, (f"rota_{language}", words)).fetchall()
    return {word: stem or word for word, stem in rows}

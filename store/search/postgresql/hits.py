"""Reads what is shown of the hits on a page, and finds the pieces of their texts that show why they are there."""

# ruff: noqa: S608 -- the names of tables are made of numbers
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rota.search.query import Node, Phrase, Word
from store.search.engine import Hit, Piece
from store.search.folding import words_of
from store.search.parts import sought
from store.search.postgresql.asking import Asked, Candidate, Target
from store.search.postgresql.conditions import asked_words
from store.search.snippets import MOST_READ, snippet_of

_Row = tuple[Any, ...]


def read_hits(asked: Asked, targets: Sequence[Target], page: Sequence[Candidate]) -> list[Hit]:
    """Read the hits of a page, in its order."""
    wanted = _Wanted(asked.query.root)
    rows = _rows(asked, targets, page, f"left(d.text, {MOST_READ})" if wanted else "''")
    snippets = wanted.snippets(asked, targets, {key: row[-1] for key, row in rows.items() if row[-1]})
    hits = []
    for each in page:
        folder, name, kind, type_, size, modified_ns, meta, _ = rows[each.target, each.id]
        hits.append(
            Hit(
                datasource=targets[each.target].datasource,
                id=each.id,
                path=bytes(folder) + b"/" + bytes(name) if folder else bytes(name),
                kind=kind,
                type=type_,
                size=size,
                modified_ns=modified_ns,
                score=each.score,
                snippet=snippets.get((each.target, each.id), ()),
                meta=meta,
            )
        )
    return hits


def _rows(asked: Asked, targets: Sequence[Target], page: Sequence[Candidate], text: str) -> dict[tuple[int, int], _Row]:
    parts = []
    for number in sorted({each.target for each in page}):
        ids = ", ".join(str(each.id) for each in page if each.target == number)
        parts.append(
            f"SELECT {number}, d.id, d.folder, d.name, d.kind, d.type, d.size, d.modified_ns, d.meta, {text}"
            f" FROM {targets[number].table} AS d WHERE d.id IN ({ids})"
        )
    if not parts:
        return {}
    return {(target, number): tuple(row) for target, number, *row in asked.rows(" UNION ALL ".join(parts))}


class _Wanted:
    """The words of a query that a text may be shown for."""

    def __init__(self, root: Node | None) -> None:
        parts = [part for part in sought(root) if part.where != "name"]
        self._beginnings = {word for part in parts for word in _beginning(part)}
        self._words = {word for part in parts for word in _whole(part)}

    def __bool__(self) -> bool:
        return bool(self._beginnings or self._words)

    def snippets(
        self, asked: Asked, targets: Sequence[Target], texts: Mapping[tuple[int, int], str]
    ) -> dict[tuple[int, int], tuple[Piece, ...]]:
        """Find the best piece of each of these texts."""
        key_of = {
            language: self._key_of(asked, language, [text for (number, _), text in texts.items()
                                                     if targets[number].language == language])
            for language in {targets[number].language for number, _ in texts}
        }  # fmt: skip
        keys = len(self._beginnings) + len(self._words)
        return {key: snippet_of(text, key_of[targets[key[0]].language], keys) for key, text in texts.items()}

    def _key_of(self, asked: Asked, language: str, texts: Sequence[str]) -> Callable[[str], str | None]:
        """Make what tells which of the words asked for a word of these texts is."""
        words = self._words.union(*map(words_of, texts))
        stem_of = asked.stems.of(asked.conn, language, words) or {}
        stems = {stem_of.get(word, word) for word in self._words}
        beginnings = tuple(self._beginnings)
        known: dict[str, str | None] = {}

        def of_word(word: str) -> str | None:
            stem = stem_of.get(word, word)
            return stem if stem in stems else next(filter(word.startswith, beginnings), None)

        def key_of(written: str) -> str | None:
            if written not in known:
                known[written] = next(filter(None, map(of_word, words_of(written))), None)
            return known[written]

        return key_of


def _beginning(part: Word | Phrase) -> list[str]:
    return asked_words(part)[-1:] if isinstance(part, Word) and part.is_prefix else []


def _whole(part: Word | Phrase) -> list[str]:
    words = asked_words(part)
    return words[:-1] if isinstance(part, Word) and part.is_prefix else words

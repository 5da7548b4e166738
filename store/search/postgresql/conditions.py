"""Turns a query into SQL for the table of one generation, whose alias is `d`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rota.search.query import All, Below, Either, Extension, In, Modified, Node, Not, Of, Phrase, Size, Word
from store.search.folding import words_of
from store.search.postgresql.vectors import phrase_query

ALWAYS, NEVER = "TRUE", "FALSE"
_NAME_WEIGHT = 3.0
# Divides by the logarithm of how many words there are: a short name says more than a long one.
_BY_LENGTH = 1
_LEAST, _MOST = -(2**63), 2**63 - 1
_NS = 1_000_000
_KEY_BYTES = 512


class Values:
    """The values of a statement, each named once."""

    def __init__(self) -> None:
        self._names: dict[tuple[type, Any], str] = {}

    def put(self, value: str | bytes | int) -> str:
        """Take a value and give what stands for it in the statement."""
        name = self._names.setdefault((type(value), value), f"v{len(self._names)}")
        return f"%({name})s"

    def all(self) -> dict[str, Any]:
        """Give all values by name."""
        return {name: value for (_, value), name in self._names.items()}


class Conditions:
    """Writes the conditions of a query for one generation."""

    def __init__(self, values: Values, datasource: str, stem_of: Mapping[str, str] | None) -> None:
        self._values = values
        self._datasource = datasource
        self._stem_of = stem_of

    def of(self, node: Node | None) -> str:
        """Write the condition that a document is what is searched for."""
        match node:
            case None:
                return ALWAYS
            case Word() | Phrase():
                return self._words(node)
            case All(parts):
                return _all(map(self.of, parts))
            case Either(parts):
                return _either(map(self.of, parts))
            case Not(part):
                return _not(self.of(part))
            case _:
                return self._filter(node)

    def _filter(self, node: Extension | Size | Modified | In | Of | Below) -> str:
        match node:
            case In(datasource):
                return ALWAYS if datasource == self._datasource else NEVER
            case Below(path):
                return self._below(path)
            case Extension(text):
                return self._equals("d.extension", text)
            case Of(text):
                return self._equals("d.type", text)
            case Size(least, most):
                return _all(["d.kind <> 'folder'", self._between("d.size", least, most)])
            case Modified(since, until):
                first = None if since is None else since * _NS
                last = None if until is None else until * _NS - 1
                return self._between("d.modified_ns", first, last)

    def score(self, parts: Sequence[Word | Phrase]) -> str:
        """Write how well a document matches these: how often it has them, and where."""
        names = [self._query(each, stemmed=False) for each in parts if each.where != "text"]
        texts = [self._query(each, stemmed=True) for each in parts if each.where != "name"]
        ranks = [
            f"{weight} * ts_rank(d.{column}, {self._any_of(queries)}, {_BY_LENGTH})"
            for weight, column, queries in ((_NAME_WEIGHT, "name_words", names), (1.0, "text_words", texts))
            if any(queries)
        ]
        return " + ".join(ranks) or "0"

    def _words(self, node: Word | Phrase) -> str:
        found = []
        if node.where != "text":
            found.append(("name_words", self._query(node, stemmed=False)))
        if node.where != "name":
            found.append(("text_words", self._query(node, stemmed=True)))
        return _either(f"d.{column} @@ {self._any_of([query])}" for column, query in found if query)

    def _any_of(self, queries: Iterable[str]) -> str:
        return f"{self._values.put(' | '.join(f'({query})' for query in queries if query))}::tsquery"

    def _query(self, node: Word | Phrase, *, stemmed: bool) -> str:
        """Write a tsquery; empty if there is no word in it."""
        words = asked_words(node)
        is_prefix = isinstance(node, Word) and node.is_prefix
        stem_of = self._stem_of if stemmed else None
        return phrase_query(words, is_prefix=is_prefix, stem_of=stem_of) if words else ""

    def _equals(self, column: str, text: str) -> str:
        # No column holds what PostgreSQL has no place for.
        is_storable = "\0" not in text and text.encode("utf-8", "replace").decode() == text
        return f"{column} = {self._values.put(text)}" if is_storable else NEVER

    def _below(self, path: str) -> str:
        if not path:
            return ALWAYS
        try:
            folder = path.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # no path has such a name
            return NEVER
        inside = folder + b"/"
        # The index has the beginnings of paths only. 0 follows /, so nothing below the folder is beyond the end.
        first, end = self._values.put(inside[:_KEY_BYTES]), self._values.put((folder + b"0")[:_KEY_BYTES])
        key = "substr(d.folder, 1, 512)"
        among = f"{key} >= {first} AND {key} {'<' if len(inside) <= _KEY_BYTES else '<='} {end}"
        within = f"substr(d.folder, 1, {len(inside)}) = {self._values.put(inside)}"
        own = f"{key} = {self._values.put(folder[:_KEY_BYTES])} AND d.folder = {self._values.put(folder)}"
        return f"({own} OR {among} AND {within})"

    def _between(self, column: str, least: int | None, most: int | None) -> str:
        if (least is not None and least > _MOST) or (most is not None and most < _LEAST):
            return NEVER
        first = None if least is None else f"{column} >= {self._values.put(max(least, _LEAST))}"
        last = None if most is None else f"{column} <= {self._values.put(min(most, _MOST))}"
        return _all(filter(None, (first, last)))


def asked_words(node: Word | Phrase) -> list[str]:
    """Give the folded words that a part asks for, which follow each other."""
    texts = (node.text,) if isinstance(node, Word) else node.words
    return [word for text in texts for word in words_of(text)]


def in_names(node: Node) -> Node:
    """Narrow a query to what has its words in the name, where they may be anywhere."""
    match node:
        case Word() | Phrase():
            return replace(node, where="name") if node.where == "any" else node
        case All(parts) | Either(parts):
            return replace(node, parts=tuple(map(in_names, parts)))
    return node


def _all(conditions: Iterable[str]) -> str:
    needed = [each for each in conditions if each != ALWAYS]
    if NEVER in needed:
        return NEVER
    return _joined(" AND ", needed) if needed else ALWAYS


def _either(conditions: Iterable[str]) -> str:
    possible = [each for each in conditions if each != NEVER]
    if ALWAYS in possible:
        return ALWAYS
    return _joined(" OR ", possible) if possible else NEVER


def _not(condition: str) -> str:
    return {ALWAYS: NEVER, NEVER: ALWAYS}.get(condition) or f"NOT {condition}"


def _joined(word: str, conditions: list[str]) -> str:
    return f"({word.join(conditions)})"

"""Turns a query into tantivy's form; pure, nothing is searched here.

Words and phrases make the score, and everything else filters. Filters add a little too, so that what is found by a
filter alone (`report OR type:image`) has a score that can be spread; see `store.search.tantivy.ranking`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rota.errors import TooBroad
from rota.search.query import (
    All,
    Below,
    Either,
    Extension,
    In,
    Modified,
    Node,
    Not,
    Of,
    Phrase,
    Query,
    Size,
    Where,
    Word,
)
from store.search.folding import words_of
from store.search.parts import children
from store.search.tantivy.schema import NO_EXTENSION, key_of

if TYPE_CHECKING:
    import tantivy

MOST_EXPANDED = 30_000_000
"""Documents times short beginnings; a million documents with 30 of them take about 0.3 s."""
_SHORT = 2
_NAME_WEIGHT = 3.0
_FILTER_WEIGHT = 0.1
_LEAST, _MOST = -(2**63), 2**63 - 1
_FIELDS: dict[Where, tuple[str, ...]] = {"any": ("name", "text"), "name": ("name",), "text": ("text",)}


class Against(NamedTuple):
    """The index that a query is for."""

    schema: tantivy.Schema
    stemmer: tantivy.TextAnalyzer
    datasource: str
    is_stemmed: bool


def check_breadth(query: Query, documents: int) -> None:
    """Raise TooBroad if a query has too many short beginnings of words for an index of so many documents.

    Nothing else takes long: tantivy has to look at every word that begins so, and at all documents that have it.
    """
    short = {word.text for word in _words_in(query.root) if word.is_prefix and len(word.text) <= _SHORT}
    if len(short) * documents > MOST_EXPANDED:
        raise TooBroad(f"{len(short)} beginnings of words are too short for so many documents; write more of them")


def translate(query: Query, against: Against) -> tantivy.Query:
    """Turn a query into the form that the index is searched with."""
    import tantivy

    if query.root is None:
        return tantivy.Query.all_query()
    return _Translation(against).of(query.root)


def _words_in(node: Node | None) -> Iterator[Word]:
    if isinstance(node, Word):
        yield node
    elif node is not None:
        for child in children(node):
            yield from _words_in(child)


class _Translation:
    """One query on its way into tantivy's form."""

    def __init__(self, against: Against) -> None:
        import tantivy

        self._schema, self._stemmer, self._datasource, self._is_stemmed = against
        self._query = tantivy.Query
        self._occur = tantivy.Occur
        self._integer = tantivy.FieldType.Integer

    def of(self, node: Node) -> tantivy.Query:
        match node:
            case Word() | Phrase():
                return self._either([self._in_field(field, node) for field in _FIELDS[node.where]])
            case Either():
                return self._either([self.of(part) for part in dict.fromkeys(node.parts)])
            case All():
                return self._all(tuple(dict.fromkeys(node.parts)))
            case Not():
                return self._all((node,))
        return self._query.const_score_query(self._filter(node), _FILTER_WEIGHT)

    def _in_field(self, field: str, node: Word | Phrase) -> tantivy.Query:
        if isinstance(node, Phrase):
            return self._words(field, [word for given in node.words for word in words_of(given)])
        return self._prefix(field, node.text) if node.is_prefix else self._words(field, words_of(node.text))

    def _all(self, parts: Sequence[Node]) -> tantivy.Query:
        must, must_not = self._occur.Must, self._occur.MustNot
        made = [(must_not, self.of(part.part)) if isinstance(part, Not) else (must, self.of(part)) for part in parts]
        if all(isinstance(part, Not) for part in parts):
            made.append((must, self._query.const_score_query(self._query.all_query(), _FILTER_WEIGHT)))
        return self._query.boolean_query(made)

    def _either(self, queries: Sequence[tantivy.Query]) -> tantivy.Query:
        if len(queries) == 1:
            return queries[0]
        return self._query.boolean_query([(self._occur.Should, query) for query in queries])

    def _words(self, field: str, words: Sequence[str]) -> tantivy.Query:
        stemmed = self._stemmed(field, words)
        if not stemmed:
            return self._query.empty_query()
        if len(stemmed) == 1:
            return self._weighted(field, self._query.term_query(self._schema, field, stemmed[0]))
        return self._weighted(field, self._query.phrase_query(self._schema, field, list(stemmed)))

    def _prefix(self, field: str, text: str) -> tantivy.Query:
        words = words_of(text)
        if not words:
            return self._query.empty_query()
        spelled = "spelled" if field == "text" and self._is_stemmed else field
        # Folded words are letters and digits, so nothing in them means anything to a regular expression.
        beginning = self._query.regex_query(self._schema, spelled, f"{words[-1]}.*")
        if len(words) > 1:
            beginning = self._words(field, words[:-1]).and_must_match(beginning)
        return self._weighted(field, beginning)

    def _stemmed(self, field: str, words: Sequence[str]) -> Sequence[str]:
        return self._stemmer.analyze(" ".join(words)) if field == "text" else words

    def _weighted(self, field: str, query: tantivy.Query) -> tantivy.Query:
        return self._query.boost_query(query, _NAME_WEIGHT) if field == "name" else query

    def _filter(self, node: Node) -> tantivy.Query:
        match node:
            case Extension(text):
                return self._term("extension", text or NO_EXTENSION)
            case Of(kind):
                return self._term("type", kind)
            case Below(path):
                return self._below(path)
            case In(datasource):
                is_here = datasource == self._datasource
                return self._query.all_query() if is_here else self._query.empty_query()
            case Size(least, most):
                return self._range("size", least, most)
            case Modified(since, until):
                return self._range(
                    "modified",
                    None if since is None else since * 1_000_000,
                    None if until is None else until * 1_000_000 - 1,
                )
        raise TypeError(f"{type(node).__name__} is no part of a query")

    def _below(self, path: str) -> tantivy.Query:
        if not path:
            return self._query.all_query()
        try:
            return self._query.term_query(self._schema, "above", key_of(path.encode("utf-8", "surrogateescape")))
        except UnicodeEncodeError:  # no path has such a name
            return self._query.empty_query()

    def _term(self, field: str, text: str) -> tantivy.Query:
        try:
            return self._query.term_query(self._schema, field, text, index_option="basic")
        except ValueError:  # no text has half a character
            return self._query.empty_query()

    def _range(self, field: str, least: int | None, most: int | None) -> tantivy.Query:
        if least is None and most is None:
            # Open at both ends, and still only for what has such a number.
            least = _LEAST
        if (least is not None and least > _MOST) or (most is not None and most < _LEAST):
            return self._query.empty_query()
        return self._query.range_query(
            self._schema,
            field,
            self._integer,
            None if least is None else max(least, _LEAST),
            None if most is None else min(most, _MOST),
        )

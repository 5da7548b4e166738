"""Turns a parsed query into OpenSearch's own. Pure.

Words score; everything else only sifts. Each word is matched as a phrase: if the index splits it, its parts follow each
other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    Size,
    Where,
    Word,
)
from store.search.opensearch.layout import folder_of

NAME_WEIGHT = 3.0
"""How much more a hit in the name counts than one in the text."""

MOST_PARTS = 256
"""A word asks three fields, and OpenSearch takes 1,024 clauses."""
MOST_DEPTH = 24

_FIELDS: dict[Where, tuple[str, ...]] = {
    "any": ("name", "text", "meta"),
    "name": ("name",),
    "text": ("text", "meta"),
}
_TERMS: dict[type, str] = {Extension: "extension", In: "datasource", Of: "type"}
_FARTHEST = 2**63 - 1
_NS = 1_000_000

Clause = dict[str, Any]


def matching(root: Node | None) -> Clause:
    """Give the query for a root; whatever has no words matches with a score of 1.

    Raises TooBroad if it has more parts, or lies deeper, than OpenSearch takes by default.
    """
    if root is None:
        return {"match_all": {}}
    _measure(root)
    return _clause(root)


def _measure(root: Node) -> None:
    waiting, parts = [(root, 1)], 0
    while waiting:
        node, depth = waiting.pop()
        parts += 1
        if parts > MOST_PARTS or depth > MOST_DEPTH:
            raise TooBroad("the search has too many parts for OpenSearch")
        inner = node.parts if isinstance(node, All | Either) else [node.part] if isinstance(node, Not) else ()
        waiting += [(part, depth + 1) for part in inner]


def _clause(node: Node) -> Clause:
    match node:
        case Word() | Phrase():
            return _words(node)
        case All(parts):
            return _all(parts)
        case Either(parts):
            return _any_of([_clause(part) for part in parts])
        case Not():
            return _all([node])
    return {"constant_score": {"filter": _filter(node)}}


def _all(parts: Sequence[Node]) -> Clause:
    """Give the query for parts that must all be so: those with words score, the others sift."""
    scoring = [_clause(part) for part in parts if _scores(part)]
    sifting = [_filter(part) for part in parts if not _scores(part) and not isinstance(part, Not)]
    refused = [_clause(part.part) for part in parts if isinstance(part, Not)]
    return {"bool": {"must": scoring or [{"match_all": {}}], "filter": sifting, "must_not": refused}}


def _any_of(clauses: list[Clause]) -> Clause:
    return {"bool": {"should": clauses, "minimum_should_match": 1}}


def _scores(node: Node) -> bool:
    match node:
        case Word() | Phrase():
            return True
        case All(parts) | Either(parts):
            return any(_scores(part) for part in parts)
    return False


def _words(node: Word | Phrase) -> Clause:
    clauses = [_in_field(node, field) for field in _FIELDS[node.where]]
    return clauses[0] if len(clauses) == 1 else _any_of(clauses)


def _in_field(node: Word | Phrase, field: str) -> Clause:
    weight = NAME_WEIGHT if field == "name" else 1.0
    if isinstance(node, Phrase):
        return {"match_phrase": {field: {"query": " ".join(node.words), "boost": weight}}}
    if node.is_prefix:
        # The one query that folds a prefix as the index does, and knows no limit to how many words begin with it.
        asked = {"query": node.text, "analyzer": "words", "operator": "and", "boost": weight}
        return {"match_bool_prefix": {field: asked}}
    return {"match_phrase": {field: {"query": node.text, "boost": weight}}}


def _filter(node: Node) -> Clause:
    match node:
        case Extension(value) | In(value) | Of(value):
            return {"term": {_TERMS[type(node)]: value}}
        case Size(least, most):
            return {"bool": {"filter": [_between("size", least, most)], "must_not": [{"term": {"kind": "folder"}}]}}
        case Modified():
            return _modified(node)
        case Below():
            return _below(node)
    return _clause(node)


def _modified(node: Modified) -> Clause:
    since = None if node.since is None else node.since * _NS
    before = None if node.until is None else node.until * _NS - 1
    return _between("modified_ns", since, before)


def _between(field: str, least: int | None, most: int | None) -> Clause:
    """Give the query for a number; ends beyond what the index can hold are moved to what it can."""
    ends = {"gte": least, "lte": most}
    return {"range": {field: {end: _held(value) for end, value in ends.items() if value is not None}}}


def _held(value: int) -> int:
    return max(-_FARTHEST, min(value, _FARTHEST))


def _below(node: Below) -> Clause:
    folder = folder_of(node.path.encode(errors="surrogatepass"))
    if not folder:
        return {"match_all": {}}
    return _any_of([{"term": {"folder": folder}}, {"prefix": {"folder": f"{folder}/"}}])

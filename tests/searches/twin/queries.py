"""Queries of the twin: which documents match, how much each weighs (BM25), and which words are to be highlighted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from tests.searches.twin.indexes import Stored, TwinIndex
from tests.searches.twin.refusing import argument, only, parsing, single

Score = Callable[[Stored], float | None]
IsHit = Callable[[str], bool]


@dataclass(frozen=True)
class Matcher:
    """A query for one index."""

    score: Score
    """None for documents that do not match."""
    hits: Mapping[str, Sequence[IsHit]]
    """By field, what tells of a word whether it is highlighted."""


def matcher(index: TwinIndex, query: Any) -> Matcher:
    """Understand a query; raises Refused for what OpenSearch does not."""
    kind, body = single(query, "query")
    if kind not in _QUERIES:
        raise parsing(f"unknown query [{kind}]")
    return _QUERIES[kind](index, body)


def _match_all(_index: TwinIndex, body: Any) -> Matcher:
    only(body, ("boost",), "match_all")
    return Matcher(lambda stored: body.get("boost", 1.0), {})


def _bool(index: TwinIndex, body: Any) -> Matcher:
    only(body, ("must", "filter", "should", "must_not", "minimum_should_match", "boost"), "bool")
    parts = {
        name: [matcher(index, part) for part in body.get(name, ())] for name in ("must", "filter", "should", "must_not")
    }
    least = body.get("minimum_should_match", 0 if parts["must"] or parts["filter"] else min(1, len(parts["should"])))

    def score(stored: Stored) -> float | None:
        if any(part.score(stored) is not None for part in parts["must_not"]):
            return None
        if any(part.score(stored) is None for part in parts["filter"]):
            return None
        must = [part.score(stored) for part in parts["must"]]
        should = [found for part in parts["should"] if (found := part.score(stored)) is not None]
        if None in must or len(should) < least:
            return None
        return sum(found for found in must if found) + sum(should)

    wanted = [part for name in ("must", "filter", "should") for part in parts[name]]
    fields = {name for part in wanted for name in part.hits}
    return Matcher(score, {name: [one for part in wanted for one in part.hits.get(name, ())] for name in fields})


def _constant_score(index: TwinIndex, body: Any) -> Matcher:
    only(body, ("filter", "boost"), "constant_score")
    inner = matcher(index, body["filter"])
    return Matcher(lambda stored: None if inner.score(stored) is None else body.get("boost", 1.0), inner.hits)


def _term(index: TwinIndex, body: Any) -> Matcher:
    name, value = single(body, "term")
    if name == "_index":
        return _either(value == index.name)
    return _equal(index, name, [value])


def _terms(index: TwinIndex, body: Any) -> Matcher:
    name, values = single(body, "terms")
    if not isinstance(values, list):
        raise parsing("[terms] query does not support that")
    if len(values) > 65_536:
        raise argument("The number of terms has exceeded the allowed maximum of [65536]")
    return _equal(index, name, values)


def _equal(index: TwinIndex, name: str, values: Sequence[Any]) -> Matcher:
    _searched(index, name, ("keyword", "long"))
    wanted = set(values)
    return Matcher(lambda stored: 1.0 if stored.source.get(name) in wanted else None, {})


def _prefix(index: TwinIndex, body: Any) -> Matcher:
    name, value = single(body, "prefix")
    _searched(index, name, ("keyword",))
    return Matcher(lambda stored: 1.0 if str(stored.source.get(name, "")).startswith(value) else None, {})


def _range(index: TwinIndex, body: Any) -> Matcher:
    name, ends = single(body, "range")
    only(ends, ("gt", "gte", "lt", "lte"), "range")
    _searched(index, name, ("long",))
    if any(not -(2**63) <= end < 2**63 for end in ends.values()):
        raise argument("Value is out of range for a long")

    def is_inside(value: int | None) -> bool:
        if value is None:
            return False
        least = ends.get("gte", ends["gt"] + 1 if "gt" in ends else value)
        most = ends.get("lte", ends["lt"] - 1 if "lt" in ends else value)
        return bool(least <= value <= most)

    return Matcher(lambda stored: 1.0 if is_inside(stored.source.get(name)) else None, {})


def _match_phrase(index: TwinIndex, body: Any) -> Matcher:
    name, asked = single(body, "match_phrase")
    only(asked, ("query", "analyzer", "boost", "slop", "zero_terms_query"), "match_phrase")
    _searched(index, name, ("text",))
    tokens = index.analyzer(name, asked.get("analyzer"))(asked["query"])
    if not tokens:
        return _either(False)
    terms = [token.term for token in tokens]
    weights = index.weights(name)
    rarity = sum(
        log(1 + (weights.documents - weights.having[term] + 0.5) / (weights.having[term] + 0.5)) for term in terms
    )

    def score(stored: Stored) -> float | None:
        found = stored.tokens.get(name, ())
        often = _often(terms, {(token.term, token.position) for token in found})
        if not often:
            return None
        length = 1.2 * (0.25 + 0.75 * len(found) / weights.average)
        return float(asked.get("boost", 1.0) * rarity * often / (often + length))

    return Matcher(score, {name: [set(terms).__contains__]})


def _often(terms: Sequence[str], places: set[tuple[str, int]]) -> int:
    starts = [position for term, position in places if term == terms[0]]
    return sum(all((term, start + step) in places for step, term in enumerate(terms)) for start in starts)


def _match_bool_prefix(index: TwinIndex, body: Any) -> Matcher:
    name, asked = single(body, "match_bool_prefix")
    only(asked, ("query", "analyzer", "operator", "boost", "minimum_should_match"), "match_bool_prefix")
    _searched(index, name, ("text",))
    if asked.get("operator", "or") != "and":
        raise argument("the twin knows the operator and only")
    tokens = index.analyzer(name, asked.get("analyzer"))(asked["query"])
    if not tokens:
        return _either(False)
    *whole, last = [token.term for token in tokens]

    def is_match(stored: Stored) -> bool:
        terms = {token.term for token in stored.tokens.get(name, ())}
        return all(term in terms for term in whole) and any(term.startswith(last) for term in terms)

    hits: list[IsHit] = [set(whole).__contains__, lambda term: term.startswith(last)]
    return Matcher(lambda stored: asked.get("boost", 1.0) if is_match(stored) else None, {name: hits})


def _either(always: bool) -> Matcher:
    return Matcher(lambda stored: 1.0 if always else None, {})


def _searched(index: TwinIndex, name: str, kinds: Sequence[str]) -> None:
    """Refuse a query on a field that has none, or another kind; OpenSearch finds nothing then, which nobody wants."""
    declared = index.properties.get(name)
    if declared is None or declared["type"] not in kinds:
        raise argument(f"field [{name}] is no {' or '.join(kinds)}")
    if not declared.get("index", True):
        raise argument(f"Cannot search on field [{name}] since it is not indexed.")


_QUERIES: Mapping[str, Callable[[TwinIndex, Any], Matcher]] = {
    "match_all": _match_all,
    "bool": _bool,
    "constant_score": _constant_score,
    "term": _term,
    "terms": _terms,
    "prefix": _prefix,
    "range": _range,
    "match_phrase": _match_phrase,
    "match_bool_prefix": _match_bool_prefix,
}

"""Searches of the twin: the body of `_search`, and its answer."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.searches.twin.indexes import Stored, TwinIndex
from tests.searches.twin.queries import IsHit, Matcher, matcher
from tests.searches.twin.refusing import argument, only, parsing, single

_BODY = (
    "query", "size", "sort", "search_after", "_source", "docvalue_fields", "track_total_hits", "timeout",
    "highlight", "aggs", "collapse",
)  # fmt: skip
MOST_HITS = 10_000


class Match(NamedTuple):
    """A document that matches."""

    owner: TwinIndex
    matcher: Matcher
    stored: Stored
    score: float


def search(indexes: Sequence[TwinIndex], body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a search."""
    only(body, _BODY, "search")
    size = body.get("size", 10)
    if size > MOST_HITS:
        raise argument(f"Result window is too large, from + size must be less than or equal to: [{MOST_HITS}]")
    matches = _matches(indexes, body.get("query", {"match_all": {}}))
    sort = body.get("sort", [{"_score": "desc"}])
    for one in sort:
        _check_sort(indexes, *single(one, "sort"))
    ordered = sorted(matches, key=lambda match: _order(match, sort))
    if "search_after" in body:
        behind = _behind(body["search_after"], sort)
        ordered = [match for match in ordered if _order(match, sort) > behind]
    if "collapse" in body:
        only(body["collapse"], ("field",), "collapse")
        ordered = list({match.stored.source[body["collapse"]["field"]]: match for match in reversed(ordered)}.values())
    counted = body.get("track_total_hits", 10_000)
    answer: dict[str, Any] = {
        "took": 1,
        "timed_out": False,
        "_shards": {"total": len(indexes), "successful": len(indexes), "skipped": 0, "failed": 0},
        "hits": {
            "total": {"value": min(len(matches), counted), "relation": "eq" if len(matches) <= counted else "gte"},
            "max_score": None,
            "hits": [_hit(match, body, sort) for match in ordered[:size]],
        },
    }
    if "aggs" in body:
        answer["aggregations"] = {name: _aggregation(matches, asked) for name, asked in body["aggs"].items()}
    return answer


def _matches(indexes: Sequence[TwinIndex], query: Any) -> list[Match]:
    found: list[Match] = []
    for index in indexes:
        matching = matcher(index, query)
        for stored in index.refreshed.values():
            score = matching.score(stored)
            if score is not None:
                found.append(Match(index, matching, stored, _float(score)))
    return found


def _float(number: float) -> float:
    """Round to what OpenSearch computes with."""
    return float(struct.unpack("f", struct.pack("f", number))[0])


def _check_sort(indexes: Sequence[TwinIndex], name: str, order: Any) -> None:
    if order not in ("asc", "desc"):
        raise parsing(f"[sort] unknown order [{order}]")
    for index in indexes:
        declared = index.properties.get(name)
        if name != "_score" and (declared is None or declared["type"] not in ("keyword", "long")):
            raise argument(f"No mapping found for [{name}] in order to sort on")


def _value(match: Match, name: str) -> Any:
    return match.score if name == "_score" else match.stored.source.get(name)


def _order(match: Match, sort: Sequence[Mapping[str, str]]) -> tuple[Any, ...]:
    return tuple(_place(_value(match, name), order) for name, order in map(dict.popitem, map(dict, sort)))


def _behind(values: Sequence[Any], sort: Sequence[Mapping[str, str]]) -> tuple[Any, ...]:
    if len(values) != len(sort):
        raise argument(f"search_after has {len(values)} value(s) but sort has {len(sort)}.")
    names = [next(iter(one.items())) for one in sort]
    return tuple(
        _place(_float(value) if name == "_score" else value, order)
        for value, (name, order) in zip(values, names, strict=True)
    )


def _place(value: Any, order: str) -> Any:
    return -value if order == "desc" else value


def _hit(match: Match, body: Mapping[str, Any], sort: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    asked = body.get("_source", True)
    source = match.stored.source
    hit: dict[str, Any] = {
        "_index": match.owner.name,
        "_id": match.stored.id,
        "_score": match.score,
        "sort": [_value(match, next(iter(one))) for one in sort],
    }
    if asked:
        hit["_source"] = dict(source) if asked is True else {name: source[name] for name in asked if name in source}
    if "docvalue_fields" in body:
        hit["fields"] = {name: [source[name]] for name in body["docvalue_fields"] if name in source}
        for name in body["docvalue_fields"]:
            if match.owner.properties[name]["type"] == "text":
                raise argument(f"Text fields are not optimised for operations that require per-document data: [{name}]")
    if "highlight" in body and (shown := _highlighted(match, body["highlight"])):
        hit["highlight"] = shown
    return hit


def _highlighted(match: Match, asked: Mapping[str, Any]) -> dict[str, list[str]]:
    only(asked, ("fields", "pre_tags", "post_tags"), "highlight")
    found: dict[str, list[str]] = {}
    for name, options in asked["fields"].items():
        only(options, ("fragment_size", "number_of_fragments"), "highlight_field")
        text = match.stored.source.get(name, "")
        if len(text.encode("utf-16-le")) // 2 > match.owner.longest_highlighted:
            raise argument(f"The length of [{name}] field of [{match.stored.id}] doc has exceeded the allowed maximum")
        fragment = _fragment(match, name, text, options["fragment_size"], (asked["pre_tags"][0], asked["post_tags"][0]))
        if fragment:
            found[name] = [fragment]
    return found


def _fragment(match: Match, name: str, text: str, size: int, tags: tuple[str, str]) -> str:
    tells: Sequence[IsHit] = match.matcher.hits.get(name, ())
    found = {
        (token.start, token.end): text[token.start : token.end].lower()
        for token in match.stored.tokens.get(name, ())
        if any(is_hit(token.term) for is_hit in tells)
    }
    if not found:
        return ""
    first = _best(found, size)
    start = text.rfind(" ", 0, max(0, first - size // 4)) + 1
    end = start + size
    parts: list[str] = []
    at = start
    for begin, after in sorted(found):
        if begin >= first and (after <= end or begin == first):
            parts += [text[at:begin], tags[0], text[begin:after], tags[1]]
            at = after
    return "".join(parts) + text[at : max(at, end)]


def _best(found: Mapping[tuple[int, int], str], size: int) -> int:
    """Say with which word the fragment begins that has most different ones; the first of them."""
    places = sorted(found)
    inside: Counter[str] = Counter()
    best, start, last = 0, places[0][0], 0
    for begin, end in places:
        while last < len(places) and places[last][1] <= begin + size * 3 // 4:
            inside[found[places[last]]] += 1
            last += 1
        if len(+inside) > best:
            best, start = len(+inside), begin
        inside[found[begin, end]] -= 1
    return start


def _aggregation(matches: Sequence[Match], asked: Any) -> dict[str, Any]:
    kind, body = single(asked, "aggs")
    if kind == "terms":
        only(body, ("field", "size"), "terms")
        counts = Counter(
            match.stored.source[body["field"]] for match in matches if body["field"] in match.stored.source
        )
        return {"buckets": [{"key": key, "doc_count": n} for key, n in counts.most_common(body["size"])]}
    if kind != "composite":
        raise parsing(f"Unknown aggregation type [{kind}]")
    only(body, ("size", "sources", "after"), "composite")
    [source] = body["sources"]
    name, of = single(source, "sources")
    only(of, ("terms",), "sources")
    only(of["terms"], ("field",), "terms")
    counts = Counter(match.stored.source.get(of["terms"]["field"]) for match in matches)
    counts.pop(None, None)
    keys = sorted(key for key in counts if "after" not in body or key > body["after"][name])[: body["size"]]
    answer: dict[str, Any] = {"buckets": [{"key": {name: key}, "doc_count": counts[key]} for key in keys]}
    if keys:
        answer["after_key"] = {name: keys[-1]}
    return answer

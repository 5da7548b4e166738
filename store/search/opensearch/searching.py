"""What a search asks OpenSearch for, and what its answers mean. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rota.errors import NotFound, TemporaryError, TooBroad
from store.search.engine import Found, Hit, Piece, Position
from store.search.opensearch.layout import SHOWN, digits, path_of, visible
from store.search.opensearch.wire import Answer

COUNTED = 10_000
"""Hits that are counted exactly; beyond it there are at least so many."""
SNIPPET = 200
"""Characters that a snippet has, nearly."""
MOST_SNIPPET = 240

_ORDER = [{"_score": "desc"}, {"datasource": "asc"}, {"id": "asc"}]


def request_of(
    query: Mapping[str, Any],
    commits: Mapping[str, int],
    *,
    limit: int,
    after: Position | None,
    facets: bool,
    seconds: float,
    mark: str,
) -> dict[str, Any]:
    """Give the body of a search of indexes as they were after these commits; hits are put between `mark`s."""
    body: dict[str, Any] = {
        "query": {"bool": {"must": [query], "filter": [_seen(commits)]}},
        "size": limit + 1,
        "sort": _ORDER,
        "_source": list(SHOWN),
        "track_total_hits": COUNTED,
        "timeout": f"{max(1, int(seconds * 1000))}ms",
        "highlight": {
            "fields": {"text": {"fragment_size": SNIPPET, "number_of_fragments": 1}},
            "pre_tags": [mark],
            "post_tags": [mark],
        },
    }
    if after is not None:
        body["search_after"] = [after.score, after.datasource, digits(after.id)]
    if facets:
        body["aggs"] = {
            "types": {"terms": {"field": "type", "size": 100}},
            "datasources": {"terms": {"field": "datasource", "size": len(commits)}},
        }
    return body


def request_for_one(query: Mapping[str, Any], commits: Mapping[str, int], position: Position) -> dict[str, Any]:
    """Give the body of a search for the hit at a position, wherever it stands by now."""
    filters = [{"term": {"datasource": position.datasource}}, {"term": {"id": digits(position.id)}}]
    only = {"bool": {"must": [query], "filter": [*filters, _seen(commits)]}}
    return {"query": only, "size": 1, "_source": False, "sort": _ORDER}


def moved(position: Position, answer: Answer) -> Position:
    """Give the position as it is now, by the answer to `request_for_one`; as it was if its hit is gone.

    What was added and removed since the last page moves the scores of all hits, as it tells how rare a word is.
    """
    hits = answer["hits"]["hits"]
    return position._replace(score=float(hits[0]["sort"][0])) if hits else position


def _seen(commits: Mapping[str, int]) -> dict[str, Any]:
    """Give the query for what there is in indexes after these commits."""
    seen = [{"bool": {"filter": [{"term": {"_index": index}}, visible(commit)]}} for index, commit in commits.items()]
    return {"bool": {"should": seen, "minimum_should_match": 1}}


def check(answer: Answer, place: str, seconds: float) -> None:
    """Raise the error for an answer that is not whole."""
    if answer["timed_out"]:
        raise TooBroad(f"the search takes longer than {seconds:g} s")
    if not answer["_shards"]["failed"]:
        return
    kinds = {failure["reason"]["type"] for failure in answer["_shards"].get("failures", ())}
    if "index_not_found_exception" in kinds:
        raise NotFound("an index is gone")
    raise TemporaryError(f"{place}: a part of an index cannot be searched now")


def found_in(answers: Sequence[Answer], *, limit: int, facets: bool, mark: str) -> Found:
    """Join the answers about several groups of indexes to one page; one more hit was asked for than it has."""
    hits = [_hit(hit, mark) for answer in answers for hit in answer["hits"]["hits"]]
    hits.sort(key=lambda hit: (-hit.score, hit.datasource, hit.id))
    totals = [answer["hits"]["total"] for answer in answers]
    datasources = _counted(answers, "datasources") if facets else {}
    total = sum(datasources.values()) if facets else sum(total["value"] for total in totals)
    return Found(
        hits=tuple(hits[:limit]),
        total=total,
        is_exact=facets or all(each["relation"] == "eq" for each in totals),
        is_more=len(hits) > limit,
        types=_counted(answers, "types") if facets else {},
        datasources=datasources,
    )


def _counted(answers: Iterable[Answer], name: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for answer in answers:
        counts.update({bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"][name]["buckets"]})
    return dict(counts)


def _hit(hit: Mapping[str, Any], mark: str) -> Hit:
    source = hit["_source"]
    folder, name = path_of(source["folder"]), path_of(source["raw_name"])
    fragments = hit.get("highlight", {}).get("text", ())
    return Hit(
        datasource=source["datasource"],
        id=int(source["id"]),
        path=b"%s/%s" % (folder, name) if folder else name,
        kind=source["kind"],
        type=source["type"],
        size=source["size"],
        modified_ns=source["modified_ns"],
        score=float(hit["sort"][0]),
        snippet=pieces_of(fragments[0], mark) if fragments else (),
        meta=source["meta"],
    )


def pieces_of(fragment: str, mark: str) -> tuple[Piece, ...]:
    """Take a snippet apart at its marks; what goes beyond the length of a snippet is left out."""
    pieces: list[Piece] = []
    room = MOST_SNIPPET
    for place, part in enumerate(fragment.split(mark)):
        # A sentence may be long: what counts is what stands around its first hit.
        text = (part if place else part[-(SNIPPET // 2) :])[:room]
        room -= len(text)
        if text:
            pieces.append(Piece(text, place % 2 == 1))
    return tuple(pieces)

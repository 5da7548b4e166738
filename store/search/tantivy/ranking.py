"""Orders the hits of one index, and finds where a page begins.

Hits are ordered by score, then by id, but tantivy breaks ties by where a document lies, which changes with every merge.
So each score is multiplied by a number between 1.00 and 1.02 that comes from the id: few scores are equal then, and
those few are sorted here. Where nothing is scored, tantivy sorts by id itself.

Scores change a little with everything that is added, for how rare a word is counts. So a page begins behind the
document that the last one ended with, wherever that is now; if it is gone, behind the score that it had.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rota.errors import TooBroad
from store.search.engine import Position

if TYPE_CHECKING:
    import tantivy

EVEN_SCORE = 1.0
"""The score of all hits where nothing is scored."""
_MOST_ID = 2**63
_FIRST = 64
_DEEPER = 8
MOST_DEEP = 100_000
"""Hits of a search for words that are gone through for one page; who turns pages further has to ask for less."""
_DRIFT = 0.8
"""Part of its score below which nobody looks for the document that a page ended with."""


class Ranked(NamedTuple):
    """A hit before anything was read of it."""

    score: float
    id: int
    address: tantivy.DocAddress


class Ranking(NamedTuple):
    """The hits of one index that come next, and how many there are in all, before and behind."""

    hits: Sequence[Ranked]
    total: int


class Wanted(NamedTuple):
    """What is wanted of one index: so many hits behind a position."""

    datasource: str
    after: Position | None
    number: int
    deadline: float
    """By `time.monotonic`."""


def rank_evenly(searcher: tantivy.Searcher, schema: tantivy.Schema, query: tantivy.Query, wanted: Wanted) -> Ranking:
    """Give the next hits of a query that scores nothing, by id."""
    import tantivy

    total = total_of(searcher.search(query, 1))
    least = _least_id(wanted)
    if least is None:
        return Ranking([], total)
    if least > 0:
        behind = tantivy.Query.range_query(schema, "id", tantivy.FieldType.Unsigned, least)
        query = query.and_must_match(behind)
    found = searcher.search(query, wanted.number, count=False, order_by_field="id", order=tantivy.Order.Asc)
    return Ranking([Ranked(EVEN_SCORE, key, address) for key, address in found.hits], total)


def rank(searcher: tantivy.Searcher, query: tantivy.Query, wanted: Wanted) -> Ranking:
    """Give the next hits of a query that scores, the best first."""
    depth = wanted.number + _FIRST
    if wanted.after is not None:
        depth *= _DEEPER
    while True:
        found = searcher.search(query, depth, weight_by_field="spread")
        total = total_of(found)
        hits = found.hits
        is_all = len(hits) >= total
        # Of those with the last score, some may be missing.
        sure = hits if is_all else [hit for hit in hits if hit[0] > hits[-1][0]]
        ids = searcher.fast_field_values("id", [address for _, address in sure])
        ranked = sorted(
            (Ranked(score, int(key or 0), address) for (score, address), key in zip(sure, ids, strict=True)),
            key=lambda hit: (-hit.score, hit.id),
        )
        behind = _behind(ranked, wanted, is_all=is_all)
        if is_all or (behind is not None and len(behind) >= wanted.number):
            return Ranking((behind or [])[: wanted.number], total)
        check_time(wanted.deadline)
        if depth >= MOST_DEEP:
            raise TooBroad(f"pages end after some {MOST_DEEP:,} hits; ask for something narrower")
        depth = min(depth * _DEEPER, MOST_DEEP)


def check_time(deadline: float) -> None:
    """Raise TooBroad once the time is up."""
    if time.monotonic() > deadline:
        raise TooBroad("the search took too long; ask for something narrower, or in fewer datasources")


def total_of(found: tantivy.SearchResult) -> int:
    """Say how many documents a search matched, those that it does not give too."""
    return int(found.count)  # type: ignore[attr-defined]  # the stub file forgets it


def place_of(hit: Position) -> tuple[float, str, int]:
    """Give what hits are sorted by."""
    return (-hit.score, hit.datasource, hit.id)


def _least_id(wanted: Wanted) -> int | None:
    """Say from which id on hits of one score are behind the position; None if none is."""
    after = wanted.after
    if after is None or place_of(Position(EVEN_SCORE, wanted.datasource, -1)) > place_of(after):
        return 0
    if place_of(Position(EVEN_SCORE, wanted.datasource, _MOST_ID)) <= place_of(after):
        return None
    return after.id + 1


def _behind(ranked: Sequence[Ranked], wanted: Wanted, *, is_all: bool) -> Sequence[Ranked] | None:
    """Give the hits behind the position; None if it may lie deeper."""
    after = wanted.after
    if after is None:
        return ranked
    if after.datasource == wanted.datasource:
        for place, hit in enumerate(ranked):
            if hit.id == after.id:
                return ranked[place + 1 :]
        if not is_all and ranked and ranked[-1].score > after.score * _DRIFT:
            return None
    end = place_of(after)
    return [hit for hit in ranked if place_of(Position(hit.score, wanted.datasource, hit.id)) > end]

"""Finds the hits of searches for words, the best first.

What matches is found at once. PostgreSQL tells how well a document matches only by reading its words, so not more than
some are compared: those with the words in their names, and of the others as many as fit. The rest follows them.
"""

# ruff: noqa: S608 -- conditions name their values, and the names of tables are made of numbers
from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from math import log
from operator import mul

from rota.search.query import Node
from store.search.engine import Found, Position
from store.search.parts import sought
from store.search.postgresql.asking import Asked, Candidate, Target
from store.search.postgresql.conditions import in_names
from store.search.postgresql.hits import read_hits

MOST_FOUND = 5_000
"""Documents that are found; the total and the facets count them, and pages end with them."""
MOST_COMPARED = 2_000
"""Documents among them that are compared; how well the others match is not known, so they come last."""
_MOST_WEIGHED = 8
"""Words and phrases that weigh by how rare they are. Each takes another look at every document; more are one."""

_Key = tuple[int, int]
"""Which of the targets a document is in, and its id."""


def search_compared(asked: Asked, targets: Sequence[Target]) -> Found:
    """Search for words, and compare what matches."""
    root = asked.query.root
    assert root is not None
    types = _matching(asked, targets, root, MOST_FOUND)
    chosen = list(types)
    if len(types) > MOST_COMPARED:
        in_name = _matching(asked, targets, in_names(root), MOST_COMPARED)
        chosen = list(in_name | types)[:MOST_COMPARED]
        types = in_name | types
    scores = _scores(_ranks(asked, targets, chosen))
    # Targets are sorted by datasource, so their numbers stand for it.
    order = sorted((-scores.get(key, 0.0), *key) for key in types)
    behind = order if asked.after is None else order[_end_of(asked.after, order, targets) :]
    page = [Candidate(target, document, -less) for less, target, document in behind[: asked.limit]]
    return Found(
        hits=read_hits(asked, targets, page),
        total=len(order),
        is_exact=len(order) < MOST_FOUND,
        is_more=len(behind) > asked.limit,
        types=Counter(types.values()) if asked.facets else {},
        datasources=Counter(targets[target].datasource for target, _ in types) if asked.facets else {},
    )


def _matching(asked: Asked, targets: Sequence[Target], node: Node, most: int) -> dict[_Key, str]:
    """Find documents that match, with their types; if there are very many, some of each target come first."""
    found = _found(asked, targets, node, most, of_each=most)
    if len(found) < most or len(targets) == 1:
        return found
    return _found(asked, targets, node, most, of_each=max(1, most // len(targets))) | found


def _found(asked: Asked, targets: Sequence[Target], node: Node, most: int, *, of_each: int) -> dict[_Key, str]:
    parts = [
        f"(SELECT {number} AS target, d.id, d.type FROM {target.table} AS d"
        f" WHERE {target.conditions.of(node)} LIMIT {of_each})"
        for number, target in enumerate(targets)
    ]
    if not parts:
        return {}
    rows = asked.rows(f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS found LIMIT {most}")
    return {(target, document): type_ for target, document, type_ in rows}


def _ranks(asked: Asked, targets: Sequence[Target], chosen: Sequence[_Key]) -> dict[_Key, Sequence[float]]:
    """Read how well documents match each of the words and phrases."""
    wanted = list(sought(asked.query.root))
    groups = [[part] for part in wanted] if len(wanted) <= _MOST_WEIGHED else [wanted]
    parts = []
    for number in sorted({target for target, _ in chosen}):
        table, conditions = targets[number].table, targets[number].conditions
        ranks = ", ".join(f"({conditions.score(group)})::float8" for group in groups)
        ids = ", ".join(str(document) for target, document in chosen if target == number)
        parts.append(f"SELECT {number}, d.id, {ranks} FROM {table} AS d WHERE d.id = ANY('{{{ids}}}'::bigint[])")
    if not parts:
        return {}
    return {(target, document): ranks for target, document, *ranks in asked.rows(" UNION ALL ".join(parts))}


def _scores(ranks: Mapping[_Key, Sequence[float]]) -> dict[_Key, float]:
    """Tell how well each document matches as a whole: what few of them have weighs more."""
    weights = [
        log(1 + len(ranks) / max(1, sum(rank > 0 for rank in of_all))) for of_all in zip(*ranks.values(), strict=True)
    ]
    return {key: sum(map(mul, weights, own)) for key, own in ranks.items()}


def _end_of(page: Position, order: Sequence[tuple[float, int, int]], targets: Sequence[Target]) -> int:
    """Find where the hits behind a position begin."""
    datasources = [target.datasource for target in targets]
    place = bisect_left(datasources, page.datasource)
    if page.datasource in datasources:
        return bisect_right(order, (-page.score, place, page.id))
    return bisect_left(order, (-page.score, place))

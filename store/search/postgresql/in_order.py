"""Finds the hits of searches in which none is better than another: by datasource and id, page by page, to the end."""

# ruff: noqa: S608 -- conditions name their values, and the names of tables are made of numbers
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from store.search.engine import Found
from store.search.postgresql.asking import Asked, Candidate, Target
from store.search.postgresql.hits import read_hits

MOST_COUNTED = 10_000
"""Documents that are counted; pages go on behind them."""
SCORE = 1.0


def search_in_order(asked: Asked, targets: Sequence[Target]) -> Found:
    """Search for anything but words."""
    counts = _counts(asked, targets)
    total = sum(count for _, _, count in counts)
    types: Counter[str] = Counter()
    datasources: Counter[str] = Counter()
    if asked.facets:
        for target, type_, count in counts:
            types[type_] += count
            datasources[targets[target].datasource] += count
    page = _page(asked, targets, asked.limit + 1)
    return Found(
        hits=read_hits(asked, targets, page[: asked.limit]),
        total=min(total, MOST_COUNTED),
        is_exact=total <= MOST_COUNTED,
        is_more=len(page) > asked.limit,
        types=types,
        datasources=datasources,
    )


def _counts(asked: Asked, targets: Sequence[Target]) -> list[tuple[int, str, int]]:
    """Count what matches by target and type, up to one more than are counted."""
    parts = [
        f"(SELECT {number} AS target, d.type FROM {target.table} AS d"
        f" WHERE {target.conditions.of(asked.query.root)} LIMIT {MOST_COUNTED + 1})"
        for number, target in enumerate(targets)
    ]
    if not parts:
        return []
    found = f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS found LIMIT {MOST_COUNTED + 1}"
    rows = asked.rows(f"SELECT target, type, count(*) FROM ({found}) AS counted GROUP BY target, type")
    return [(target, type_, count) for target, type_, count in rows]


def _page(asked: Asked, targets: Sequence[Target], most: int) -> list[Candidate]:
    after = asked.after
    if after is not None and after.score < SCORE:
        return []
    parts = []
    for number, target in enumerate(targets):
        condition = target.conditions.of(asked.query.root)
        if after is not None and after.score == SCORE:
            if target.datasource < after.datasource:
                continue
            if target.datasource == after.datasource:
                condition = f"{condition} AND d.id > {asked.values.put(after.id)}"
        parts.append(
            f"(SELECT {number} AS target, d.id FROM {target.table} AS d WHERE {condition} ORDER BY d.id LIMIT {most})"
        )
    if not parts:
        return []
    rows = asked.rows(f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS found ORDER BY 1, 2 LIMIT {most}")
    return [Candidate(target, document, SCORE) for target, document in rows]

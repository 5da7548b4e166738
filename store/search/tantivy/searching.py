"""Answers a search: asks each index, merges what they found, and reads what is shown of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rota.search.query import Query
from rota.search.types import TYPES, type_of
from store.search.engine import Found, Hit, Position
from store.search.parts import sought
from store.search.snippets import snippet_of
from store.search.tantivy.borders import translated
from store.search.tantivy.ranking import Ranking, Wanted, check_time, rank, rank_evenly
from store.search.tantivy.reading import Reader
from store.search.tantivy.schema import body_of, kept_of
from store.search.tantivy.showing import Shown
from store.search.tantivy.translating import Against, check_breadth, translate

if TYPE_CHECKING:
    import tantivy


class Asked(NamedTuple):
    """What somebody asks for."""

    query: Query
    limit: int
    after: Position | None
    facets: bool
    deadline: float
    """By `time.monotonic`."""


class View(NamedTuple):
    """One index as it is now."""

    datasource: str
    reader: Reader
    searcher: tantivy.Searcher

    def against(self) -> Against:
        """Give what a query is translated for."""
        return Against(self.reader.schema, self.reader.stemmer, self.datasource, self.reader.stemmed)


class _Line(NamedTuple):
    """A hit with the view that it is from."""

    score: float
    datasource: str
    id: int
    address: tantivy.DocAddress
    view: View


def answer(views: Iterable[View], asked: Asked) -> Found:
    """Search all indexes and give the page of the best hits."""
    lines: list[_Line] = []
    total = 0
    types: Counter[str] = Counter()
    datasources: Counter[str] = Counter()
    for view in views:
        check_time(asked.deadline)
        check_breadth(asked.query, view.searcher.num_docs)
        query = translate(asked.query, view.against())
        with translated(view.reader.folder):
            ranking = _rank(view, query, asked)
            if asked.facets and ranking.total:
                datasources[view.datasource] += ranking.total
                types.update(_types(view, query))
        lines += [_Line(hit.score, view.datasource, hit.id, hit.address, view) for hit in ranking.hits]
        total += ranking.total
    lines.sort(key=lambda line: (-line.score, line.datasource, line.id))
    return Found(
        hits=_hits(lines[: asked.limit], asked),
        total=total,
        is_more=len(lines) > asked.limit,
        types=dict(types),
        datasources=dict(datasources),
    )


def _rank(view: View, query: tantivy.Query, asked: Asked) -> Ranking:
    wanted = Wanted(view.datasource, asked.after, asked.limit + 1, asked.deadline)
    if next(sought(asked.query.root), None) is not None:
        return rank(view.searcher, query, wanted)
    return rank_evenly(view.searcher, view.reader.schema, query, wanted)


def _types(view: View, query: tantivy.Query) -> dict[str, int]:
    counted = view.searcher.aggregate(query, {"types": {"terms": {"field": "type", "size": len(TYPES) + 1}}})
    return {bucket["key"]: bucket["doc_count"] for bucket in counted["types"]["buckets"]}


def _hits(lines: Sequence[_Line], asked: Asked) -> Sequence[Hit]:
    """Read what is shown of the hits; once the time is up, without snippets."""
    shown: dict[str, Shown] = {}
    hits = []
    for line in lines:
        if line.datasource not in shown:
            shown[line.datasource] = Shown(asked.query, line.view.reader)
        hits.append(_hit(line, shown[line.datasource], is_late=time.monotonic() > asked.deadline))
    return hits


def _hit(line: _Line, shown: Shown, *, is_late: bool) -> Hit:
    with translated(line.view.reader.folder):
        document = line.view.searcher.doc(line.address)
    kept = kept_of(document)
    return Hit(
        datasource=line.datasource,
        id=line.id,
        path=kept.folder + b"/" + kept.name if kept.folder else kept.name,
        kind=kept.kind,
        type=type_of(kept.name.decode("utf-8", "replace"), kept.kind),
        size=kept.size,
        modified_ns=kept.modified_ns,
        score=line.score,
        snippet=() if is_late or not shown.count else snippet_of(body_of(document), shown.key_of, shown.count),
        meta=kept.meta,
    )

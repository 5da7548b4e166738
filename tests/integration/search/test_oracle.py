"""Random documents and random queries: every engine finds what looking at each document finds, and nothing else."""

from __future__ import annotations

import contextlib
from collections import Counter
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings

from rota.errors import TooBroad
from rota.search.query import All, Either, Node, Not, Query, Word
from rota.search.types import type_of
from store.search.engine import Document, Engine, Index
from tests.searches.documents import document, every_hit, fill, search
from tests.searches.oracle import ENGLISH, is_found
from tests.searches.strategies import odd_queries, queries, several

_generations = count(1)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@pytest.mark.parametrize("language", ["none", "english"])
@given(first=several(), second=several(), root=queries, other=queries)
@FEW
def test_a_query_finds_what_it_must(
    engine: Engine, language: str, first: list[Document], second: list[Document], root: Node, other: Node
) -> None:
    generation = next(_generations)
    indexes = [
        fill(engine, documents, datasource=datasource, generation=generation, language=language)
        for datasource, documents in (("alpha", first), ("beta", second))
    ]
    stems = ENGLISH if language == "english" else {}

    for node in (root, other, None):
        wanted = {
            (datasource, one.id): one
            for datasource, documents in (("alpha", first), ("beta", second))
            for one in documents
            if is_found(node, one, datasource, stems)
        }
        found = search(engine, node, *indexes, facets=True)
        assert {(hit.datasource, hit.id) for hit in found.hits} == set(wanted), node
        assert found.total == len(found.hits) == len(wanted)
        assert not found.is_more
        assert found.types == Counter(type_of(one.name.decode("utf-8", "replace"), one.kind) for one in wanted.values())
        assert found.datasources == Counter(datasource for datasource, _ in wanted)
        assert every_hit(engine, node, indexes, limit=2) == list(found.hits)
        for hit in found.hits:
            one = wanted[hit.datasource, hit.id]
            assert hit.path == (one.folder + b"/" + one.name if one.folder else one.name)
            assert (hit.kind, hit.size, hit.modified_ns, hit.meta) == (one.kind, one.size, one.modified_ns, one.meta)
    _drop(engine, indexes)


@given(root=odd_queries)
@settings(FEW, max_examples=150)
def test_no_query_however_odd_is_an_error(engine: Engine, root: Node) -> None:
    index = Index("alpha", 0, fill(engine, [], generation=0).shape)
    if not engine.statistics("alpha", 0).documents:
        fill(engine, [document("report.txt", "of the year"), document(b"\xff", kind="folder")], generation=0)

    with contextlib.suppress(TooBroad):
        search(engine, root, index, facets=True)


def test_a_query_of_too_many_parts_is_too_broad(engine: Engine) -> None:
    index = fill(engine, [document()])

    with pytest.raises(TooBroad):
        engine.search(Query("", Either(tuple(Word(f"word{n}") for n in range(5000)))), [index], limit=10, seconds=60)


def test_a_query_that_lies_too_deep_is_too_broad(engine: Engine) -> None:
    index = fill(engine, [document()])
    root: Node = Word("x")
    for _ in range(5000):
        root = Not(All((root, Word("y"))))

    with pytest.raises(TooBroad):
        engine.search(Query("", root), [index], limit=10, seconds=60)


def _drop(engine: Engine, indexes: list[Index]) -> None:
    for index in indexes:
        engine.drop(index.datasource, index.generation)

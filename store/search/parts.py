"""Walks through the parts of a query: what every engine has to know of it before it searches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rota.errors import TooBroad
from rota.search.query import All, Either, Node, Not, Phrase, Query, Word

MOST_PARTS = 500
MOST_DEPTH = 50


def check_size(query: Query) -> None:
    """Raise TooBroad for a query of more parts, or deeper ones, than anybody's; the parser makes none."""
    parts = 0
    level: list[Node] = [] if query.root is None else [query.root]
    for _ in range(MOST_DEPTH):
        if not level:
            return
        parts += sum(len(node.words) if isinstance(node, Phrase) else 1 for node in level)
        if parts > MOST_PARTS:
            break
        level = [child for node in level for child in children(node)]
    if level:
        raise TooBroad("the query has too many parts; ask for fewer at a time")


def sought(node: Node | None) -> Iterator[Word | Phrase]:
    """Give the words and phrases that make hits better or worse: all but what must not be there."""
    if isinstance(node, Word | Phrase):
        yield node
    elif node is not None and not isinstance(node, Not):
        for child in children(node):
            yield from sought(child)


def named(node: Node | None) -> Iterator[Word | Phrase]:
    """Give all words and phrases, those that must not be there too."""
    if isinstance(node, Word | Phrase):
        yield node
    elif node is not None:
        for child in children(node):
            yield from named(child)


def children(node: Node) -> Sequence[Node]:
    """Give the parts that a part is made of."""
    if isinstance(node, All | Either):
        return node.parts
    return (node.part,) if isinstance(node, Not) else ()

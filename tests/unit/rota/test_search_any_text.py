"""Whatever is typed: it is a query or an error with a place, quickly, and what was understood can be written again."""

import time

from hypothesis import example, given
from hypothesis import strategies as st

from rota.errors import InvalidQuery
from rota.search.dates import FIRST_YEAR, LAST_YEAR
from rota.search.parsing import MAX_CHARACTERS, parse_query
from rota.search.query import All, Below, Either, Extension, In, Modified, Node, Not, Of, Phrase, Query, Size, Word
from rota.search.types import TYPES, extension_of
from rota.search.words import split_words
from rota.search.writing import written
from rota.times import parse_rfc3339

NOW = parse_rfc3339("2026-03-31T10:00:00Z")

_PIECES = [
    *'()"*-:,./\\ “”«»',
    *("OR ", " AND ", "NOT ", "name:", "text:", "ext:", "type:", "size:", "modified:", "datasource:", "in:", "nmae:"),
    *("..", ">=", "<", "10MB", "7d", "2026-01", "today", "image", "pdf", "word", "naïve", "a_b", "P1Y", "9" * 25),
]
odd_texts = st.lists(st.sampled_from(_PIECES) | st.text(max_size=5), max_size=80).map("".join)


@given(st.text() | odd_texts, st.sampled_from(["UTC", "Europe/Paris", "Pacific/Apia"]))
@example("(" * 1000, "UTC")
@example("NOT " * 250, "UTC")
@example("-" * 999 + "a", "UTC")
@example('"\\' * 500, "UTC")
@example("a*" * 500, "UTC")
@example("a" * 100_000, "UTC")
@example("modified:1900 " * 60, "Europe/Paris")
@example("abcdefgh:a " * 90, "UTC")
def test_any_text_is_a_query_or_an_error_with_a_place(text, zone):
    begun = time.thread_time()
    found = understood(text, zone)
    taken = time.thread_time() - begun

    assert taken < 0.05
    if isinstance(found, InvalidQuery):
        assert 0 <= found.position < len(text)
        assert 1 <= found.length <= len(text) - found.position
        assert str(found)
    elif len(written(found.root)) <= MAX_CHARACTERS:
        assert parse_query(written(found.root), now_ms=NOW).root == found.root


def understood(text: str, zone: str) -> Query | InvalidQuery:
    try:
        return parse_query(text, now_ms=NOW, zone=zone)
    except InvalidQuery as error:
        return error


words = st.text(min_size=1, max_size=12).map(split_words).filter(bool).map(lambda found: found[0])
places = st.sampled_from(["any", "name", "text"])
bounds = st.integers(0, 2**63 - 1) | st.none()
moments = st.integers(parse_rfc3339(f"{FIRST_YEAR}-01-02T00:00:00Z"), parse_rfc3339(f"{LAST_YEAR}-12-31T00:00:00Z"))


@st.composite
def sizes(draw: st.DrawFn) -> Size:
    ends = sorted(draw(st.lists(st.integers(0, 2**63 - 1), min_size=2, max_size=2)))
    return draw(st.sampled_from([Size(ends[0], ends[1]), Size(least=ends[0]), Size(most=ends[0])]))


@st.composite
def times(draw: st.DrawFn) -> Modified:
    since, until = sorted(draw(st.lists(moments, min_size=2, max_size=2)))
    return draw(st.sampled_from([Modified(since, until + 1), Modified(since=since), Modified(until=until)]))


_leaves = (
    st.builds(Word, words, places, st.booleans())
    | st.builds(Phrase, st.lists(words, min_size=2, max_size=4).map(tuple), places)
    | st.builds(Extension, st.text(max_size=10).map(lambda end: extension_of(f"a.{end}")).filter(str.isalnum))
    | st.just(Extension(""))
    | sizes()
    | times()
    | st.builds(In, st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True))
    | st.builds(Of, st.sampled_from(TYPES))
    | st.builds(
        Below, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/.\0"), min_size=1, max_size=9)
    )
)


def _combined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(inner, min_size=2, max_size=3, unique=True)
    return (
        parts.map(lambda nodes: _flat(All, nodes))
        | parts.map(lambda nodes: _flat(Either, nodes))
        | inner.map(lambda node: node.part if isinstance(node, Not) else Not(node))
    )


def _flat(kind: type[All] | type[Either], nodes: list[Node]) -> Node:
    flat = dict.fromkeys(part for node in nodes for part in (node.parts if isinstance(node, kind) else (node,)))
    return kind(tuple(flat)) if len(flat) > 1 else next(iter(flat))


@given(st.recursive(_leaves, _combined, max_leaves=8))
def test_what_is_written_is_read_as_the_same(root):
    text = written(root)
    if len(text) <= MAX_CHARACTERS:
        assert parse_query(text, now_ms=NOW).root == root

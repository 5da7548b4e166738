"""Random documents and queries of few words, so that much is found, and odd ones that nobody would write."""

from __future__ import annotations

from hypothesis import strategies as st

from rota.search.query import All, Below, Either, Extension, In, Modified, Node, Not, Of, Phrase, Size, Where, Word
from store.search.engine import Document
from tests.searches.documents import NOW_NS

_WORDS = st.sampled_from(
    ["report", "reports", "Reported", "running", "run", "House", "houses", "café", "CAFE", "cafe\u0301", "Straße",
     "strasse", "a", "ab", "abc", "2026", "1e5", "ход", "Ход", "naïve"]
)  # fmt: skip
_GAPS = st.sampled_from([" ", "_", "-", ", ", "\n", " \u2019 ", "."])
_FOLDERS = st.sampled_from([b"", b"a", b"a/b", b"ab", b"a b/c", b"odd\xff", "é".encode()])
_ENDINGS = st.sampled_from(["", ".txt", ".PDF", ".tar.gz", ".jpg", "."])
_WHERE: st.SearchStrategy[Where] = st.sampled_from(["any", "name", "text"])
_SIZES = st.sampled_from([0, 1, 99, 100, 101, 2**40])
_TIMES = st.sampled_from([0, 1, NOW_NS, NOW_NS + 1, NOW_NS - 1, -1])


@st.composite
def _texts(draw: st.DrawFn, most: int = 8) -> str:
    words = draw(st.lists(_WORDS, max_size=most))
    return "".join(word + draw(_GAPS) for word in words)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Draw a document; folders have neither size nor text."""
    kind = draw(st.sampled_from(["file", "file", "file", "folder", "link"]))
    name = (draw(_texts(most=3)) or "x").replace("\n", "") + draw(_ENDINGS)
    return Document(
        id=draw(st.integers(1, 2**63 - 1)),
        content=draw(st.integers(1, 2**63 - 1)) if kind == "file" else 0,
        folder=draw(_FOLDERS),
        name=name.encode() + (draw(st.sampled_from([b"", b"\xfe"])) if kind == "link" else b""),
        kind=kind,
        size=draw(_SIZES) if kind != "folder" else 0,
        modified_ns=draw(_TIMES),
        text=draw(_texts()) if kind == "file" else "",
        meta=draw(_texts(most=3)) if kind == "file" else "",
    )


def several() -> st.SearchStrategy[list[Document]]:
    """Draw some documents with different ids."""
    return st.lists(documents(), max_size=10, unique_by=lambda document: document.id)


_milliseconds = st.none() | st.sampled_from([0, 1, NOW_NS // 1_000_000, NOW_NS // 1_000_000 + 1, -1])
_leaves: st.SearchStrategy[Node] = st.one_of(
    st.builds(Word, _WORDS, _WHERE),
    st.builds(
        Word, st.sampled_from(["r", "rep", "report", "runn", "CA", "é", "ho", "1", "стр", "х"]), _WHERE, st.just(True)
    ),
    st.builds(Phrase, st.tuples(_WORDS, _WORDS), _WHERE),
    st.builds(Extension, st.sampled_from(["", "txt", "pdf", "gz", "jpg"])),
    st.builds(Size, st.none() | _SIZES, st.none() | _SIZES),
    st.builds(Modified, _milliseconds, _milliseconds),
    st.builds(In, st.sampled_from(["alpha", "beta", "gamma"])),
    st.builds(Of, st.sampled_from(["folder", "link", "text", "document", "archive", "other"])),
    st.builds(Below, st.sampled_from(["a", "a/b", "a b", "c", "é", "A"])),
)


def _joined(inside: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(inside, min_size=2, max_size=3).map(tuple)
    return st.builds(Not, inside) | st.builds(All, parts) | st.builds(Either, parts)


queries: st.SearchStrategy[Node] = st.recursive(_leaves, _joined, max_leaves=6)
"""Queries as people could have written them."""

_odd_texts = st.text(st.characters(), max_size=12) | st.sampled_from(
    [
        "\x00",
        "\ud800",
        "",
        "*",
        "é" * 300,
        "x" * 3000,
        "a:b",
        "\u0301",
        "½",
        "।",
        "\U0010ffff",
        "AND",
        ".*",
        "(",
        "[a",
    ]
)
_odd_numbers = st.none() | st.integers() | st.sampled_from([2**63, -(2**63) - 1, 2**64, 10**30, -(10**30)])
_odd_leaves: st.SearchStrategy[Node] = st.one_of(
    st.builds(Word, _odd_texts, _WHERE, st.booleans()),
    st.builds(Phrase, st.lists(_odd_texts, max_size=5).map(tuple), _WHERE),
    st.builds(Extension, _odd_texts),
    st.builds(Size, _odd_numbers, _odd_numbers),
    st.builds(Modified, _odd_numbers, _odd_numbers),
    st.builds(In, _odd_texts),
    st.builds(Of, _odd_texts),
    st.builds(Below, _odd_texts),
)
odd_queries: st.SearchStrategy[Node] = st.recursive(_odd_leaves, _joined, max_leaves=12)
"""Queries that only a program could make."""

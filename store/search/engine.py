"""The interface of an index engine, with its promises; one suite of tests holds every engine to them.

Each datasource has an index of its own, and an index has generations: one is searched (it is live), and another may be
built beside it. An engine knows nothing of catalogs: what to put in, and which generation is live, others decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from rota.search.query import Query

MOST_TEXT = 1_000_000
"""Characters of text that a document has at most; whoever extracts cuts it."""


class Document(NamedTuple):
    """What an index knows of one entry."""

    id: int
    """63 bits, unsigned: names this state of this entry. Another path, size, time or content has another."""
    content: int
    """63 bits: the same for entries with the same content, so that its text is found again; 0 where there is none."""
    folder: bytes
    """Path of the folder that it is in, empty for the root."""
    name: bytes
    kind: str
    """file, folder or link."""
    size: int
    modified_ns: int
    text: str = ""
    """What the file contains, as far as it is text; empty if it has none or nobody asked for it."""
    meta: str = ""
    """What the file says of itself (title, author, artist …), a line each as `name: value`. Searched with the text."""


class Texts(NamedTuple):
    """What was extracted from a content before."""

    text: str
    meta: str


class Shape(NamedTuple):
    """What a generation was built for; another shape needs another generation."""

    contents: bool
    language: str
    """One of `rota.datasources.Language`; words are stemmed by it, `none` not at all. Accents are folded always."""
    extractors: str
    """Names the extractors and their versions."""


class Writer(Protocol):
    """Writes one generation of one index; one writer at a time.

    What was added and removed since the last commit is searched from the commit on, all of it or nothing, whatever
    kills the process. Memory is bounded however much lies between two commits. Not safe to use from several threads.
    """

    def known(self, folders: Sequence[bytes]) -> Mapping[bytes, Mapping[int, int]]:
        """Give the ids of the committed documents that are in these folders themselves, with their contents.

        Every folder that was asked for has an answer. An id that was committed twice is told once.
        """

    def folders(self) -> Iterator[bytes]:
        """Give every folder that committed documents are in, once each, in any order; read bit by bit."""

    def texts(self, contents: Sequence[int]) -> Mapping[int, Texts]:
        """Give what is stored of those of these contents that committed documents have; empty texts too."""

    def remove(self, ids: Iterable[int]) -> None:
        """Remove documents; nothing happens for ids that are not there. Applies to what was added before, not after."""

    def add(self, documents: Iterable[Document]) -> None:
        """Add documents, whose ids are not there, or were removed before."""

    def commit(self) -> None:
        """Make all of it last, and let it be searched."""

    def close(self) -> None:
        """Let go of the index, and of what was not committed; twice is fine."""


class Index(NamedTuple):
    """A generation that is to be searched."""

    datasource: str
    generation: int
    shape: Shape


class Position(NamedTuple):
    """Where a page of hits ended; the next one begins behind it."""

    score: float
    datasource: str
    id: int


class Piece(NamedTuple):
    """A piece of a snippet."""

    text: str
    is_hit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One entry that was found."""

    datasource: str
    id: int
    path: bytes
    kind: str
    type: str
    """See `rota.search.types`."""
    size: int
    modified_ns: int
    score: float
    """Greater is better; only comparable within one search."""
    snippet: tuple[Piece, ...] = ()
    """The best piece of its text, at most some 200 characters; empty where only the name or nothing was asked for."""
    meta: str = ""

    @property
    def position(self) -> Position:
        """Its place among the hits."""
        return Position(self.score, self.datasource, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page of hits, the best first; equal scores by datasource and id."""

    hits: Sequence[Hit]
    total: int
    """How many there are in all; at least so many unless `is_exact`."""
    is_exact: bool = True
    """Whether the total and the facets count every hit."""
    is_more: bool = False
    """Whether there are hits behind this page."""
    types: Mapping[str, int] = field(default_factory=dict)
    """How many hits there are of each type; only if they were asked for."""
    datasources: Mapping[str, int] = field(default_factory=dict)


class Statistics(NamedTuple):
    """How large a generation is."""

    documents: int
    bytes: int
    """On disk, nearly."""


class Engine(Protocol):
    """Keeps indexes; any number of processes may search while one writes. Safe to use from several threads."""

    name: str

    def writer(self, datasource: str, generation: int, shape: Shape) -> Writer:
        """Open a generation for writing, and make it if it is not there.

        Raises TemporaryError while somebody else writes to it, PermanentError if it is broken or has another form.
        """

    def search(
        self,
        query: Query,
        indexes: Sequence[Index],
        *,
        limit: int,
        after: Position | None = None,
        facets: bool = False,
        seconds: float = 1.0,
    ) -> Found:
        """Search these indexes and give the hits behind a position.

        Raises NotFound if one of them is gone meanwhile (ask again which are live), rota.errors.TooBroad if it takes
        longer than these seconds, TemporaryError if the engine is away, PermanentError if an index is broken. No query
        leads to any other error.
        """

    def statistics(self, datasource: str, generation: int) -> Statistics:
        """Give the size of a generation; zeros if it is not there."""

    def generations(self, datasource: str) -> Sequence[int]:
        """Give the generations that are there, in any state, sorted."""

    def datasources(self) -> Sequence[str]:
        """Give the datasources that have any generation, sorted."""

    def drop(self, datasource: str, generation: int) -> None:
        """Remove a generation; searches in it end as they can. Nothing happens if it is not there."""

    def close(self) -> None:
        """Let go of everything; twice is fine."""

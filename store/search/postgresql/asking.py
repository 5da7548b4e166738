"""One search: what is asked of which generations, and the time that is left for it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from rota.errors import NotFound, TooBroad
from rota.search.query import Query
from store.bulk import driver_of
from store.search.engine import Index, Position
from store.search.parts import named
from store.search.postgresql import generations
from store.search.postgresql.conditions import NEVER, Conditions, Values, asked_words
from store.search.postgresql.stems import Stems

_NEARLY_MS = 30
"""What a search may take longer than it should; so not each of its statements needs another one to limit it."""


class Target(NamedTuple):
    """A generation that may have hits."""

    datasource: str
    language: str
    table: str
    conditions: Conditions


class Candidate(NamedTuple):
    """A document on the page."""

    target: int
    """Which of the targets it is in."""
    id: int
    score: float


class Clock:
    """Tells how much of the time that a search may take is left."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._told_ms: int | None = None

    def news_ms(self) -> int | None:
        """Return the milliseconds that are left, None if they are nearly what was told last; TooBroad if none is."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.too_broad()
        ms = max(1, round(left * 1000))
        if self._told_ms is not None and self._told_ms - ms < _NEARLY_MS:
            return None
        self._told_ms = ms
        return ms

    def too_broad(self) -> TooBroad:
        """Make the error of a search that took too long."""
        return TooBroad(f"the search took longer than {self._seconds:g} s: ask for something narrower")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search on its way through its statements, which are all in one transaction."""

    conn: Connection
    stems: Stems
    clock: Clock
    query: Query
    limit: int
    after: Position | None
    facets: bool
    values: Values = field(default_factory=Values)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement with the values, in the time that is left."""
        with driver_of(self.conn) as driver, driver.cursor(binary=True) as cursor:
            if (left := self.clock.news_ms()) is not None:
                cursor.execute(f"SET LOCAL statement_timeout = {left}")
            found: list[tuple[Any, ...]] = cursor.execute(statement, self.values.all()).fetchall()
        return found

    def targets(self, indexes: Sequence[Index]) -> list[Target]:
        """Find the generations that may have hits, by datasource; NotFound if one of them is gone."""
        found = generations.find_all(self.conn, [index.datasource for index in indexes])
        words = {word for part in named(self.query.root) for word in asked_words(part)}
        targets = []
        for index in sorted(indexes):
            generation = found.get((index.datasource, index.generation))
            if generation is None:
                raise NotFound(f"generation {index.generation} of the index of {index.datasource!r} is gone")
            language = generation.shape.language
            stem_of = self.stems.of(self.conn, language, words)
            if stem_of is not None:
                stem_of |= self.stems.of(self.conn, language, set(stem_of.values())) or {}
            conditions = Conditions(self.values, index.datasource, stem_of)
            if conditions.of(self.query.root) != NEVER:
                targets.append(Target(index.datasource, language, generation.table, conditions))
        return targets

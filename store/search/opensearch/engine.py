"""Indexes in OpenSearch 2 and 3: for many machines, and for more than one PostgreSQL holds.

OpenSearch has no transactions. Here every document says which commit added and which one removed it, and a search first
asks for the number of each index's last commit and then for what there was after it (see `writer` and `fence`). So a
commit is seen whole or not at all, whatever kills the writer. One thing is weaker than the interface promises: a search
that began before a commit and still runs after the next one may miss what the first of them removed. Nobody sees half
of a commit for longer than that search.

Words of Tamil are not stemmed: OpenSearch cannot. Everything here was written from OpenSearch's documentation and
tested against a twin of the part of its API that is used; it was never run against a real server.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from hashlib import blake2b

from rota.clock import Clock, SystemClock
from rota.errors import PermanentError
from rota.search.query import Query
from store.batches import batches
from store.search.engine import Found, Index, Position, Shape, Statistics
from store.search.opensearch.asking import Asking
from store.search.opensearch.fence import CONTROL, control_alias, control_of
from store.search.opensearch.layout import index_name, marks, marks_in, new_index, visible
from store.search.opensearch.matching import matching
from store.search.opensearch.searching import found_in, moved, request_for_one, request_of
from store.search.opensearch.wire import Answer, Declined, Wire
from store.search.opensearch.writer import OpenSearchWriter

SEARCHED = 24
"""Indexes that one request searches: their names stand in its first line, which may have 4 kB."""


class OpenSearchEngine:
    """Keeps each generation in an index of its own, `<prefix>-<datasource>-<generation>`.

    `url` may carry a user and a password. Nothing is opened before the first call, and every call may raise
    TemporaryError while OpenSearch is away or busy, and PermanentError if it refuses the user or is something else.
    """

    name = "opensearch"

    def __init__(self, url: str, *, prefix: str, clock: Clock | None = None) -> None:
        self._wire = Wire(url)
        self._prefix = prefix
        self._clock = clock or SystemClock()

    def writer(self, datasource: str, generation: int, shape: Shape) -> OpenSearchWriter:
        """Open a generation for writing, and make it if it is not there."""
        index = index_name(self._prefix, datasource, generation)
        wanted = marks(self._prefix, datasource, generation, shape)["rota"]
        found = self._mappings(index)
        if not found:
            self._make(index, datasource, generation, shape)
            found = self._mappings(index)
        if marks_in(found.get(index, {})) != wanted:
            raise PermanentError(f"{self._wire.place}: {index} has another form, or is not Rota's")
        return OpenSearchWriter(self._wire, index, datasource, self._clock)

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
        """Search these indexes and give the hits behind a position."""
        clause = matching(query.root)
        asking = Asking(self._wire, seconds)
        mark = f"<{secrets.token_hex(8)}>"
        # The same copies of an index answer every page, as copies may weigh words differently.
        preference = blake2b(query.text.encode(errors="replace"), digest_size=8).hexdigest()
        names = {index_name(self._prefix, index.datasource, index.generation): index.datasource for index in indexes}
        after_in = [name for name, datasource in names.items() if after and datasource == after.datasource]
        if after and after_in:
            body = request_for_one(clause, asking.commits(after_in), after)
            after = moved(after, asking.search(after_in, body, preference))
        answers = []
        for group in batches(names, SEARCHED):
            body = request_of(
                clause,
                asking.commits(group),
                limit=limit,
                after=after,
                facets=facets,
                seconds=asking.left,
                mark=mark,
            )
            answers.append(asking.search(group, body, preference))
        return found_in(answers, limit=limit, facets=facets, mark=mark)

    def statistics(self, datasource: str, generation: int) -> Statistics:
        """Give the size of a generation; zeros if it is not there."""
        index = index_name(self._prefix, datasource, generation)
        try:
            commit = control_of(self._wire.ask("GET", f"/{index}/_doc/{CONTROL}")).committed
            documents = self._wire.ask("POST", f"/{index}/_count", {"query": visible(commit)})["count"]
            stored = self._wire.ask("GET", f"/{index}/_stats/store")["_all"]["total"]["store"]["size_in_bytes"]
        except Declined as refused:
            if refused.status != 404:
                raise
            return Statistics(0, 0)
        return Statistics(documents, stored)

    def generations(self, datasource: str) -> Sequence[int]:
        """Give the generations that are there, sorted."""
        return sorted(found for name, found in self._ours() if name == datasource)

    def datasources(self) -> Sequence[str]:
        """Give the datasources that have any generation, sorted."""
        return sorted({name for name, _ in self._ours()})

    def drop(self, datasource: str, generation: int) -> None:
        """Remove a generation; nothing happens if it is not there."""
        try:
            self._wire.ask("DELETE", f"/{index_name(self._prefix, datasource, generation)}")
        except Declined as refused:
            if refused.status != 404:
                raise

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _ours(self) -> list[tuple[str, int]]:
        """Give the generations of all datasources: by what the indexes say of themselves, as names may be others'."""
        said = map(marks_in, self._mappings(f"{self._prefix}-*").values())
        return [(mark["datasource"], mark["generation"]) for mark in said if mark.get("prefix") == self._prefix]

    def _mappings(self, pattern: str) -> Answer:
        try:
            return self._wire.ask("GET", f"/{pattern}/_mapping")
        except Declined as refused:
            if refused.status != 404:
                raise
            return {}

    def _make(self, index: str, datasource: str, generation: int, shape: Shape) -> None:
        body = {**new_index(self._prefix, datasource, generation, shape), "aliases": {control_alias(index): {}}}
        try:
            self._wire.ask("PUT", f"/{index}", body)
        except Declined as refused:
            # Somebody else was faster, or this is the second time that it was asked for.
            if refused.kind != "resource_already_exists_exception":
                raise

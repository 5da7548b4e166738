"""Indexes as the store and an engine keep them: what a worker's run hands to its actors; see `SearchIndex`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from actors.search_index import Unread
from actors.stored_hold import StoredHold
from rota.errors import TemporaryError
from store.engine import Store
from store.queries import indexes, stale
from store.queries import unread as unread_rows
from store.records import IndexRecord, StaleFolder, UnreadRecord
from store.search.engine import Engine, Shape, Statistics, Writer
from store.search.leftovers import drop_leftovers

_PAGE = 500


class StoredIndex(StoredHold):
    """The index of one datasource, for one attempt."""

    def __init__(self, store: Store, engine: Callable[[], Engine], datasource: str, *, run: str) -> None:
        super().__init__(store, indexes.holds, datasource, ensure=indexes.ensure, lost=_taken_over)
        self._engine = engine
        self._datasource = datasource
        self._run = run

    def record(self) -> IndexRecord:
        """Give what is remembered of the index."""
        with self._store.writing() as conn:
            return indexes.ensure(conn, self._datasource)

    def stale(self, *, after: bytes | None = None, limit: int = 1_000) -> Sequence[StaleFolder]:
        """Give the next folders that changed since they were indexed."""
        with self._store.reading() as conn:
            return stale.next_stale(conn, self._datasource, after=after, limit=limit)

    def settle(self, folders: Sequence[StaleFolder]) -> None:
        """These are indexed as they were when they had these marks."""
        with self._writing() as conn:
            stale.settle(conn, self._datasource, folders)

    def mark(self, folders: Iterable[bytes]) -> None:
        """Have these folders indexed again."""
        with self._writing() as conn:
            stale.mark(conn, self._datasource, folders, at=self._store.clock.now_ms())

    def begin(self, shape: Shape) -> int:
        """Begin another generation and give its number."""
        # One of a datasource of this name that was deleted may be left, and must not be taken for this one's.
        self.drop_others()
        with self._writing() as conn:
            number = indexes.begin(conn, self._datasource, shape)
            # Made before anybody can see its number: a search in what is not there yet would fail.
            self._engine().writer(self._datasource, number, shape).close()
            return number

    def go_live(self, generation: int) -> None:
        """Let the generation that was built be searched from now on."""
        with self._writing() as conn:
            indexes.go_live(conn, self._datasource, generation)

    def forget(self) -> None:
        """Let nothing of the datasource be searched any more."""
        with self._writing() as conn:
            indexes.forget(conn, self._datasource)
            unread_rows.clear(conn, self._datasource)
            stale.clear(conn, self._datasource)

    def writer(self, generation: int, shape: Shape) -> Writer:
        """Open a generation for writing."""
        return self._engine().writer(self._datasource, generation, shape)

    def statistics(self, generation: int) -> Statistics:
        """Give the size of a generation."""
        return self._engine().statistics(self._datasource, generation)

    def drop_others(self) -> Sequence[int]:
        """Remove the generations that are neither live nor being built."""
        known = self.record()
        self.keep()
        others = [
            number
            for number in self._engine().generations(self._datasource)
            if number not in {known.live, known.building}
        ]
        for number in others:
            self._engine().drop(self._datasource, number)
        return others

    def drop_leftovers(self) -> Sequence[str]:
        """Remove what the engine keeps of datasources that are gone."""
        return drop_leftovers(self._store, self._engine())

    def settle_unread(self, found: Sequence[Unread], gone: Iterable[int]) -> None:
        """Remember files that gave no text, and forget documents that are gone."""
        at = self._store.clock.now_ms()
        with self._writing() as conn:
            unread_rows.remove(conn, self._datasource, gone)
            records = [UnreadRecord(**each._asdict(), at=at, run=self._run) for each in found]
            unread_rows.put(conn, self._datasource, records)

    def unread(self) -> Iterator[Unread]:
        """Give all files that gave no text, read bit by bit."""
        cursor: str | None = None
        while True:
            with self._store.reading() as conn:
                page = unread_rows.list_unread(conn, self._datasource, cursor=cursor, limit=_PAGE)
            for each in page.items:
                yield Unread(each.document, each.path, each.reason, each.message)
            if page.next is None:
                return
            cursor = page.next

    def record_run(self, summary: Mapping[str, Any], size: Statistics) -> None:
        """Remember what this run did, and how large the live generation is."""
        said = {"run": self._run, "at": self._store.clock.now_ms(), **summary}
        with self._writing() as conn:
            indexes.record_run(conn, self._datasource, said, documents=size.documents, bytes=size.bytes)

    def record_check(self, findings: Mapping[str, Any]) -> None:
        """Remember what this run's check found."""
        said = {"run": self._run, "at": self._store.clock.now_ms(), **findings}
        with self._writing() as conn:
            indexes.record_check(conn, self._datasource, said)


def _taken_over(datasource: str) -> TemporaryError:
    return TemporaryError(f"the index of {datasource!r}: another task took over from this one, silent for too long")

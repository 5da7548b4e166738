"""Searches generations, within a time, and says it in our errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rota.errors import NotFound, PermanentError, StoreUnavailable
from rota.search.query import Query
from store.engine import Store
from store.search.engine import Found, Index, Position
from store.search.parts import check_size, sought
from store.search.postgresql.asking import Asked, Clock
from store.search.postgresql.compared import search_compared
from store.search.postgresql.conditions import asked_words
from store.search.postgresql.in_order import search_in_order
from store.search.postgresql.sqlstates import CANCELLED, NO_TABLE, sqlstate_of
from store.search.postgresql.stems import Stems

# One view of everything. Plans are made for the values, and the same ones each time: whoever turns the page sees the
# same order. Compiling a plan takes longer than what it is for.
_SETTINGS = """
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL synchronize_seqscans = off;
SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL statement_timeout = {ms};
"""
# What words are in is found in their index, however common PostgreSQL thinks they are: to read the table instead means
# to read the words of every document.
_BY_INDEX = "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off"


def search(
    store: Store,
    stems: Stems,
    query: Query,
    indexes: Sequence[Index],
    *,
    limit: int,
    after: Position | None,
    facets: bool,
    seconds: float,
) -> Found:
    """Search; see `store.search.engine.Engine.search`."""
    check_size(query)
    is_for_words = any(asked_words(part) for part in sought(query.root))
    clock = Clock(seconds)
    with _told(clock), store.reading() as conn:
        conn.exec_driver_sql(_SETTINGS.format(ms=clock.news_ms()) + (_BY_INDEX if is_for_words else ""))
        asked = Asked(conn=conn, stems=stems, clock=clock, query=query, limit=limit, after=after, facets=facets)
        targets = asked.targets(indexes)
        return (search_compared if is_for_words else search_in_order)(asked, targets)


@contextmanager
def _told(clock: Clock) -> Iterator[None]:
    try:
        yield
    except (StoreUnavailable, PermanentError) as error:
        state = sqlstate_of(error)
        if state == CANCELLED:
            raise clock.too_broad() from error
        if state == NO_TABLE:
            raise NotFound("a generation is gone since the search began") from error
        raise

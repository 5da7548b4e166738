"""The search of one console process: its engine, which indexes are asked, and where a page of hits ended."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from rota.errors import (
    NotFound,
    PermanentError,
    Refused,
    RotaError,
    SearchUnavailable,
    StoreUnavailable,
    TemporaryError,
    TooBroad,
)
from rota.search.place import SearchPlace
from rota.search.query import All, Either, In, Node, Query
from store.cursors import decode_bytes_cursor, encode_cursor
from store.engine import Store
from store.queries import indexes
from store.search.engine import Engine, Found, Index, Position
from store.search.leftovers import drop_datasource
from store.search.opening import open_engine

_SECONDS = 0.8
"""What an engine may take for one search; with the way there and back, an answer takes no second."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What was found, in which datasources it was looked for, and in which it should have been."""

    found: Found
    datasources: Sequence[str]
    left_out: Sequence[str] = ()
    """Datasources whose index is lost or broken, until the next index run builds it anew."""


class Searching:
    """Searches what can be searched now. The engine is opened by the first search; safe to use from several threads."""

    def __init__(
        self, store: Store, place: SearchPlace, *, opening: Callable[[SearchPlace, Store], Engine] = open_engine
    ) -> None:
        self._store = store
        self._place = place
        self._opening = opening
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def find(self, query: Query, *, limit: int, after: Position | None = None, facets: bool = False) -> Searched:
        """Return the hits behind a position in all indexes that the query is about.

        One that is lost or broken is left out, and told. Raises TooBroad if that takes too long, SearchUnavailable if
        the engine is away.
        """
        try:
            return self._find(query, limit, after, facets=facets)
        except (NotFound, PermanentError):
            # Most likely a generation was replaced between our reading of which is live and the search.
            return self._find(query, limit, after, facets=facets, doubting=True)

    def forget(self, name: str) -> None:
        """Drop what the engine keeps of a deleted datasource; what it cannot drop now, the next check does."""
        try:
            drop_datasource(self._store, self._opened(), name)
        except RotaError as error:
            _log.warning("search.leftover", extra={"datasource": name, "error": str(error)})

    def close(self) -> None:
        """Let go of the engine; the next search opens it again."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _find(
        self, query: Query, limit: int, after: Position | None, *, facets: bool, doubting: bool = False
    ) -> Searched:
        with self._store.reading() as conn:
            live = asked_of(indexes.live(conn), query.root)
        left_out: list[str] = []
        if doubting:
            left_out = [index.datasource for index in live if not self._can_be_searched(index)]
            live = [index for index in live if index.datasource not in left_out]
        names = [index.datasource for index in live]
        if not live:
            return Searched(found=Found(hits=(), total=0), datasources=names, left_out=left_out)
        try:
            found = self._opened().search(query, live, limit=limit, after=after, facets=facets, seconds=_SECONDS)
        except StoreUnavailable:
            raise
        except (NotFound, PermanentError) as error:
            if not doubting:
                raise
            raise SearchUnavailable(str(error)) from error
        except TemporaryError as error:
            raise SearchUnavailable(str(error)) from error
        return Searched(found=found, datasources=names, left_out=left_out)

    def _can_be_searched(self, index: Index) -> bool:
        try:
            self._opened().search(Query("", None), [index], limit=1, seconds=_SECONDS)
        except (NotFound, PermanentError) as error:
            _log.warning("search.left_out", extra={"datasource": index.datasource, "error": str(error)})
            return False
        except TooBroad:
            return True
        return True

    def _opened(self) -> Engine:
        with self._lock:
            if self._engine is None:
                try:
                    self._engine = self._opening(self._place, self._store)
                except PermanentError as error:
                    raise SearchUnavailable(str(error)) from error
            return self._engine


def asked_of(live: Sequence[Index], root: Node | None) -> list[Index]:
    """Return the indexes that can have hits: of what a query says of datasources, its outermost terms are heeded."""
    wanted = _named(root)
    return [index for index in live if wanted is None or index.datasource in wanted]


def _named(node: Node | None) -> frozenset[str] | None:
    """Return the only datasources that can fit, None if any may."""
    match node:
        case In(datasource):
            return frozenset((datasource,))
        case Either(parts):
            said = [names for part in parts if (names := _named(part)) is not None]
            return frozenset().union(*said) if len(said) == len(parts) else None
        case All(parts):
            said = [names for part in parts if (names := _named(part)) is not None]
            return frozenset.intersection(*said) if said else None
    return None


def encode_position(position: Position) -> str:
    """Make the cursor that continues behind a hit."""
    return encode_cursor(msgspec.json.encode(tuple(position)))


def decode_position(cursor: str | None) -> Position | None:
    """Read the position a cursor continues behind; Refused if it is none of ours."""
    if cursor is None:
        return None
    try:
        position = Position(*_POSITION.decode(decode_bytes_cursor(cursor)))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused("this cursor was not made by this list") from error
    if not (math.isfinite(position.score) and 0 <= position.id < 2**63):
        raise Refused("this cursor was not made by this list")
    return position


_POSITION = msgspec.json.Decoder(tuple[float, str, int])

"""From records to shapes: what the API says of the index of a datasource, and of files that gave it no text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from console.api.datasource_shaping import raw_of, told_of
from console.api.shapes import IndexLagShape, IndexShape, IndexState, UnreadShape
from rota.datasources import Rules
from rota.search.place import EngineName
from rota.times import rfc3339
from store.engine import Connection
from store.queries import indexes, stale, unread
from store.records import DatasourceRecord, IndexRecord, Lag, UnreadRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store has about the index of a datasource."""

    record: IndexRecord | None
    lag: Lag
    unread: int


def known_of(conn: Connection, datasource: str) -> Known:
    """Return what is known of one index."""
    return Known(
        record=indexes.find(conn, datasource),
        lag=stale.lag(conn, datasource),
        unread=unread.count(conn, datasource),
    )


def known_of_all(conn: Connection) -> Callable[[str], Known]:
    """Return what gives, by the name of a datasource, what is known of its index; read at once for all."""
    records = {record.datasource: record for record in indexes.list_indexes(conn)}
    lags = {lag.datasource: lag for lag in stale.lags(conn)}
    counts = unread.counts(conn)

    def of(name: str) -> Known:
        return Known(record=records.get(name), lag=lags.get(name, Lag(name, 0, None)), unread=counts.get(name, 0))

    return of


def state_of_index(datasource: DatasourceRecord, known: Known) -> IndexState:
    """Return in a word how it stands with an index; what keeps it from being searched comes first."""
    record = known.record
    rules = Rules.model_validate(datasource.rules)
    if not datasource.enabled or not rules.index:
        return "switched off"
    if record is None or record.live is None:
        return "not indexed"
    if record.building is not None:
        return "building"
    searched = None if record.live_shape is None else (record.live_shape.contents, record.live_shape.language)
    # Another setting counts from the moment it is saved; the run that follows it may not have begun yet.
    return "behind" if known.lag.folders or searched != (rules.contents, rules.language) else "up to date"


def index_shape(datasource: DatasourceRecord, known: Known, *, engine: EngineName, now: int) -> IndexShape:
    """Return the index of a datasource; `now` (ms) is what its lag is measured against."""
    record, lag = known.record, known.lag
    shape = None if record is None else record.live_shape
    return IndexShape(
        state=state_of_index(datasource, known),
        engine=engine,
        documents=0 if record is None else record.documents,
        bytes=0 if record is None else record.bytes,
        language=None if shape is None else shape.language,
        contents=None if shape is None else shape.contents,
        lag=IndexLagShape(
            folders=lag.folders,
            since=None if lag.since is None else rfc3339(lag.since),
            seconds=lag.seconds(now),
        ),
        unread=known.unread,
        last_run=told_of(None if record is None else record.last_run),
        last_check=told_of(None if record is None else record.last_check),
    )


def unread_shape(found: UnreadRecord) -> UnreadShape:
    """Return a file that gave no text; a path that is not UTF-8 is shown with replacement characters."""
    return UnreadShape(
        path=found.path.decode("utf-8", "replace"),
        raw=raw_of(found.path),
        reason=found.reason,
        message=found.message,
        at=rfc3339(found.at),
        run=found.run,
    )

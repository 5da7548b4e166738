"""Figures of the search's indexes, read from the store when a scheduler is scraped."""

from __future__ import annotations

from typing import Any

from rota import metrics
from rota.metrics import Metric
from store.engine import Connection
from store.queries import datasources, indexes, stale, unread
from store.records import Lag

#: What a check counts that should not be.
_DIFFERENCES = ("missing", "surplus")


def figures(conn: Connection, *, now: int) -> dict[Metric, dict[str, float]]:
    """Return each figure by datasource, of those alone that are to be searched; `now` is in ms."""
    records = {record.datasource: record for record in indexes.list_indexes(conn)}
    lags = {lag.datasource: lag for lag in stale.lags(conn)}
    counts = unread.counts(conn)
    found: dict[Metric, dict[str, float]] = {
        metric: {}
        for metric in (
            metrics.INDEX_DOCUMENTS,
            metrics.INDEX_BYTES,
            metrics.INDEX_UNREAD,
            metrics.INDEX_STALE_FOLDERS,
            metrics.INDEX_LAG,
            metrics.INDEX_DIFFERENCES,
        )
    }
    for name in _searched(conn):
        record, lag = records.get(name), lags.get(name, Lag(name, 0, None))
        found[metrics.INDEX_DOCUMENTS][name] = 0 if record is None else record.documents
        found[metrics.INDEX_BYTES][name] = 0 if record is None else record.bytes
        found[metrics.INDEX_UNREAD][name] = counts.get(name, 0)
        found[metrics.INDEX_STALE_FOLDERS][name] = lag.folders
        found[metrics.INDEX_LAG][name] = lag.seconds(now)
        found[metrics.INDEX_DIFFERENCES][name] = _differences(None if record is None else record.last_check)
    return found


def _searched(conn: Connection) -> list[str]:
    """Return the datasources that are kept in the index; others lag for ever, and nobody waits for them."""
    return [
        record.name
        for record in datasources.list_datasources(conn)
        if record.enabled and record.rules.get("index", True)
    ]


def _differences(check: dict[str, Any] | None) -> int:
    return sum(int((check or {}).get(word) or 0) for word in _DIFFERENCES)

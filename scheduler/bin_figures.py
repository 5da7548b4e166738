"""Figures of the recycle bins, read from the store when a scheduler is scraped."""

from __future__ import annotations

from rota import metrics
from rota.metrics import Metric
from store.engine import Connection
from store.queries import bin_items, datasources
from store.records import BinCounts, BinState


def figures(conn: Connection) -> dict[Metric, dict[str, float]]:
    """Return each figure by datasource, of all of them: a bin goes on filling its storage when it is switched off."""
    counts, states = bin_items.counts_of_all(conn), bin_items.states(conn)
    names = [record.name for record in datasources.list_datasources(conn)]
    return {
        metrics.BIN_ITEMS: {name: counts.get(name, BinCounts()).items for name in names},
        metrics.BIN_BYTES: {name: counts.get(name, BinCounts()).bytes for name in names},
        metrics.BIN_DOUBT: {name: int((states.get(name, BinState()).doubt or {}).get("items") or 0) for name in names},
    }

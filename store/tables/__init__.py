"""All tables of the store: typed models, and the Core tables that the queries use."""

from __future__ import annotations

from store.tables.base import Base
from store.tables.bins import bins, recycled
from store.tables.catalog import datasources, entries, folders
from store.tables.events import events, gathered, windows
from store.tables.people import audit, hooks, tokens, users
from store.tables.search import generations, indexes, stale_folders, unread
from store.tables.work import (
    ENDED_STATES,
    LEVELS,
    OPEN_STATES,
    SENT_STATES,
    attempts,
    job_versions,
    jobs,
    log_lines,
    rates,
    revision,
    runs,
    switches,
    tasks,
    ticks,
)

__all__ = [
    "ENDED_STATES",
    "LEVELS",
    "OPEN_STATES",
    "SENT_STATES",
    "Base",
    "attempts",
    "audit",
    "bins",
    "datasources",
    "entries",
    "events",
    "folders",
    "gathered",
    "generations",
    "hooks",
    "indexes",
    "job_versions",
    "jobs",
    "log_lines",
    "rates",
    "recycled",
    "revision",
    "runs",
    "stale_folders",
    "switches",
    "tasks",
    "ticks",
    "tokens",
    "unread",
    "users",
    "windows",
]

metadata = Base.metadata

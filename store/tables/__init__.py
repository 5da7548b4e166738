"""All tables of the store: typed models, and the Core tables that the queries use."""

from __future__ import annotations

from store.tables.base import Base
from store.tables.catalog import datasources, entries, folders, recycled
from store.tables.people import audit, tokens, users
from store.tables.work import (
    ENDED_STATES,
    LEVELS,
    OPEN_STATES,
    SENT_STATES,
    attempts,
    events,
    job_versions,
    jobs,
    log_lines,
    revision,
    runs,
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
    "datasources",
    "entries",
    "events",
    "folders",
    "job_versions",
    "jobs",
    "log_lines",
    "recycled",
    "revision",
    "runs",
    "tasks",
    "ticks",
    "tokens",
    "users",
]

metadata = Base.metadata

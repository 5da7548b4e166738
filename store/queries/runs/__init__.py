"""Runs: admitted, followed, controlled, ended and read."""

from __future__ import annotations

from store.queries.runs.admission import find_by_cause, insert_admitted, mark_sent, open_slots
from store.queries.runs.control import request_cancel, request_pause, resume
from store.queries.runs.log import log
from store.queries.runs.progress import close, release_tasks, skip_tasks, steps_of
from store.queries.runs.reading import (
    count_open,
    get_run,
    last_states,
    list_runs,
    open_tasks,
    overdue,
    paused_in_error,
    run_detail,
)
from store.queries.runs.removal import clear_history

__all__ = [
    "clear_history",
    "close",
    "count_open",
    "find_by_cause",
    "get_run",
    "insert_admitted",
    "last_states",
    "list_runs",
    "log",
    "mark_sent",
    "open_slots",
    "open_tasks",
    "overdue",
    "paused_in_error",
    "release_tasks",
    "request_cancel",
    "request_pause",
    "resume",
    "run_detail",
    "skip_tasks",
    "steps_of",
]

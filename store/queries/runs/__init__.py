"""Runs: admitted, followed, controlled, ended and read."""

from __future__ import annotations

from store.queries.runs.admission import find_by_cause, insert_admitted, mark_sent, open_slots
from store.queries.runs.branches import (
    branch_counts,
    branch_results,
    fan_out,
    first_failure,
    skip_branches,
    waiting_branches,
)
from store.queries.runs.causes import skipped_with_others, with_causes
from store.queries.runs.control import request_cancel, request_pause, resume
from store.queries.runs.lines import (
    hold_keys,
    hold_keys_of,
    in_line,
    lines,
    next_in_line,
    slots,
    waited_for,
)
from store.queries.runs.log import log
from store.queries.runs.owned import hold_owner, open_runs_of
from store.queries.runs.progress import begin_runs, close, release_tasks, skip_tasks, steps_of
from store.queries.runs.reading import (
    count_open,
    get_run,
    last_states,
    list_runs,
    open_tasks,
    overdue,
    paused_in_error,
    run_detail,
    unended,
)
from store.queries.runs.removal import clear_history
from store.queries.runs.takeover import take_over
from store.queries.runs.termination import terminate, told, untold
from store.queries.runs.waiting import (
    begin,
    due_in_line,
    lock_waiting,
    next_turn,
    promote,
    put_off,
    skip_waiting,
)

__all__ = [
    "begin",
    "begin_runs",
    "branch_counts",
    "branch_results",
    "clear_history",
    "close",
    "count_open",
    "due_in_line",
    "fan_out",
    "find_by_cause",
    "first_failure",
    "get_run",
    "hold_keys",
    "hold_keys_of",
    "hold_owner",
    "in_line",
    "insert_admitted",
    "last_states",
    "lines",
    "list_runs",
    "lock_waiting",
    "log",
    "mark_sent",
    "next_in_line",
    "next_turn",
    "open_runs_of",
    "open_slots",
    "open_tasks",
    "overdue",
    "paused_in_error",
    "promote",
    "put_off",
    "release_tasks",
    "request_cancel",
    "request_pause",
    "resume",
    "run_detail",
    "skip_branches",
    "skip_tasks",
    "skip_waiting",
    "skipped_with_others",
    "slots",
    "steps_of",
    "take_over",
    "terminate",
    "told",
    "unended",
    "untold",
    "waited_for",
    "waiting_branches",
    "with_causes",
]

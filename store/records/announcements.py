"""What is made known of runs.

Times are milliseconds UTC; `*_at` of None means that it has not happened.
"""

from __future__ import annotations

import msgspec

from rota.runs import Failure
from rota.states import RunState


class RunEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a run has ended."""

    run: str
    job: str
    job_version: int
    state: RunState
    at: int
    error: Failure | None


class LateRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose time to be announced as late has come; it may have ended in between, before it or after."""

    run: str
    job: str
    state: RunState
    due: int | None
    queued_at: int
    ended_at: int | None
    late_at: int
    chain: tuple[str, ...]

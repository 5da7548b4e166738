"""What became of reports, requests and removals.

Times are milliseconds UTC; `*_at` of None means that it has not happened.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rota.messages import TaskMessage
from rota.runs import Failure, Progress
from rota.states import RunState
from store.records.admission import Closing


class EndedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that an outcome brought to its end, with what is needed to close its run.

    `task_count` of 1 means that the run ends with it. A failure, if there is one, is in `error`.
    """

    run: str
    task: str
    step: str
    job: str
    job_version: int
    state: RunState
    attempt: int
    fence: int
    at: int
    started_at: int | None
    reason: str | None
    error: Failure | None
    result: Any
    progress: Progress | None
    task_count: int
    slot_key: str | None
    cancel_requested: int

    def closing(self) -> Closing:
        """Make the end of a run that has no other task."""
        return Closing(
            run=self.run,
            state=self.state,
            at=self.at,
            started_at=self.started_at,
            reason=self.reason,
            progress=self.progress,
            error=self.error,
            result=self.result,
        )


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch of outcomes.

    `refused` counts those of an older fence, of an ended task, or of a transition that is not legal; `repeated` those
    that were recorded before, which is what a replay looks like; `unknown` those whose task is not in the store.
    `changed` are the open runs whose state or progress moved.
    """

    ended: tuple[EndedTask, ...] = ()
    changed: tuple[str, ...] = ()
    started: int = 0
    refused: int = 0
    repeated: int = 0
    unknown: int = 0


CANCEL, PAUSE = 1, 2
"""What `cancel_requested` of a run says when it is not 0; a cancel outweighs a pause."""


class ControlResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a request to cancel, pause or resume met.

    `tasks` are in the bus, or on their way to it, and have to be told there. `settled` are the runs that were done with
    at once, nothing of them being in the bus. `send` are the messages that resumed runs go on with; `undecided` are
    resumed runs with waiting steps, about which the recorder has to decide again. `ignored` are the runs that do not
    exist or were in no state for the request.
    """

    tasks: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    send: tuple[TaskMessage, ...] = ()
    undecided: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What a removal freed; `more` says that there is more of the same to remove."""

    runs: int = 0
    rows: int = 0
    bytes: int = 0
    more: bool = False

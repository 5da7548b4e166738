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
from store.records.waiting import EndedRun


class EndedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that an outcome brought to its end, with what is needed to close its run.

    A failure, if there is one, is in `error`. `branch` is its place in the list of a step with for_each, else -1.
    """

    run: str
    task: str
    step: str
    branch: int
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

    @property
    def alone(self) -> bool:
        """Whether the run ends with it: it is the only task, and not the only entry of a list."""
        return self.task_count == 1 and self.branch < 0

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
    resumed runs with waiting steps, about which has to be decided again. `ignored` are the runs that do not
    exist or were in no state for the request. `ended` are those of `settled` that a cancel has ended, and
    `waited_for` the keys that resumed runs wait for. `send_at` says by task when a message may start, if not at once.
    """

    tasks: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    send: tuple[TaskMessage, ...] = ()
    undecided: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    ended: tuple[EndedRun, ...] = ()
    waited_for: tuple[str, ...] = ()
    send_at: tuple[tuple[str, int], ...] = ()


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What a removal freed; `more` says that there is more of the same to remove."""

    runs: int = 0
    rows: int = 0
    bytes: int = 0
    more: bool = False

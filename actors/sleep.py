"""The actor `sleep`: waits, and does nothing else. For trying out schedules, limits and cancelling.

It looks every 0.2 s whether it shall end, so a cancel is answered well within a second. A crash leaves nothing behind.
"""

from __future__ import annotations

import time

from pydantic import Field

from actors.params import Params
from actors.registry import actor
from actors.run import Run

_SLICE_SECONDS = 0.2
_REPORT_SECONDS = 1.0


class SleepParams(Params):
    """How long to sleep."""

    seconds: float = Field(ge=0, le=86_400, description="How long to wait, in seconds; at most a day.")


@actor("sleep")
def sleep(run: Run, params: SleepParams) -> None:
    """Wait for some seconds."""
    started = time.monotonic()
    reported = -_REPORT_SECONDS
    while True:
        run.check()
        passed = time.monotonic() - started
        if passed >= params.seconds:
            run.progress(params.seconds, params.seconds, "seconds")
            return
        if passed - reported >= _REPORT_SECONDS:
            run.progress(round(passed, 1), params.seconds, "seconds")
            reported = passed
        time.sleep(min(_SLICE_SECONDS, params.seconds - passed))

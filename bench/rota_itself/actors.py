"""The two actors that are measured: one that does nothing, one that tells when it started."""

from __future__ import annotations

import os
import time

import redis

from actors.params import Params
from actors.registry import actor
from actors.run import Run
from bench.tally import STARTED


class Nothing(Params):
    """No parameters."""


class Sent(Params):
    """When the event was published, by the machine's monotonic clock."""

    sent: float


@actor("bench-done", queue="bench")
def done(run: Run, params: Nothing) -> None:
    """Do nothing."""


@actor("bench-started", queue="bench")
def started(run: Run, params: Sent) -> None:  # noqa: ARG001 -- every actor takes both
    """Report how many seconds after its event the body has started."""
    waited = time.monotonic() - params.sent
    with redis.Redis.from_url(os.environ["ROTA_REDIS_URL"]) as client:
        client.rpush(STARTED, waited)

"""Ends attempts that take longer than they may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dramatiq.middleware import Middleware

from workers.attempt import Attempt
from workers.stops import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dramatiq.broker import Broker, MessageProxy

    from actors.registry import ActorSpec
    from workers.running import Running


class Limits(Middleware):
    """Gives each attempt the limit of its task, else of its actor, else of the settings."""

    def __init__(self, running: Running, actors: Mapping[str, ActorSpec], *, default_ms: int) -> None:
        self._running = running
        self._actors = actors
        self._default_ms = default_ms

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Set the time at which the attempt is over."""
        attempt = self._running.mine()
        if attempt is None:
            return
        limit_ms = attempt.task.timeout_ms
        if limit_ms is None:
            spec = self._actors.get(attempt.task.actor)
            limit_ms = spec.timeout_ms if spec is not None else None
        attempt.deadline = attempt.began + (self._default_ms if limit_ms is None else limit_ms) / 1000

    def check(self, attempt: Attempt, now: float) -> None:
        """End an attempt whose time is over. A duty of the watch."""
        if attempt.deadline is not None and now >= attempt.deadline:
            attempt.ask(Stop.TIMED_OUT, now)

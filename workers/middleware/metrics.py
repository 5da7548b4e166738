"""Counts attempts and how long they took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dramatiq.middleware import Middleware

from rota.metrics import QUEUE_WAIT_SECONDS, TASK_SECONDS, TASKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from dramatiq.broker import Broker, MessageProxy

    from rota.clock import Clock
    from workers.running import Running
    from workers.tallies import Recorder


class Metrics(Middleware):
    """Counts every attempt once, when it was judged; `counted` is told how many there were so far."""

    def __init__(
        self, running: Running, recorder: Recorder, clock: Clock, *, counted: Callable[[int], None] | None = None
    ) -> None:
        self._running = running
        self._recorder = recorder
        self._clock = clock
        self._counted = counted
        self.attempts = 0

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """Count the attempt that this thread has just ended."""
        attempt = self._running.mine()
        if attempt is None or attempt.state is None:
            return
        actor = attempt.task.actor
        self._recorder.count(TASKS, actor, attempt.state.value)
        self._recorder.observe(TASK_SECONDS, self._clock.monotonic() - attempt.began, actor)
        if attempt.waited_ms is not None:
            self._recorder.observe(QUEUE_WAIT_SECONDS, max(0, attempt.waited_ms) / 1000, attempt.task.queue)
        self._running.leave()
        # Not exact when two threads end at the same moment, and near enough for recycling.
        self.attempts += 1
        if self._counted is not None:
            self._counted(self.attempts)

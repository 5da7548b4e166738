"""Makes a Dramatiq actor of each of ours, and runs its body for the attempt that the thread is in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dramatiq import Actor

from workers.attempt import ThreadBody
from workers.context import WorkerRun
from workers.endings import Ending, ending_of
from workers.link import AttemptLink
from workers.results import read_params, write_result
from workers.verdicts import checkpoint_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.registry import ActorSpec
    from actors.run import Run
    from bus.broker import LeaseBroker
    from rota.clock import Clock
    from workers.attempt import Attempt
    from workers.context import Places
    from workers.isolate import Isolation
    from workers.running import Running


class Executor:
    """Runs bodies: in the calling thread, or in a process of their own where the actor says so."""

    def __init__(
        self, broker: LeaseBroker, running: Running, *, places: Places, isolation: Isolation, clock: Clock
    ) -> None:
        self._broker = broker
        self._running = running
        self._places = places
        self._isolation = isolation
        self._clock = clock

    def declare(self, specs: Iterable[ActorSpec]) -> None:
        """Make the broker know these actors and their queues."""
        for spec in specs:
            Actor(
                self._body_of(spec),
                broker=self._broker,
                actor_name=spec.name,
                queue_name=spec.queue,
                priority=0,
                options={},
            )

    def _body_of(self, spec: ActorSpec) -> Any:
        def body() -> None:
            attempt = self._running.mine()
            if attempt is None:
                raise RuntimeError(f"actor {spec.name} was sent a message that carries no task")
            # It never raises: how a body ends is no failure of the worker, and Dramatiq would log it as one.
            attempt.ending = self._perform(attempt, spec)

        return body

    def _perform(self, attempt: Attempt, spec: ActorSpec) -> Ending:
        try:
            if attempt.asked is not None:
                return ending_of(attempt.asked.error(), attempt.asked)
            params = read_params(spec, attempt.task.params)
            link = AttemptLink(attempt, self._broker, self._clock)
            state = checkpoint_of(attempt.task, attempt.lease)
            if spec.isolate:
                return self._isolation.perform(attempt, spec, link=link, state=state)
            body = attempt.body
            assert isinstance(body, ThreadBody)
            run: Run = WorkerRun(attempt.task, state, link=link, places=self._places, clock=self._clock)
            result = body.guard.run(lambda: spec.fn(run, params))
            return Ending(how="done", result=write_result(spec, result))
        except BaseException as error:  # a body may raise whatever it likes, SystemExit included
            return ending_of(error, attempt.asked)

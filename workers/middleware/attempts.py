"""Begins an attempt when its message is picked up, and decides what its acknowledgement does."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any

from dramatiq.middleware import Middleware, SkipMessage
from msgspec import UnsetType

from bus.lease import Action, Verdict
from bus.messages import LeasedMessage
from rota.messages import Outcome
from rota.states import RunState
from workers.attempt import Attempt
from workers.endings import Ending, ending_of
from workers.stops import Stop
from workers.verdicts import UNDECIDED, Circumstances, encode_fitting, judge

if TYPE_CHECKING:
    from dramatiq.broker import Broker, MessageProxy

    from bus.broker import LeaseBroker
    from bus.session import Session
    from rota.clock import Clock
    from rota.messages import TaskMessage
    from workers.running import Running

logger = logging.getLogger(__name__)

#: An attempt that ends sooner is reported by its end alone.
ANNOUNCED_AFTER_SECONDS = 0.03
#: How long a task waits whose earlier attempt, its lease lost, has not yet let go in this very process.
LET_GO_MS = 1_000


class Attempts(Middleware):
    """Knows what runs, reports it, and judges it.

    The body itself runs in between, in `workers.execute`; it leaves its ending in the attempt.
    """

    def __init__(self, broker: LeaseBroker, running: Running, clock: Clock) -> None:
        self._broker = broker
        self._running = running
        self._clock = clock

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Begin, or skip a message that is no longer ours."""
        self._running.leave()
        if not isinstance(message, LeasedMessage) or message.task is None:
            message.fail()
            raise SkipMessage("it carries no task; actors of Rota are started by jobs")
        session = self._broker.session()
        task, lease = message.task, message.lease
        if not session.holds(task.task, lease.fence):
            session.decide(task.task, Verdict(action=Action.BACK), lease.fence)
            raise SkipMessage(f"the lease of {task.task} was lost before it started")
        if self._running.get(task.task) is not None:
            again = Verdict(action=Action.AGAIN, again=task, delay_ms=LET_GO_MS)
            session.decide(task.task, again, lease.fence)
            raise SkipMessage(f"an earlier attempt of {task.task} has not let go yet")
        waited = self._clock.now_ms() - message.message_timestamp if task.attempt == 1 and not lease.crashes else None
        attempt = Attempt(task, lease, self._clock, waited_ms=waited)
        session.decide(task.task, UNDECIDED, lease.fence)
        self._running.add(attempt)
        if lease.crashes:
            # It may kill this process too: Redis has to know before it starts.
            self._announce(session, attempt)
        else:
            session.started(task.task, b"", lease.fence)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """Judge how the attempt ended."""
        attempt = self._running.mine()
        if attempt is None or attempt.id != message.message_id:
            return
        self._running.remove(attempt)
        ending = attempt.ending
        if ending is None:
            ending = ending_of(exception or RuntimeError("the body left no ending"), attempt.asked)
        self._settle(attempt, ending)

    def after_nack(self, broker: Broker, message: MessageProxy) -> None:
        """Tell that a message was set aside, which Dramatiq says too quietly."""
        logger.error("message.set_aside", extra={"task": message.message_id, "actor": message.actor_name})

    def report(self, attempt: Attempt, now: float) -> None:
        """Report what is due: that it runs, and what the body said. A duty of the watch."""
        due = attempt.reports.due
        if attempt.announced:
            if due is None or now < due:
                return
        elif now - attempt.began < ANNOUNCED_AFTER_SECONDS:
            return
        session = self._broker.session()
        if session.crowded:
            return
        with attempt.lock:
            if attempt.closed:
                return
            if not attempt.announced:
                self._announce(session, attempt)
            if due is not None and now >= due:
                self._pass_on(session, attempt)

    def give_back(self, attempt: Attempt) -> None:
        """Hand a task back whose body does not let go; the process must end right behind it."""
        stop = attempt.asked or Stop.SHUTTING_DOWN
        self._settle(attempt, ending_of(stop.error(), stop))
        session = self._broker.session()
        session.settle(attempt.id, UNDECIDED, attempt.lease.fence)

    def _announce(self, session: Session, attempt: Attempt) -> None:
        attempt.announced = True
        outcome = self._outcome(attempt, kind="started", started_at=attempt.started_at)
        session.started(attempt.id, encode_fitting(outcome), attempt.lease.fence)

    def _pass_on(self, session: Session, attempt: Attempt) -> None:
        taken = attempt.reports.take()
        checkpoint = None if isinstance(taken.checkpoint, UnsetType) else bytes(taken.checkpoint)
        outcome = self._outcome(
            attempt,
            kind="checkpoint" if checkpoint is not None else "progress" if taken.progress is not None else "log",
            progress=taken.progress,
            lines=taken.lines,
            checkpoint=None if checkpoint is None else taken.checkpoint,
        )
        session.report(attempt.id, encode_fitting(outcome), checkpoint=checkpoint, fence=attempt.lease.fence)

    def _settle(self, attempt: Attempt, ending: Ending) -> None:
        session = self._broker.session()
        with attempt.lock:
            attempt.closed = True
        rest = attempt.reports.take()
        judgement = judge(
            ending,
            attempt.task,
            Circumstances(
                lease=attempt.lease,
                worker=session.worker_id,
                started_at=attempt.started_at,
                now=self._clock.now_ms(),
                asked=attempt.asked,
                rest=rest,
                checkpoint=attempt.reports.kept,
                spread=random.uniform(-1.0, 1.0),  # noqa: S311 -- spreads load, guards nothing
            ),
        )
        if not isinstance(rest.checkpoint, UnsetType) and judgement.verdict.action in (Action.BACK, Action.AGAIN):
            # Whoever continues gets what the bus keeps, so it must be the newest there too.
            session.report(attempt.id, b"", checkpoint=bytes(rest.checkpoint), fence=attempt.lease.fence)
        session.decide(attempt.id, judgement.verdict, attempt.lease.fence)
        attempt.state = judgement.state
        _tell(attempt.task, judgement.state, ending)

    def _outcome(self, attempt: Attempt, **said: Any) -> Outcome:
        task = attempt.task
        return Outcome(
            task=task.task,
            run=task.run,
            fence=attempt.lease.fence,
            attempt=task.attempt,
            worker=self._broker.worker_id,
            at=self._clock.now_ms(),
            **said,
        )


def _tell(task: TaskMessage, state: RunState, ending: Ending) -> None:
    if state is RunState.SUCCEEDED:
        return
    level = logging.WARNING if state in (RunState.FAILED, RunState.RETRYING) else logging.INFO
    failure = ending.failure
    logger.log(
        level,
        "attempt.ended",
        extra={
            "job": task.job,
            "run": task.run,
            "task": task.task,
            "actor": task.actor,
            "attempt": task.attempt,
            "state": state.value,
            "error": f"{failure.type}: {failure.message}"[:500] if failure is not None else None,
        },
    )

"""One attempt under way: its task, its lease, what it has said, and whether it shall end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from workers.interrupts import Guard
from workers.reports import Reports

if TYPE_CHECKING:
    from bus.lease import Lease
    from rota.clock import Clock
    from rota.messages import TaskMessage
    from rota.states import RunState
    from workers.endings import Ending
    from workers.stops import Stop


class Body(Protocol):
    """What runs the actor's code: this thread, or a process of its own."""

    @property
    def patience(self) -> float:
        """How many seconds it is given to end by itself before it is pressed."""

    def ask(self, stop: Stop | None) -> None:
        """Tell it that it shall end, or, with None, that it may go on; never waits."""

    def press(self) -> None:
        """Make it end; called again every `patience` seconds until it has."""


class ThreadBody:
    """A body in a worker's thread: it finds out by `check`, or is interrupted."""

    #: Two of these are the second within which a cancel must have arrived.
    patience = 0.4

    __slots__ = ("guard",)

    def __init__(self) -> None:
        self.guard = Guard()

    def ask(self, stop: Stop | None) -> None:
        """Do nothing: `check` looks at the attempt itself."""

    def press(self) -> None:
        """Raise Interruption in the thread."""
        self.guard.interrupt()


class Attempt:
    """One attempt of a task in this process; made when its message is picked up, closed when it is settled.

    `lock` keeps reports in front of the end: who reports holds it and looks at `closed` first.
    """

    __slots__ = (
        "_asking", "announced", "asked", "began", "body", "closed", "deadline", "ending", "id", "lease", "lock",
        "press_at", "reports", "started_at", "state", "task", "waited_ms",
    )  # fmt: skip

    def __init__(self, task: TaskMessage, lease: Lease, clock: Clock, *, waited_ms: int | None = None) -> None:
        self.id = task.task
        self.task = task
        self.lease = lease
        self.started_at = clock.now_ms()
        #: Monotonic time of the start.
        self.began = clock.monotonic()
        #: How long the message waited, from its sending; None where that says nothing.
        self.waited_ms = waited_ms
        #: Monotonic time at which the attempt is out of time.
        self.deadline: float | None = None
        self.reports = Reports(clock)
        self.body: Body = ThreadBody()
        #: How the body ended, and what that made of the task.
        self.ending: Ending | None = None
        self.state: RunState | None = None
        self.asked: Stop | None = None
        #: Monotonic time from which on the body is pressed.
        self.press_at: float | None = None
        #: Whether it was reported as started.
        self.announced = False
        self.closed = False
        self.lock = threading.Lock()
        self._asking = threading.Lock()

    def ask(self, stop: Stop, now: float, *, patience: float | None = None) -> None:
        """Ask the body to end; a weightier reason replaces a lighter one.

        It is pressed after `patience` seconds (None: after its own), or sooner if that was settled before.
        """
        with self._asking:
            if stop is not self.asked and not stop.outweighs(self.asked):
                return
            told = stop is self.asked
            self.asked = stop
            press_at = now + (self.body.patience if patience is None else patience)
            self.press_at = press_at if self.press_at is None else min(self.press_at, press_at)
            if not told:
                self.body.ask(stop)

    def withdraw(self, stop: Stop) -> None:
        """Take a request back, unless a weightier one has replaced it."""
        with self._asking:
            if self.asked is stop:
                self.asked = None
                self.press_at = None
                self.body.ask(None)

    def run_in(self, body: Body) -> None:
        """Let another body than this thread run the attempt; it hears what was asked so far."""
        with self._asking:
            self.body = body
            if self.asked is not None:
                body.ask(self.asked)

    def press_if_due(self, now: float) -> None:
        """Press the body when it was asked and did not end in time."""
        with self._asking:
            if self.press_at is None or now < self.press_at:
                return
            self.press_at = now + self.body.patience
        self.body.press()

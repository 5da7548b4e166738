"""Runs one isolated body, in the process that the nursery forked for it."""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rota.clock import SystemClock
from rota.events import Event
from rota.messages import Level
from rota.runs import Progress
from workers.context import WorkerRun
from workers.endings import Ending, ending_of
from workers.places import StorePlaces
from workers.reports import Reports
from workers.results import read_params, write_result
from workers.stops import Interruption, Stop
from workers.wire import Answer, Asked, Begin, Channel, Ended, Frame, Pressed, Question, Report, error_of

if TYPE_CHECKING:
    from types import FrameType

    from actors.registry import ActorSpec

#: How often what the body said is looked through.
LOOK_SECONDS = 0.05


def preload() -> None:
    """Import what bodies need besides the actors, so that each of them finds it there."""
    StorePlaces.preload()


def run(talk: socket.socket, actors: Mapping[str, ActorSpec], *, places: StorePlaces, max_bytes: int) -> NoReturn:
    """Run the one body that the worker asks for, then exit."""
    # A core would be as large as the body and could hold its secrets.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    link = PipeLink(Channel(talk))
    begin = link.receive_begin()
    link.start()
    body = _Body(link, max_bytes=max_bytes)
    signal.signal(signal.SIGUSR1, body.interrupted)
    actor_run = WorkerRun(begin.task, begin.state, link=link, places=places, clock=SystemClock())
    _limit_memory(max_bytes)
    ending = body.perform(actors.get(begin.task.actor), actor_run)
    link.finish(ending)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    # Not by the ordinary way out: a thread that the actor left behind would hold it up.
    os._exit(0)


class _Body:
    """Runs the actor's code in the main thread, where signals arrive."""

    def __init__(self, link: PipeLink, *, max_bytes: int) -> None:
        self._link = link
        self._max_bytes = max_bytes
        self._open = False

    def interrupted(self, _number: int, _frame: FrameType | None) -> None:
        """Break the body off; ends a wait in a system call too."""
        if self._open:
            raise Interruption

    def perform(self, spec: ActorSpec | None, actor_run: WorkerRun) -> Ending:
        if spec is None:
            unknown = LookupError("the isolating process does not know this actor: was its module installed just now?")
            return ending_of(unknown, None)
        try:
            params = read_params(spec, actor_run.params)
            try:
                self._open = True
                result = spec.fn(actor_run, params)
            finally:
                self._open = False
            return Ending(how="done", result=write_result(spec, result))
        except BaseException as error:
            self._open = False
            # Without this there might not be enough left to say that there was not enough.
            _limit_memory(0)
            if isinstance(error, MemoryError) and not error.args and self._max_bytes:
                # The interpreter's own says nothing.
                error.args = (
                    f"it needed more than the {self._max_bytes:,} bytes of memory that isolate_max_bytes allows",
                )
            return ending_of(error, self._link.asked)


class PipeLink:
    """The way from an isolated body to its worker.

    A thread listens to the worker and passes on what the body said; only `confirm`, `emit` and `sealed` wait for
    an answer.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._clock = SystemClock()
        self._reports = Reports(self._clock)
        self._answers: dict[int, Answer] = {}
        self._answered = threading.Condition()
        self._n = 0
        self.asked: Stop | None = None

    def receive_begin(self) -> Begin:
        """Wait for what to do."""
        while self._channel.receive():
            for frame in self._channel.frames():
                assert isinstance(frame, Begin)
                return frame
        os._exit(1)

    def start(self) -> None:
        """Start listening."""
        threading.Thread(target=self._listen, name="pipe", daemon=True).start()

    def finish(self, ending: Ending) -> None:
        """Say the last words."""
        with suppress(OSError):
            self._channel.send(Report(taken=self._reports.take()))
            self._channel.send(Ended(ending=ending))

    def progress(self, progress: Progress) -> None:
        """Keep the newest progress for the next report."""
        self._reports.progress(progress)

    def log(self, level: Level, message: str) -> None:
        """Add a line to the next report."""
        self._reports.log(level, message)

    def checkpoint(self, state: Any) -> None:
        """Keep the newest state for the next report."""
        self._reports.checkpoint(state)

    def check(self) -> None:
        """Raise why the body shall end, if it shall."""
        if self.asked is not None:
            raise self.asked.error()

    def confirm(self) -> None:
        """Have the worker ask Redis whether the lease stands."""
        self._ask()

    def emit(self, event: Event) -> None:
        """Have the worker publish an event."""
        self._ask(event=event)

    def sealed(self, sealed_id: str) -> bytes | None:
        """Have the worker look up a ciphertext."""
        return self._ask(sealed=sealed_id).sealed

    def _ask(self, *, event: Event | None = None, sealed: str | None = None) -> Answer:
        with self._answered:
            self._n += 1
            n = self._n
        self._channel.send(Question(n=n, event=event, sealed=sealed))
        with self._answered:
            self._answered.wait_for(lambda: n in self._answers)
            answer = self._answers.pop(n)
        error = error_of(answer)
        if error is not None:
            raise error
        return answer

    def _listen(self) -> None:
        while True:
            ready, _, _ = select.select([self._channel], [], [], LOOK_SECONDS)
            if ready and not self._channel.receive():
                # The worker is gone, and with it the lease.
                os._exit(1)
            for frame in self._channel.frames():
                self._hear(frame)
            due = self._reports.due
            if due is not None and self._clock.monotonic() >= due:
                with suppress(OSError):
                    self._channel.send(Report(taken=self._reports.take()))

    def _hear(self, frame: Frame) -> None:
        match frame:
            case Asked(stop=stop):
                self.asked = stop
            case Pressed():
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            case Answer(n=n):
                with self._answered:
                    self._answers[n] = frame
                    self._answered.notify_all()


def _limit_memory(max_bytes: int) -> None:
    """Let this process take so many bytes more than it has by now; 0 takes the limit away.

    Counted is what it allocates, not the files that it maps into its memory: an index may be larger than the limit.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = hard if max_bytes == 0 else _data_bytes() + max_bytes
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[5]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):
        return 0

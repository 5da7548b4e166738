"""A worker's talk with one isolated body, from its beginning until its process is gone."""

from __future__ import annotations

import os
import select
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from rota.errors import RotaError
from rota.runs import Failure
from workers.endings import Ending, ending_of
from workers.nursery import NUMBER
from workers.wire import Answer, Asked, Channel, Ended, Frame, Pressed, Question, Report, answer_of

if TYPE_CHECKING:
    from actors.registry import ActorSpec
    from workers.attempt import Attempt
    from workers.link import AttemptLink
    from workers.stops import Stop

#: After its last word a body has nothing left to do.
EXIT_SECONDS = 2.0
#: Presses (twice a second) after which a process that was killed and is still there is no longer waited for.
GIVEN_UP_AFTER = 10


class ProcessBody:
    """A body in a process of its own: asked, then interrupted, then killed, and at last given up."""

    #: Two of these after a cancel the process is killed.
    patience = 0.5

    def __init__(self, channel: Channel, ward: socket.socket) -> None:
        self._channel = channel
        self._ward = ward
        self._presses = 0

    def ask(self, stop: Stop | None) -> None:
        """Tell the body; what it does not hear it will feel."""
        with suppress(OSError):
            self._channel.send(Asked(stop=stop))

    def press(self) -> None:
        """Interrupt it, the second time kill it with all it has started, and later on give it up."""
        self._presses += 1
        with suppress(OSError):
            if self._presses == 1:
                self._channel.send(Pressed())
            elif self._presses < GIVEN_UP_AFTER:
                self.kill()
            else:
                # Killed and not gone: it hangs in the kernel (a dead file server), and may do so for ever.
                self._ward.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """Have the nursery kill the whole process group."""
        with suppress(OSError):
            self._ward.sendall(b"k")


class Conversation:
    """The worker's part in one isolated body: it passes on, answers, and waits for the end."""

    def __init__(
        self, channel: Channel, ward: socket.socket, *, body: ProcessBody, attempt: Attempt, link: AttemptLink
    ) -> None:
        self._channel = channel
        self._ward = ward
        self._body = body
        self._attempt = attempt
        self._link = link
        self._ending: Ending | None = None
        self._said = b""
        self._nonsense = ""

    def hold(self, spec: ActorSpec) -> Ending:
        """Talk until the process is gone, and return how its body ended."""
        poll = select.poll()
        poll.register(self._channel.fileno(), select.POLLIN)
        poll.register(self._ward.fileno(), select.POLLIN)
        while True:
            # After its last word it has two seconds to go, and after being killed for it again two.
            ready = dict(poll.poll(None if self._ending is None else EXIT_SECONDS * 1000))
            if self._channel.fileno() in ready and not self._listen():
                poll.unregister(self._channel.fileno())
            if self._ward.fileno() in ready and not self._hear_ward():
                break
            if not ready:
                self._body.press()
        # Its last words may have come together with its end; who else holds the socket open is not waited for.
        self._channel.stop_waiting()
        while self._listen():
            pass
        return self._ending or self._crashed(spec)

    def _listen(self) -> bool:
        if self._nonsense or not self._channel.receive():
            return False
        try:
            for frame in self._channel.frames():
                self._hear(frame)
        except ValueError as error:
            # Nothing that comes from there can be believed any more.
            self._nonsense = str(error)
            self._body.kill()
            return False
        return True

    def _hear(self, frame: Frame) -> None:
        match frame:
            case Report(taken=taken):
                self._attempt.reports.absorb(taken)
            case Question():
                self._answer(frame)
            case Ended(ending=ending):
                self._ending = ending

    def _answer(self, question: Question) -> None:
        try:
            answer = self._granted(question)
        except RotaError as error:
            answer = answer_of(question.n, error)
        with suppress(OSError):
            self._channel.send(answer)

    def _granted(self, question: Question) -> Answer:
        if question.sealed is not None:
            return Answer(n=question.n, sealed=self._link.sealed(question.sealed))
        if question.event is not None:
            self._link.emit(question.event)
        else:
            self._link.confirm()
        return Answer(n=question.n)

    def _hear_ward(self) -> bool:
        try:
            data = self._ward.recv(64)
        except OSError:
            return False
        self._said += data
        return bool(data)

    def _crashed(self, spec: ActorSpec) -> Ending:
        asked = self._attempt.asked
        if asked is not None:
            return ending_of(asked.error(), asked)
        how = f"was killed, for it wrote into our socket: {self._nonsense}" if self._nonsense else _how(self._said)
        failure = Failure(type="IsolatedCrash", message=f"the process of actor {spec.name} {how}")
        return Ending(how="failed", failure=failure)


def _how(said: bytes) -> str:
    """Say how a process ended, from what its nursery said: its pid, then its wait status."""
    if len(said) < NUMBER.size:
        return "could not be started"
    if len(said) < 2 * NUMBER.size:
        return "was lost together with the isolating process"
    status = NUMBER.unpack_from(said, NUMBER.size)[0]
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with suppress(ValueError):
            return f"was killed by {signal.Signals(number).name}"
        return f"was killed by signal {number}"
    return f"ended with exit code {os.WEXITSTATUS(status)} before its body was done"

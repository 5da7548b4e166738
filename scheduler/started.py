"""Makes known that the system has started: once, by the scheduler that came when no other was there.

A scheduler that takes over, and one that comes back within the time for which it is believed, start nothing. Where one
supervisor starts everything, Redis too, each of its starts is one, however soon after it was killed. Jobs that listen
for it hear it after the definitions of the folder were read, because events wait for these.
"""

from __future__ import annotations

import logging
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

from rota.errors import BusUnavailable
from rota.events import Event
from rota.loop import Loop
from rota.times import rfc3339

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.clock import Clock

logger = logging.getLogger(__name__)

#: How long a scheduler that says nothing is believed to be there.
BELIEVED_MS = 10_000
STAY_SECONDS = 3.0
#: Time between two tries while Redis is away.
RETRY_SECONDS = 0.5
SOURCE = "rota"


class Started:
    """The duty of being there; `owner` names this scheduler and no other.

    `start` names the start of a whole system of its own, whose scheduler may be started several times.
    """

    def __init__(self, bus: Bus, owner: str, *, start: str | None = None, clock: Clock) -> None:
        self._bus = bus
        self._owner = owner
        self._alone = start is not None
        self._member = start or owner
        self._clock = clock
        self._at = clock.now_ms()
        self._joined = False
        self._unsaid = False
        self.loop = Loop("started", self.step, interval=RETRY_SECONDS)

    def step(self) -> float:
        """Come, or stay; and say that the system has started, until that is in the stream."""
        if self._joined:
            self._bus.presence.stay(self._member, BELIEVED_MS)
        else:
            self._unsaid = self._bus.presence.join(self._member, BELIEVED_MS, alone=self._alone)
            self._joined = True
        if self._unsaid:
            # Safe to repeat: its id is that of this start.
            self._bus.events.publish([self._event()])
            self._unsaid = False
            logger.info("system.started", extra={"owner": self._owner})
        return STAY_SECONDS

    def leave(self) -> None:
        """Go, so that the next to come may be the first again; call it when the loop has ended. Safe to call twice."""
        if not self._joined:
            return
        self._joined = False
        try:
            self._bus.presence.leave(self._member)
        except BusUnavailable as error:
            logger.warning("presence.not_left", extra={"owner": self._owner, "error": str(error)})

    def _event(self) -> Event:
        return Event(
            id=self._member,
            source=SOURCE,
            type="rota.started",
            time=self._at,
            data={
                "scheduler": self._owner,
                "host": platform.node(),
                "version": version("rota"),
                "at": rfc3339(self._at),
            },
        )

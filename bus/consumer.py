"""Gives a Dramatiq worker its messages: leased, decoded one by one, a bad one set aside alone."""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from dramatiq.broker import Consumer
from dramatiq.errors import DecodeError
from dramatiq.message import Message
from redis.exceptions import RedisError

from bus.client import BLOCK_SECONDS
from bus.lease import Action, Verdict
from bus.messages import LeasedMessage
from rota.errors import BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    import redis
    from dramatiq.broker import MessageProxy

    from bus.lease import Lease
    from bus.session import Session

logger = logging.getLogger(__name__)


class LeaseConsumer(Consumer):
    """Iterates over the messages of one queue; None when none came within the time that it may block.

    It outlives every error of Redis by itself: Dramatiq would restart it after three seconds and forget what it
    holds.
    """

    def __init__(self, session: Session, waiting_client: redis.Redis, queue: str, bell: str, timeout_ms: int) -> None:
        self._session = session
        self._waiting_client = waiting_client
        self._queue = queue
        self._bell = bell
        self._block = min(timeout_ms / 1000, BLOCK_SECONDS)
        self._fetched: deque[tuple[Lease, bytes]] = deque()
        self._pause = 0.1

    def __next__(self) -> MessageProxy | None:
        """Return the next message that can be read."""
        while True:
            if not self._fetched and not self._fetch():
                return None
            lease, body = self._fetched.popleft()
            message = self._decode(lease, body)
            if message is not None:
                return message

    def _fetch(self) -> bool:
        try:
            wanted = self._session.reserve(self._queue, self._block)
            if not wanted:
                # No room: the token in the bell is for somebody who has.
                return self._rest()
            if self._take(wanted):
                return True
            self._listen()
            self._pause = 0.1
            return self._take(self._session.reserve(self._queue, 0.0))
        except (BusUnavailable, RedisError, OSError) as error:
            logger.warning("fetch.failed", extra={"queue": self._queue, "error": str(error)})
            time.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311 -- spreads load, guards nothing
            self._pause = min(self._pause * 2, 1.0)
            return False

    def _take(self, wanted: int) -> bool:
        if wanted:
            self._fetched.extend(self._session.fetch(self._queue, wanted))
        return bool(self._fetched)

    def _rest(self) -> bool:
        if not self._session.fetching:
            # Dramatiq asks again at once while it stops.
            time.sleep(self._pause)
        return False

    def _listen(self) -> None:
        # The token is only a hint: whoever takes it fetches, and fetching rings again for what is left.
        self._waiting_client.blpop([self._bell], timeout=self._block)

    def _decode(self, lease: Lease, body: bytes) -> MessageProxy | None:
        try:
            return LeasedMessage(_read(body, lease), lease)
        except (DecodeError, ValueError, TypeError, AttributeError, RecursionError) as error:
            self._set_aside(lease, f"cannot be read: {error}")
            return None

    def _set_aside(self, lease: Lease, reason: str) -> None:
        logger.error("message.set_aside", extra={"lease": lease.id, "queue": lease.queue, "reason": reason})
        self._session.settle(lease.id, Verdict(action=Action.DEAD, reason=reason, failure="Unreadable"), lease.fence)

    def ack(self, message: MessageProxy) -> None:
        """Settle a message that is done, retried or handed back, as was decided for it."""
        self._session.settle(message.message_id, Verdict(action=Action.ACK), _fence_of(message))

    def nack(self, message: MessageProxy) -> None:
        """Set a message aside; unless something else was decided, its run fails with the reason."""
        error = message._exception  # noqa: SLF001 -- the only place where Dramatiq keeps it
        reason = f"{type(error).__name__}: {error}" if error is not None else "it was rejected"
        failure = type(error).__name__ if error is not None else "Rejected"
        verdict = Verdict(action=Action.DEAD, reason=reason, failure=failure)
        self._session.settle(message.message_id, verdict, _fence_of(message))

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Hand messages back that were leased and never started."""
        for message in messages:
            self._session.settle(message.message_id, Verdict(action=Action.BACK), _fence_of(message))

    def close(self) -> None:
        """Hand back what was fetched and never given out."""
        while self._fetched:
            lease, _ = self._fetched.popleft()
            self._session.settle(lease.id, Verdict(action=Action.BACK), lease.fence)


def _fence_of(message: MessageProxy) -> int | None:
    return message.lease.fence if isinstance(message, LeasedMessage) else None


def _read(body: bytes, lease: Lease) -> Message[Any]:
    message: Message[Any] = Message.decode(body)
    if message.message_id != lease.id or message.queue_name != lease.queue:
        raise ValueError(f"it says it is {message.message_id!r} of {message.queue_name!r}")
    return message

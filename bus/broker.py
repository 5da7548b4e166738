"""A Dramatiq broker on Redis that loses nothing: leases for messages, batches for everything.

Any Dramatiq actor and middleware work on it unchanged. What it does differently from the stock Redis broker, and
why, is the table in docs/architecture.md.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Any, cast

from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionClosed, QueueJoinTimeout
from dramatiq.middleware import Middleware

from bus.consumer import LeaseConsumer
from bus.keys import LEVELS, message_id
from bus.messages import plain_header, task_of
from bus.session import Listeners, Session
from rota.errors import BusUnavailable
from rota.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dramatiq import Worker
    from dramatiq.broker import Broker, Consumer, MessageProxy
    from dramatiq.message import Message

    from bus.connection import Bus


class LeaseBroker(RedisBroker):
    """Takes messages from and puts messages on the bus.

    `worker_id` names the process in leases, heartbeats and attempts; by default host, pid and a part of a new id.
    """

    def __init__(
        self, bus: Bus, *, worker_id: str | None = None, middleware: Iterable[Middleware] | None = None
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]  # it has no annotations
            client=bus.client,
            namespace=bus.keys.namespace,
            middleware=None if middleware is None else list(middleware),
        )
        self.bus = bus
        self.worker_id = worker_id or f"{socket.gethostname()}-{os.getpid()}-{new_id()[-8:]}"
        self.listeners = Listeners()
        self._session: Session | None = None
        self.add_middleware(_Lifecycle())

    # --- Dramatiq's side -------------------------------------------------------------------------------------

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue; there is no delay queue beside it, because what is delayed waits in the timetable."""
        if queue_name not in self.queues:
            plain_header(queue_name)
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a message, after `delay` ms if given; the same message twice is one message.

        A message that this process holds right now is being retried: then its acknowledgement becomes the retry,
        in one step. Raises ConnectionClosed when Redis cannot be reached.
        """
        header = plain_header(message.queue_name)
        if self._session is not None and self._session.defer(message.message_id, header, message.encode(), delay or 0):
            return message
        self.emit_before("enqueue", message, delay)
        try:
            self.bus.sender.put([(message.message_id, header, message.encode(), delay or 0)])
        except BusUnavailable as error:
            raise ConnectionClosed(error) from error
        self.emit_after("enqueue", message, delay)
        return message

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Return a consumer; `prefetch` is not used, because how much is fetched follows how long the work takes."""
        return LeaseConsumer(
            self.session(),
            self.bus.waiting_client,
            queue_name,
            self.bus.keys.bell(queue_name),
            timeout,
        )

    def flush(self, queue_name: str) -> None:
        """Drop everything that waits in a queue."""
        client, keys = self.bus.client, self.bus.keys
        while ids := client.lpop(keys.suspects(queue_name), 500):
            client.hdel(keys.messages, *ids)
        for level in LEVELS:
            while waiting := cast("list[tuple[bytes, float]]", client.zpopmin(keys.queue(queue_name, level), 500)):
                client.hdel(keys.messages, *(message_id(member) for member, _ in waiting))
            client.delete(keys.turns(queue_name, level))

    def join(self, queue_name: str, *, interval: int = 100, timeout: int | None = None) -> None:
        """Wait until no message of the queue waits, is delayed or held; for tests only, it reads every message."""
        deadline = None if timeout is None else time.monotonic() + timeout / 1000
        while self._size(queue_name):
            if deadline is not None and time.monotonic() >= deadline:
                raise QueueJoinTimeout(queue_name)
            time.sleep(interval / 1000)

    def _size(self, queue_name: str) -> int:
        headers = (
            stored.partition(b"\n")[0].split(b" ")
            for _, stored in self.bus.client.hscan_iter(self.bus.keys.messages, count=500)
        )
        return sum(header[2] == queue_name.encode() for header in headers)

    def close(self) -> None:
        """Settle what is done and stop the threads; the bus itself stays open."""
        self.end_session()

    # --- Rota's side -----------------------------------------------------------------------------------------

    def session(self, threads: int = 8) -> Session:
        """Return what this process holds; the first call starts its heartbeat."""
        if self._session is None:
            self._session = Session(self.bus, self.worker_id, threads, self.listeners)
            self._session.start()
        return self._session

    def end_session(self) -> None:
        """Settle what is done, stop the heartbeat; safe to call twice."""
        if self._session is not None:
            self._session.stop_fetching()
            self._session.close()
            self._session = None


class _Lifecycle(Middleware):
    """Ties the session to the worker: it knows the number of threads, stops fetching first, closes last."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        assert isinstance(broker, LeaseBroker)
        broker.session(worker.worker_threads)

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        assert isinstance(broker, LeaseBroker)
        broker.session().stop_fetching()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        assert isinstance(broker, LeaseBroker)
        broker.end_session()

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        assert isinstance(broker, LeaseBroker)
        # A task is reported by the run context; of a plain message only its duration is of interest.
        if task_of(message) is None:
            broker.session().started(message.message_id, b"")

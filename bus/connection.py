"""One door to the bus: the clients, the keys, the scripts and the parts built on them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from bus.census import Census
from bus.client import ANSWER_SECONDS, open_client
from bus.control import Control
from bus.dead import DeadLetters
from bus.events import EventStream
from bus.keys import Keys
from bus.leadership import Leadership
from bus.outcomes import OutcomeStream
from bus.presence import Presence
from bus.reaper import Reaper
from bus.scripts import Scripts
from bus.seals import Seals
from bus.sender import Sender
from bus.watched import WatchList
from rota.errors import BusUnavailable

if TYPE_CHECKING:
    import redis

    from bus.timetable import Timetable


class Bus:
    """Everything that a process needs of Redis.

    `url` is the server, `namespace` the tag of all keys, `lease_ms` how long a worker may be silent,
    `heartbeat_ms` how often it says something (a third of that by default), `leader_lease_ms` how long a leader may be
    silent, `answer_seconds` how long an answer is waited for. `client` replaces the connection (the in-memory twin).
    """

    def __init__(
        self,
        url: str = "",
        *,
        namespace: str = "rota",
        lease_ms: int = 15_000,
        heartbeat_ms: int | None = None,
        leader_lease_ms: int = 3_000,
        answer_seconds: float = ANSWER_SECONDS,
        client: redis.Redis | None = None,
    ) -> None:
        self.keys = Keys(namespace)
        self.lease_ms = lease_ms
        self.heartbeat_ms = heartbeat_ms or lease_ms // 3
        self.client = client if client is not None else open_client(url, answer_seconds=answer_seconds)
        #: For readers that block: its own connections, its own longer timeout.
        self.waiting_client = (
            client if client is not None else open_client(url, blocking=True, answer_seconds=answer_seconds)
        )
        self.scripts = Scripts(self.client, self.keys)
        self.sender = Sender(self.scripts)
        self.outcomes = OutcomeStream(self.waiting_client, self.scripts, self.keys)
        self.events = EventStream(self.waiting_client, self.keys)
        self.control = Control(self.waiting_client, self.scripts, self.keys)
        self.leadership = Leadership(self.scripts, leader_lease_ms)
        self.presence = Presence(self.scripts)
        self.reaper = Reaper(self.scripts, lease_ms)
        self.dead = DeadLetters(self.client, self.scripts, self.keys)
        self.census = Census(self.client, self.keys)
        self.watched = WatchList(self.client, self.keys)
        self.seals = Seals(self.client, self.keys)

    @cached_property
    def timetable(self) -> Timetable:
        """Everything that is due later; made on first use, because it imports rq-scheduler."""
        from bus.timetable import Timetable

        return Timetable(self.client, self.waiting_client, self.scripts, self.keys)

    def ping(self) -> None:
        """Raise BusUnavailable unless Redis answers."""
        try:
            self.client.ping()
        except RedisError as error:
            raise BusUnavailable(f"Redis does not answer: {error}") from error

    def close(self) -> None:
        """Close all connections; safe to call twice."""
        self.client.close()
        self.waiting_client.close()

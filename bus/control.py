"""Cancel, pause and resume: a request that stays in Redis, and a publish that makes it quick; and terminate."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, cast

from redis.exceptions import RedisError

from bus.errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import redis

    from bus.keys import Keys
    from bus.scripts import Scripts

#: How long a listener waits for a message before it looks whether anything else is to be done.
LISTEN_SECONDS = 1.0

Request = Literal["cancel", "pause", "resume", "terminate"]


class Control:
    """Asks for tasks to stop, wherever they are."""

    def __init__(self, client: redis.Redis, scripts: Scripts, keys: Keys) -> None:
        self._client = client
        self._scripts = scripts
        self._keys = keys

    def request(self, kind: Request, task_ids: Sequence[str]) -> dict[str, str]:
        """Ask, and return for each task whether it was `waiting` (dropped at once), `running` or `unknown`.

        A cancelled or paused task is reported through the outcomes. A terminated one is not, because the store has
        closed it: its worker loses the lease at once, and for about a minute nobody can send it again.
        """
        answer: dict[str, str] = {}
        for start in range(0, len(task_ids), 500):
            batch = task_ids[start : start + 500]
            said = self._scripts.run("control", [kind, *batch])
            answer.update(zip(batch, (word.decode() for word in said), strict=True))
        return answer

    def listen(self, heard: Callable[[str, str], None]) -> Listener:
        """Call `heard(kind, task id)` for each request, from a thread of its own, until the listener is closed.

        Beside cancel, pause and resume there is the kind `lost`: the lease of the task is gone.
        """
        return Listener(self._client, self._keys.control_channel, heard)


class Listener:
    """A thread that waits for requests; what it misses while Redis is away comes with the next heartbeat."""

    def __init__(self, client: redis.Redis, channel: str, heard: Callable[[str, str], None]) -> None:
        self._client = client
        self._channel = channel
        self._heard = heard
        self._stopping = threading.Event()
        #: Held to use the subscription from outside its thread, and to give its connection back.
        self._guard = threading.Lock()
        self._subscription: redis.client.PubSub | None = None
        self._thread = threading.Thread(target=self._listen, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; safe to call twice."""
        self._stopping.set()
        with self._guard, suppress(RedisError, OSError):
            if self._subscription is not None:
                # The answer ends the wait of the thread, which would cost every stop of a worker up to a second.
                self._subscription.unsubscribe()
        self._thread.join(timeout=5)

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen_once()
            except (RedisError, OSError):
                self._stopping.wait(1.0)

    def _listen_once(self) -> None:
        with translated("opening the control channel"):
            channel = self._client.pubsub(ignore_subscribe_messages=True)
        try:
            channel.subscribe(self._channel)
            self._subscription = channel
            while not self._stopping.is_set():
                message = channel.get_message(timeout=LISTEN_SECONDS)
                if message is None:
                    continue
                kind, _, task = cast("bytes", message["data"]).decode().partition(" ")
                self._heard(kind, task)
        finally:
            with self._guard:
                self._subscription = None
                channel.close()

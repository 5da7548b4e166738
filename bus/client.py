"""Opens Redis clients that time out and never repeat a command by themselves."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
#: Longest time a reader may block in Redis; its socket waits longer by the time of an answer.
BLOCK_SECONDS = 2.0


def open_client(url: str, *, blocking: bool = False, answer_seconds: float = ANSWER_SECONDS) -> redis.Redis:
    """Return a client for a `redis://`, `rediss://` or `unix://` address that waits so long for an answer.

    redis-py repeats a command ten times when its answer is lost; for a script that means it runs again
    (redis-py issue 3554), so repeating is switched off here and left to callers that know it is safe.
    """
    wait = answer_seconds + (BLOCK_SECONDS if blocking else 0.0)
    client: redis.Redis = redis.Redis.from_url(
        url,
        socket_timeout=wait,
        socket_connect_timeout=CONNECT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
    )
    return client

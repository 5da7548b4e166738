"""Measures what waits in each queue: how much, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from bus.keys import LEVELS, message_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from bus.keys import Keys


def depths(client: redis.Redis, keys: Keys, names: Sequence[str]) -> list[dict[str, int]]:
    """Return for each queue how many messages wait in each level."""
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.llen(keys.suspects(name))
        for level in LEVELS:
            pipeline.zcard(keys.queue(name, level))
    levels = ("suspect", *LEVELS)
    counts = iter(pipeline.execute())
    return [{level: next(counts) for level in levels} for _ in names]


def ages(client: redis.Redis, keys: Keys, names: Sequence[str]) -> list[int | None]:
    """Return for each queue the age in ms of its oldest waiting message, None where none waits.

    It takes the same few commands however much waits.
    """
    heads = _heads(client, keys, names)
    every = [head for queue in heads for head in queue]
    stored = cast("list[bytes | None]", client.hmget(keys.messages, every)) if every else []
    seconds, micros = client.time()
    now = seconds * 1000 + micros // 1000
    sent = {head: at for head, body in zip(every, stored, strict=True) if (at := _sent_at(body)) is not None}
    oldest = (min((sent[head] for head in queue if head in sent), default=None) for queue in heads)
    return [None if at is None else max(0, now - at) for at in oldest]


def _heads(client: redis.Redis, keys: Keys, names: Sequence[str]) -> list[list[bytes]]:
    """Return for each queue the ids among which its oldest message is.

    Of each owner the oldest is first, and comes in the turn that is served or in the next one; of each of these two
    the oldest is first. What was handed back has turns below 0, and the first that was is the last of them.
    """
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.lindex(keys.suspects(name), 0)
        for level in LEVELS:
            pipeline.zrevrangebyscore(keys.queue(name, level), "(0", "-inf", 0, 1)
            pipeline.zrangebyscore(keys.queue(name, level), 0, "+inf", 0, 1, withscores=True)
    answers = pipeline.execute()
    heads: list[list[bytes]] = []
    following: list[tuple[list[bytes], str, int]] = []
    size = 1 + 2 * len(LEVELS)
    for n, name in enumerate(names):
        suspect, *waiting = answers[n * size : (n + 1) * size]
        queue = [suspect] if suspect else []
        for level, front, served in zip(LEVELS, waiting[::2], waiting[1::2], strict=True):
            queue += [message_id(member) for member in front]
            for member, turn in served:
                queue.append(message_id(member))
                following.append((queue, keys.queue(name, level), int(turn) + 1))
        heads.append(queue)
    for _, key, turn in following:
        pipeline.zrangebyscore(key, turn, turn, 0, 1)
    for (queue, _, _), members in zip(following, pipeline.execute(), strict=True):
        queue += [message_id(member) for member in members]
    return heads


def _sent_at(stored: bytes | None) -> int | None:
    if stored is None:
        return None
    try:
        return int(msgspec.json.decode(stored.partition(b"\n")[2])["message_timestamp"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None

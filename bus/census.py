"""Counts what is in the bus, for metrics, console and doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec

from bus import waiting
from bus.errors import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    import redis

    from bus.keys import Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """What waits in one queue; `oldest_ms` is the age of the oldest waiting message, None when none waits."""

    name: str
    waiting: dict[str, int]
    oldest_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFigures:
    """What a worker last said of itself; `about` holds host, pid, queues, threads, busy, resident_bytes and version."""

    id: str
    seen_at: int
    held: int
    about: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BusFigures:
    """Figures of the whole bus, read in one round trip.

    `delayed` counts everything in the timetable; `lag_ms` is how long its oldest due entry is overdue, 0 when none is.
    `events_oldest_ms` is how long the oldest event has waited, None when none waits.
    """

    leased: int
    delayed: int
    lag_ms: int
    settled: int
    dead: int
    dead_events: int
    outcomes_waiting: int
    events_waiting: int
    events_oldest_ms: int | None
    workers: int
    leader: str | None
    epoch: int
    counters: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What the server is, and whether it keeps what it is given; `now` is its clock in ms."""

    name: str
    version: str
    #: The Redis version whose commands it has; a Valkey names its own beside it.
    compatible_with: tuple[int, ...]
    append_only: bool
    eviction: str
    now: int


class Census:
    """Reads figures; nothing here changes anything but the counters."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def queues(self) -> list[QueueFigures]:
        """Return the figures of every queue, by name."""
        client, keys = self._client, self._keys
        with translated("counting queues"):
            names = sorted(name.decode() for name in cast("set[bytes]", client.smembers(keys.queues)))
            depths, ages = waiting.depths(client, keys, names), waiting.ages(client, keys, names)
        return [
            QueueFigures(name=name, waiting=depth, oldest_ms=age)
            for name, depth, age in zip(names, depths, ages, strict=True)
        ]

    def workers(self) -> list[WorkerFigures]:
        """Return every worker that was heard of within its lease."""
        with translated("counting workers"):
            (seconds, micros), skew = self._client.time(), cast("bytes | None", self._client.get(self._keys.skew))
            now = seconds * 1000 + micros // 1000 + int(skew or 0)
            ids = [
                worker.decode()
                for worker in cast("list[bytes]", self._client.zrangebyscore(self._keys.workers, now, "+inf"))
            ]
            pipeline = self._client.pipeline(transaction=False)
            for worker in ids:
                pipeline.hgetall(self._keys.worker(worker))
                pipeline.scard(self._keys.worker_held(worker))
            answers = pipeline.execute()
        return [
            WorkerFigures(
                id=worker,
                seen_at=int(answers[2 * n].get(b"seen", 0)),
                held=answers[2 * n + 1],
                about=msgspec.json.decode(answers[2 * n].get(b"about", b"{}")),
            )
            for n, worker in enumerate(ids)
        ]

    def add(self, counts: Mapping[str, int]) -> None:
        """Let counters of the fleet grow, each by its number."""
        with translated("counting up"):
            pipeline = self._client.pipeline(transaction=True)
            for name, by in counts.items():
                pipeline.hincrby(self._keys.counters, name, by)
            pipeline.execute()

    def server(self) -> ServerFacts:
        """Return what the server says of itself."""
        with translated("asking the server what it is"):
            info = self._client.info()
            seconds, micros = self._client.time()
        return ServerFacts(
            name="Valkey" if "valkey_version" in info else "Redis",
            version=str(info.get("valkey_version", info["redis_version"])),
            compatible_with=tuple(int(part) for part in str(info["redis_version"]).split(".")[:2]),
            append_only=bool(info.get("aof_enabled")),
            eviction=str(info.get("maxmemory_policy")),
            now=seconds * 1000 + micros // 1000,
        )

    def figures(self) -> BusFigures:
        """Return the figures of the whole bus."""
        keys = self._keys
        with translated("counting"):
            pipeline = self._client.pipeline(transaction=False)
            pipeline.zcard(keys.leases)
            for key in (keys.timetable, keys.delayed):
                pipeline.zcard(key)
                pipeline.zrange(key, 0, 0, withscores=True)
            pipeline.time()
            pipeline.get(keys.skew)
            pipeline.hlen(keys.settled)
            pipeline.zcard(keys.dead)
            pipeline.xlen(keys.dead_events)
            pipeline.xlen(keys.outcomes)
            pipeline.xlen(keys.events)
            pipeline.xrange(keys.events, count=1)
            pipeline.zcard(keys.workers)
            pipeline.get(keys.leader)
            pipeline.get(keys.epoch)
            pipeline.hgetall(keys.counters)
            (
                leased, entered, first_entry, delayed, first_delayed, (seconds, micros), skew, settled, dead,
                dead_events, outcomes, events, oldest_event, workers, leader, epoch, counters,
            ) = pipeline.execute()  # fmt: skip
        now = seconds * 1000 + micros // 1000
        # Delays are measured by the time of the bus, which the server's clock is behind after it went back.
        overdue = [
            *(now - int(due) for _, due in first_entry),
            *(now + int(skew or 0) - int(due) for _, due in first_delayed),
        ]
        return BusFigures(
            leased=leased,
            delayed=entered + delayed,
            lag_ms=max([0, *overdue]),
            settled=settled,
            dead=dead,
            dead_events=dead_events,
            outcomes_waiting=outcomes,
            events_waiting=events,
            # The first part of an entry's id is when it was added.
            events_oldest_ms=max(0, now - int(oldest_event[0][0].partition(b"-")[0])) if oldest_event else None,
            workers=workers,
            leader=leader.decode() if leader else None,
            epoch=int(epoch or 0),
            counters={name.decode(): int(value) for name, value in counters.items()},
        )

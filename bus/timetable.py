"""The sorted set of everything due later: an rq-scheduler whose unsafe parts are replaced.

What serves: one sorted set by due time and the names of its look-ups (`in`, `count`). What is
replaced, and why, stands in docs/architecture.md: entries are names (no pickled job hashes), times are
milliseconds of the server, and moving what is due is one script call fenced by the leader's epoch.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from redis.exceptions import RedisError
from rq_scheduler import Scheduler

from bus.client import BLOCK_SECONDS
from bus.errors import translated
from bus.messages import body_of, header_of
from rota.errors import StaleEpoch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import redis

    from bus.keys import Keys
    from bus.scripts import Scripts
    from rota.messages import TaskMessage

#: Entries moved in one call.
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One due time (ms) of one trigger of one job."""

    job: str
    trigger: str
    due: int

    @property
    def member(self) -> str:
        """The tick's name in the sorted set, without its prefix; a job's name has no slash."""
        return f"{self.job}/{self.trigger}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """A decided tick and when its trigger is due next; None for never again."""

    tick: Tick
    next_due: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What is due: `now` and `next_due` are server times in ms, `moved` counts delayed messages sent on."""

    now: int
    next_due: int | None
    moved: int
    ticks: tuple[Tick, ...]


class Timetable(Scheduler):
    """Holds ticks and delayed messages until they are due."""

    def __init__(self, client: redis.Redis, waiting_client: redis.Redis, scripts: Scripts, keys: Keys) -> None:
        # rq-scheduler reads these as class attributes; here they depend on the namespace.
        self.scheduler_key = f"{keys.tag}:scheduler"
        self.scheduler_lock_key = keys.leader
        self.scheduled_jobs_key = keys.timetable
        self.redis_scheduler_namespace_prefix = f"{keys.tag}:scheduler_instance:"
        super().__init__(connection=client, interval=5)  # type: ignore[no-untyped-call]  # it has no annotations
        self._waiting_client = waiting_client
        self._scripts = scripts
        self._keys = keys

    def put_ticks(self, ticks: Iterable[Tick]) -> None:
        """Enter ticks, or move them to another due time."""
        entries = {f"t:{tick.member}": tick.due for tick in ticks}
        names = list(entries)
        with translated("entering ticks"):
            for start in range(0, len(names), BATCH):
                self.connection.zadd(
                    self._keys.timetable, {name: entries[name] for name in names[start : start + BATCH]}
                )
            if names:
                self.wake()

    def drop_ticks(self, ticks: Iterable[Tick]) -> None:
        """Take ticks out, whatever their due time."""
        names = [f"t:{tick.member}" for tick in ticks]
        with translated("dropping ticks"):
            for start in range(0, len(names), BATCH):
                self.connection.zrem(self._keys.timetable, *names[start : start + BATCH])

    def claim(self, epoch: int, limit: int = BATCH) -> Claimed:
        """Return the ticks that are due, which stay until emitted, and send due delayed messages on.

        Raises StaleEpoch when another leader was elected meanwhile.
        """
        answer = self._scripts.run("claim", [epoch, limit])
        if answer[0] == b"stale":
            raise StaleEpoch(f"epoch {epoch} is over")
        entries = answer[3:]
        return Claimed(
            now=int(answer[0]),
            next_due=int(float(answer[1])) if answer[1] else None,
            moved=int(answer[2]),
            ticks=tuple(_tick(member, due) for member, due in zip(entries[::2], entries[1::2], strict=True)),
        )

    def emit(self, epoch: int, advances: Sequence[Advance], messages: Sequence[TaskMessage] = ()) -> int:
        """Move decided ticks on and send what they started; return how many messages were new.

        Raises StaleEpoch, and then nothing was done.
        """
        arguments: list[Any] = [epoch, len(advances)]
        for advance in advances:
            following = "" if advance.next_due is None else advance.next_due
            arguments += (advance.tick.member, advance.tick.due, following)
        for message in messages:
            arguments += (message.task, header_of(message), body_of(message))
        sent = int(self._scripts.run("emit", arguments))
        if sent < 0:
            raise StaleEpoch(f"epoch {epoch} is over")
        return sent

    def seeded(self) -> bool:
        """Return whether the timetable still is what the store filled it with; False after Redis lost everything."""
        with translated("looking at the timetable"):
            return bool(self.connection.exists(self._keys.seeded))

    def mark_seeded(self) -> None:
        """Note that the timetable was filled from the store."""
        with translated("marking the timetable"):
            self.connection.set(self._keys.seeded, "1")

    def wake(self) -> None:
        """Wake whoever sleeps until the earliest entry."""
        with translated("waking the timetable's reader"):
            if self.connection.llen(self._keys.timetable_bell) == 0:
                self.connection.lpush(self._keys.timetable_bell, "1")

    def listen(self, stopping: threading.Event, woken: Callable[[], None]) -> None:
        """Call `woken` at each new earliest entry until `stopping` is set; runs in a thread of the caller's.

        Redis rounds the end of a blocked read up to a tenth of a second, so the waiting for a due time is done by
        the caller's own clock, and only news come through here.
        """
        while not stopping.is_set():
            try:
                if self._waiting_client.blpop([self._keys.timetable_bell], timeout=BLOCK_SECONDS):
                    woken()
            except (RedisError, OSError):
                stopping.wait(1.0)

    def __contains__(self, item: object) -> bool:
        """Return whether a tick (`job/trigger`) or a delayed message id is entered."""
        name = item.member if isinstance(item, Tick) else str(item)
        with translated("looking into the timetable"):
            scores = cast(
                "list[float | None]",
                self.connection.zmscore(self._keys.timetable, [f"t:{name}", f"m:{name}"]),
            )
        return any(score is not None for score in scores)

    def count(self, until: int | None = None) -> int:
        """Return how many entries there are, up to a due time in ms if given."""
        with translated("counting the timetable"):
            return cast(
                "int",
                self.connection.zcount(self._keys.timetable, "-inf", "+inf" if until is None else until),
            )


def _tick(member: bytes, due: bytes) -> Tick:
    job, _, trigger = member.decode().rpartition("/")
    return Tick(job=job, trigger=trigger, due=int(float(due)))

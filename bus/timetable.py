"""Everything that is due later: an rq-scheduler whose unsafe parts are replaced.

What serves: a sorted set by due time and the names of its look-ups (`in`, `count`). What is
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
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import redis

    from bus.keys import Keys
    from bus.scripts import Scripts
    from rota.messages import TaskMessage

#: Entries moved in one call.
BATCH = 500
#: What the names of the two kinds of entries begin with.
_TICK, _WINDOW = "t:", "w:"


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
class Window:
    """When (ms) a window, in which events are collected for one run, closes; `id` is the text of its UUID."""

    id: str
    due: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowAdvance:
    """A window that was due at `due` and decided, and when it is due next; None when it is closed."""

    id: str
    due: int
    next_due: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What is due up to `now`, the time in ms that the caller gave, or the server's when it gave none.

    `next_due` is by the same clock, None when nothing follows; `server_now` is the server's time in ms. `moved` counts
    delayed messages that were sent on.
    """

    now: int
    server_now: int
    next_due: int | None
    moved: int
    ticks: tuple[Tick, ...]
    windows: tuple[Window, ...]


class Timetable(Scheduler):
    """Holds ticks, windows and delayed messages until they are due.

    Ticks and windows are due by the clock of whoever claims them, because the store says when. Delays are counted from
    the server's time and end by it, in a set of their own: neither is in the other's way when the clocks differ.
    """

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
        with translated("entering ticks"):
            self._put({f"{_TICK}{tick.member}": tick.due for tick in ticks})

    def heal_ticks(self, ticks: Iterable[Tick]) -> None:
        """Enter those of the ticks that are missing, and move those that are entered for a later time."""
        with translated("healing ticks"):
            self._put({f"{_TICK}{tick.member}": tick.due for tick in ticks}, only_earlier=True)

    def drop_ticks(self, ticks: Iterable[Tick]) -> None:
        """Take ticks out, whatever their due time."""
        with translated("dropping ticks"):
            self._drop([f"{_TICK}{tick.member}" for tick in ticks])

    def put_windows(self, windows: Iterable[tuple[str, int]]) -> None:
        """Enter windows (id, due time in ms), or move them to another due time."""
        with translated("entering windows"):
            self._put({f"{_WINDOW}{name}": due for name, due in windows})

    def _put(self, entries: Mapping[str, int], *, only_earlier: bool = False) -> None:
        names = list(entries)
        for start in range(0, len(names), BATCH):
            some = {name: entries[name] for name in names[start : start + BATCH]}
            self.connection.zadd(self._keys.timetable, some, lt=only_earlier)
        if not names:
            return
        # Only a new earliest entry concerns whoever sleeps until the old one.
        first = cast("list[bytes]", self.connection.zrange(self._keys.timetable, 0, 0))
        if first and first[0].decode() in entries:
            self.wake()

    def _drop(self, names: Sequence[str]) -> None:
        for start in range(0, len(names), BATCH):
            self.connection.zrem(self._keys.timetable, *names[start : start + BATCH])

    def claim(self, epoch: int, now_ms: int | None = None, limit: int = BATCH) -> Claimed:
        """Return the ticks and windows that are due, which stay until emitted, and send due delayed messages on.

        `now_ms` is the time up to which they are due; None means the server's. Raises StaleEpoch when another leader
        was elected meanwhile.
        """
        answer = self._scripts.run("claim", [epoch, limit, "" if now_ms is None else now_ms])
        if answer[0] == b"stale":
            raise StaleEpoch(f"epoch {epoch} is over")
        ticks: list[Tick] = []
        windows: list[Window] = []
        for member, score in zip(answer[4::2], answer[5::2], strict=True):
            name, due = member.decode(), int(float(score))
            if name.startswith(_WINDOW):
                windows.append(Window(id=name.removeprefix(_WINDOW), due=due))
            else:
                ticks.append(_tick(name.removeprefix(_TICK), due))
        return Claimed(
            now=int(answer[0]),
            server_now=int(answer[3]),
            next_due=int(answer[1]) if answer[1] else None,
            moved=int(answer[2]),
            ticks=tuple(ticks),
            windows=tuple(windows),
        )

    def emit(
        self,
        epoch: int,
        advances: Sequence[Advance],
        messages: Sequence[TaskMessage] = (),
        *,
        windows: Sequence[WindowAdvance] = (),
        delays: Mapping[str, int] | None = None,
    ) -> int:
        """Move decided ticks and windows on and send what they started; return how many messages were new.

        `delays` says by task id how many ms a message waits first; one that is not named waits for nothing. Raises
        StaleEpoch, and then nothing was done.
        """
        arguments: list[Any] = [epoch, len(advances) + len(windows)]
        for advance in advances:
            arguments += (f"{_TICK}{advance.tick.member}", advance.tick.due, _following(advance.next_due))
        for window in windows:
            arguments += (f"{_WINDOW}{window.id}", window.due, _following(window.next_due))
        for message in messages:
            arguments += (message.task, header_of(message), body_of(message), (delays or {}).get(message.task, 0))
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

    def trusted(self) -> int | None:
        """Return the latest time (ms) that a leader took for true; None if none ever did."""
        with translated("reading the trusted time"):
            noted = cast("bytes | None", self.connection.get(self._keys.trusted))
        return None if noted is None else int(noted)

    def note_trusted(self, now_ms: int) -> None:
        """Note the time that the leader takes for true, for the next one."""
        with translated("noting the trusted time"):
            self.connection.set(self._keys.trusted, now_ms)

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
        """Return whether a tick (`job/trigger`), a window's id or a delayed message's id is entered."""
        name = item.member if isinstance(item, Tick) else item.id if isinstance(item, Window) else str(item)
        with translated("looking into the timetable"):
            scores = cast(
                "list[float | None]",
                self.connection.zmscore(self._keys.timetable, [f"{_TICK}{name}", f"{_WINDOW}{name}"]),
            )
            scores.append(self.connection.zscore(self._keys.delayed, name))
        return any(score is not None for score in scores)

    def count(self, until: int | None = None) -> int:
        """Return how many entries there are, up to a due time in ms if given."""
        with translated("counting the timetable"):
            return sum(
                cast("int", self.connection.zcount(key, "-inf", "+inf" if until is None else until))
                for key in (self._keys.timetable, self._keys.delayed)
            )


def _tick(member: str, due: int) -> Tick:
    job, _, trigger = member.rpartition("/")
    return Tick(job=job, trigger=trigger, due=due)


def _following(next_due: int | None) -> int | str:
    return "" if next_due is None else next_due

"""A scheduler in pieces: its duties are called one by one, so that a test can stop between any two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from actors.registry import Registry, load_registry
from bus.connection import Bus
from rota.clock import SystemClock
from rota.jobs import Job
from rota.messages import Outcome, TaskMessage
from rota.runs import Failure
from rota.states import RunState
from rota.times import DAY_MS
from scheduler.announcing import Announcer
from scheduler.events import Events
from scheduler.jobs.catalogue import Catalogue
from scheduler.leader import Leader
from scheduler.listening.windows import Windows
from scheduler.recorder import Recorder
from scheduler.sweeper import Sweeper
from scheduler.tally import Tally
from scheduler.ticks import Ticks
from scheduler.waiting import Waiting
from store.engine import Store
from store.queries import jobs, runs, ticks
from store.records import RunDetail, RunRecord, TickRecord
from tests.factories import make_job


class Duties:
    """The parts of one scheduler, as `scheduler.process` joins them, without their threads."""

    def __init__(self, store: Store, bus: Bus, owner: str = "first") -> None:
        self.clock = SystemClock()
        self.tally = Tally()
        self.catalogue = Catalogue(REGISTRY)
        self.leader = Leader(bus.leadership, owner)
        shared = (store, bus, self.catalogue, self.leader)
        self.announcer = Announcer(*shared, clock=self.clock)
        self.windows = Windows(store, bus, self.catalogue, clock=self.clock)
        self.ticks = Ticks(*shared, clock=self.clock, tally=self.tally, fire_windows=self.windows.fire)
        self.events = Events(*shared, windows=self.windows, clock=self.clock, tally=self.tally)
        self.recorder = Recorder(*shared, announcer=self.announcer, clock=self.clock, tally=self.tally)
        self.sweeper = Sweeper(
            *shared,
            recording=self.recorder.recording,
            clock=self.clock,
            tally=self.tally,
        )
        self.waiting = Waiting(*shared, clock=self.clock)


REGISTRY: Registry = load_registry(["tests.actors_for_tests"])


class World:
    """A store, a bus and one leading scheduler, with short words for what tests do to them."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self.store = store
        self.bus = bus
        self.clock = SystemClock()
        self.duties = Duties(store, bus)
        self.duties.leader.campaign()

    def other(self) -> Duties:
        """Another scheduler, which has not campaigned yet."""
        return Duties(self.store, self.bus, owner="second")

    def take_over(self) -> Duties:
        """Let another scheduler lead, as after the first one died."""
        self.bus.leadership.resign(self.duties.leader.owner)
        other = self.other()
        other.leader.campaign()
        assert other.leader.leading() is not None
        return other

    def define(self, name: str = "tidy", **fields: Any) -> Job:
        """Save a job, as if it had been there for a week; unless it says otherwise its runs may overlap."""
        job = make_job(name, **{"overlap": "allow_all", **fields})
        with self.store.writing() as conn:
            jobs.save(conn, job, author="tester", source="test", at=self.clock.now_ms() - 7 * DAY_MS)
        return job

    def runs(self, job: str = "tidy") -> list[RunRecord]:
        """The runs of a job, oldest first."""
        with self.store.reading() as conn:
            return runs.list_runs(conn, job=job, limit=500).items[::-1]

    def detail(self, run: str) -> RunDetail:
        with self.store.reading() as conn:
            return runs.run_detail(conn, run)

    def job(self, name: str = "tidy") -> Any:
        with self.store.reading() as conn:
            return jobs.get(conn, name)

    def tick_rows(self, job: str = "tidy") -> list[TickRecord]:
        with self.store.reading() as conn:
            return ticks.of_job(conn, job)

    def make_due(self, due: int, job: str = "tidy") -> TickRecord:
        """Move a job's only trigger to a due time, in the store and in the timetable, as if nobody had been there."""
        (row,) = self.tick_rows(job)
        moved = TickRecord(job=row.job, trigger=row.trigger, due=due)
        with self.store.writing() as conn:
            ticks.set_due(conn, [moved])
        return moved

    def waiting(self, queue: str = "default") -> int:
        """How many messages wait in a queue."""
        return sum(sum(figures.waiting.values()) for figures in self.bus.census.queues() if figures.name == queue)

    def messages(self) -> set[str]:
        """The ids of all messages that the bus holds."""
        return {name.decode() for name in self.bus.client.hkeys(self.bus.keys.messages)}

    def work(self, queue: str = "default", *, state: str = "succeeded", **fields: Any) -> list[TaskMessage]:
        """Do what waits in a queue like a worker: fetch it, and settle each task with an outcome."""
        import msgspec

        answer = self.bus.scripts.run("fetch", [queue, "worker", 100, 60_000])
        done = []
        for at in range(0, len(answer), 5):
            fence = int(answer[at + 1])
            message = msgspec.convert(msgspec.json.decode(answer[at + 4])["options"]["rota"], TaskMessage)
            outcome = finished(message, fence, state, at=self.clock.now_ms(), **fields)
            body = msgspec.json.encode(outcome)
            self.bus.scripts.run(
                "settle", ["worker", f"{fence}", 100_000, message.task, fence, "ack", body, "", b"", 0]
            )
            done.append(message)
        return done

    def record(self) -> None:
        """Let the recorder write down everything that was reported."""
        while entries := self.bus.outcomes.read(block_ms=1):
            self.duties.recorder.take(entries)


def finished(message: TaskMessage, fence: int, state: str, *, at: int, **fields: Any) -> Outcome:
    """The outcome of a task's attempt."""
    error = Failure(type="ValueError", message="it broke") if state == "failed" else None
    return Outcome(
        kind="finished",
        task=message.task,
        run=message.run,
        fence=fence,
        attempt=message.attempt,
        worker="worker",
        at=at,
        started_at=at,
        state=state,
        **{"error": error, **fields},
    )


def states(records: Sequence[RunRecord]) -> list[RunState]:
    return [record.state for record in records]


@pytest.fixture
def bus(redis_url: str) -> Iterator[Bus]:
    bus = Bus(redis_url, leader_lease_ms=60_000)
    yield bus
    bus.close()


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    store = Store(sqlite_url)
    yield store
    store.close()


@pytest.fixture
def world(store: Store, bus: Bus) -> World:
    return World(store, bus)

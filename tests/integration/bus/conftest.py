"""The bus suite runs on the embedded server, on another Redis where there is one, and on the in-memory twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import fakeredis
import pytest
import redis
from dramatiq import Worker
from redis.exceptions import TimeoutError as RedisTimeout

from bus.broker import LeaseBroker
from bus.connection import Bus
from bus.keys import LEVELS
from bus.settler import Item
from rota.ids import new_id
from rota.messages import Outcome, TaskMessage, encode
from tests.servers import find_redis_binary, start_redis


@pytest.fixture(scope="session")
def other_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with start_redis(Path(tmp_path_factory.mktemp("other")), binary=find_redis_binary()) as url:
        yield url


@pytest.fixture(params=["embedded", "memory", *(["other"] if find_redis_binary() else [])])
def make_bus(request: pytest.FixtureRequest) -> Iterator[Callable[..., Bus]]:
    """Opens buses on one and the same empty Redis."""
    opened: list[Bus] = []
    if request.param == "memory":
        server = fakeredis.FakeServer(server_type="valkey")

        def make(**options: object) -> Bus:
            opened.append(Bus(client=fakeredis.FakeRedis(server=server), **options))
            return opened[-1]
    else:
        url = request.getfixturevalue("redis_server_url" if request.param == "embedded" else "other_server_url")
        with redis.Redis.from_url(url) as client:
            client.flushall()

        def make(**options: object) -> Bus:
            opened.append(Bus(url, **options))
            return opened[-1]

    yield make
    for bus in opened:
        bus.close()


@pytest.fixture
def bus(make_bus: Callable[..., Bus]) -> Bus:
    return make_bus()


def make_task(**fields: object) -> TaskMessage:
    """A task with a fresh id; name what the test is about."""
    given = {"task": new_id(), "run": new_id(), "job": "a-job", "step": "only", "actor": "noop", "queue": "default"}
    return TaskMessage(**{**given, **fields})


def server_now(bus: Bus) -> int:
    """The time of the server in milliseconds."""
    seconds, micros = bus.client.time()
    return int(seconds) * 1000 + int(micros) // 1000


def fetch(
    bus: Bus, worker: str = "w1", n: int = 10, queue: str = "default", lease_ms: int = 60_000
) -> list[tuple[str, int, int, bytes, bytes]]:
    """What a fetch answers, per message: id, fence, crashes, checkpoint and body."""
    answer = bus.scripts.run("fetch", [queue, worker, n, lease_ms])
    return [
        (answer[i].decode(), int(answer[i + 1]), int(answer[i + 2]), answer[i + 3], answer[i + 4])
        for i in range(0, len(answer), 5)
    ]


def outcome_of(task: TaskMessage, fence: int, state: str = "succeeded", **fields: object) -> bytes:
    """The report that a task has ended."""
    return encode(
        Outcome(
            kind="finished",
            task=task.task,
            run=task.run,
            fence=fence,
            attempt=1,
            worker="w1",
            at=1,
            state=state,
            **fields,
        )
    )


def settle(bus: Bus, *items: Item, worker: str = "w1", batch: object = None) -> list[str]:
    """Settle items in one call; the ids of those that were refused."""
    arguments: list[object] = [worker, batch or new_id(), 1000]
    for item in items:
        arguments += (item.id, item.fence, item.action, item.outcome, item.header, item.body, item.delay_ms)
    return [name.decode() for name in bus.scripts.run("settle", arguments)]


def states(bus: Bus) -> list[tuple[str, str | None, str | None]]:
    """What was reported of tasks that ended: id, state and reason."""
    return [(o.task, o.state, o.reason) for _, o in bus.outcomes.read(block_ms=1)]


@dataclass
class LosesReplies:
    """Stands between Scripts and Redis: the named script runs, and its caller is told that it failed."""

    bus: Bus
    losing: set[str] = field(default_factory=set)
    lost: int = 0

    def __post_init__(self) -> None:
        for name, script in self.bus.scripts._scripts.items():
            self.bus.scripts._scripts[name] = self._wrap(name, script)

    def _wrap(self, name: str, script: Callable) -> Callable:
        def call(**options: object) -> object:
            answer = script(**options)
            try:
                # In one step: several threads may ask at once, and one answer is lost.
                self.losing.remove(name)
            except KeyError:
                return answer
            self.lost += 1
            raise RedisTimeout("the answer was lost")

        return call


@pytest.fixture
def run_worker() -> Iterator[Callable[..., Worker]]:
    """Starts Dramatiq workers and stops them after the test."""
    workers: list[Worker] = []

    def run(broker: LeaseBroker, threads: int = 2) -> Worker:
        worker = Worker(broker, worker_threads=threads, worker_timeout=100)
        worker.start()
        workers.append(worker)
        return worker

    yield run
    for worker in workers:
        worker.stop(timeout=60_000)


def left_over(bus: Bus) -> dict[str, int]:
    """What is still in any list, set, hash or stream that must be empty when nothing is to do."""
    client, keys = bus.client, bus.keys
    sizes = {
        "messages": client.hlen(keys.messages),
        "leases": client.zcard(keys.leases),
        "held": client.hlen(keys.held),
        "crashes": client.hlen(keys.crashes),
        "checkpoints": client.hlen(keys.checkpoints),
        "settled": client.hlen(keys.settled),
        "control": client.hlen(keys.control),
        "outcomes": client.xlen(keys.outcomes),
        "events": client.xlen(keys.events),
    }
    for stream in (keys.outcomes, keys.events):
        if client.exists(stream):
            for group in client.xinfo_groups(stream):
                sizes[f"pending in {stream}"] = group["pending"]
    for name in client.smembers(keys.queues):
        sizes[f"{name.decode()}:suspect"] = client.llen(keys.suspects(name.decode()))
        for level in LEVELS:
            sizes[f"{name.decode()}:{level}"] = client.zcard(keys.queue(name.decode(), level))
            sizes[f"turns of {name.decode()}:{level}"] = client.zcard(keys.turns(name.decode(), level))
    for key in client.scan_iter(f"{keys.tag}:worker:*:held"):
        sizes[key.decode()] = client.scard(key)
    return {name: size for name, size in sizes.items() if size}

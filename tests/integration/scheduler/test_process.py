"""The whole process: it leads, works, is scraped, and stops promptly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from bus.connection import Bus
from rota import metrics
from rota.events import Event
from scheduler.process import STOP_SECONDS
from store.engine import Store
from store.queries import jobs, runs
from tests.factories import make_job
from tests.waiting import wait_until

START_SECONDS = 60.0
RUN = "import sys; from rota.settings import load_settings; from scheduler.process import run; sys.exit(run(load_settings()))"


@contextmanager
def scheduler(folder: Path, redis_url: str, database_url: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "ROTA_STATE_DIR": str(folder),
        "ROTA_REDIS_URL": redis_url,
        "ROTA_DATABASE_URL": database_url,
        **{f"ROTA_{name}": value for name, value in more.items()},
    }
    process = subprocess.Popen([sys.executable, "-c", RUN], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def leader(bus: Bus) -> str | None:
    return bus.census.figures().leader


def wait_for_schedulers(bus: Bus, number: int) -> None:
    """Wait until so many are there: one that is still on its way knows nothing of those that go meanwhile."""
    wait_until(lambda: bus.client.zcard(bus.keys.present) == number, timeout=START_SECONDS)


def test_scheduler_ticks_and_stops_promptly(tmp_path: Path, redis_url: str, sqlite_url: str) -> None:
    bus, store = Bus(redis_url), Store(sqlite_url)
    job = make_job(triggers=[{"every": "PT0.5S"}], overlap="allow_all")
    with store.writing() as conn:
        jobs.save(conn, job, author="tester", source="test", at=store.clock.now_ms())

    def started() -> int:
        with store.reading() as conn:
            return len(runs.list_runs(conn, job="tidy").items)

    begin = time.monotonic()
    with scheduler(tmp_path, redis_url, sqlite_url) as process:
        wait_until(lambda: started() >= 3, timeout=START_SECONDS)
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)

        assert process.wait(STOP_SECONDS * 12) == 0
    # Here a start is a measure of this machine: a stop is quicker, but for a read that blocks for a second.
    assert time.monotonic() - asked < 1 + (asked - begin)
    assert leader(bus) is None
    with store.reading() as conn:
        assert jobs.get(conn, "sync-datasources").kind == "system"
    bus.close()
    store.close()


def test_standby_takes_over_from_a_killed_leader(tmp_path: Path, redis_url: str, sqlite_url: str) -> None:
    bus = Bus(redis_url)
    with scheduler(tmp_path, redis_url, sqlite_url) as first, scheduler(tmp_path, redis_url, sqlite_url) as second:
        wait_for_schedulers(bus, 2)
        wait_until(lambda: leader(bus), timeout=START_SECONDS)
        old = leader(bus) or ""
        dead, heir = (first, second) if f"-{first.pid}-" in old else (second, first)
        dead.kill()
        # With the second between two questions of a standby it is less than five, by the server's own clock.
        assert bus.client.pttl(bus.keys.leader) <= 3_000

        wait_until(lambda: f"-{heir.pid}-" in (leader(bus) or ""), timeout=START_SECONDS)

        assert dead.wait() == -signal.SIGKILL
        assert heir.poll() is None
    bus.close()


def ports_of(process: subprocess.Popen[bytes]) -> list[int]:
    """The ports at which a process listens: no other process can take one that the system chose."""
    return [each.laddr.port for each in psutil.Process(process.pid).net_connections("tcp") if each.status == "LISTEN"]


def test_metrics_are_served(tmp_path: Path, redis_url: str, sqlite_url: str) -> None:
    with scheduler(tmp_path, redis_url, sqlite_url, METRICS_PORT="0") as process:
        wait_until(lambda: ports_of(process), timeout=START_SECONDS)
        (port,) = ports_of(process)

        def scraped() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=START_SECONDS) as answer:
                return str(answer.read().decode())

        # Redis knows who leads a little before the leader itself.
        wait_until(lambda: "rota_leader 1.0" in scraped(), timeout=START_SECONDS)
        text = scraped()

    assert 'rota_ticks_total{outcome="run"}' in text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    exported = [metric for metric in metrics.ALL if metric.source is not metrics.Source.WORKER]
    # The text format names a counter's family without its suffix.
    expected = {metric.name.removesuffix("_total"): metric for metric in exported}
    assert {name for name in families if name.startswith("rota_")} == set(expected)
    assert {name: families[name].type for name in expected} == {
        name: metric.kind.value for name, metric in expected.items()
    }
    assert {name: families[name].documentation for name in expected} == {
        name: metric.help for name, metric in expected.items()
    }


def test_scheduler_leads_although_the_port_of_its_metrics_is_taken(
    tmp_path: Path, redis_url: str, sqlite_url: str
) -> None:
    bus = Bus(redis_url)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        with scheduler(tmp_path, redis_url, sqlite_url, METRICS_PORT=port):
            wait_until(lambda: leader(bus), timeout=START_SECONDS)
    bus.close()


def test_start_of_the_system_and_gathered_events_start_jobs(tmp_path: Path, redis_url: str, sqlite_url: str) -> None:
    """Also at the first start, when the scheduler has yet to read the definitions that listen."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    for name, trigger in (
        ("greet", "{event: rota.started}"),
        ("gather", "{event: door.*, debounce: {quiet: PT0.3S}, params: {doors: '${events.map(e, e.id)}'}}"),
    ):
        (folder / f"{name}.yaml").write_text(
            f"name: {name}\nlabel: A job\nowner: tester\ntriggers: [{trigger}]\n"
            "params: {doors: {type: list, default: []}}\nsteps: [{id: rest, actor: sleep, with: {seconds: 0}}]\n"
        )
    bus, store = Bus(redis_url), Store(sqlite_url)

    def started(job: str) -> list[dict[str, object]]:
        with store.reading() as conn:
            return [run.params for run in runs.list_runs(conn, job=job).items]

    with scheduler(tmp_path, redis_url, sqlite_url, DEFINITIONS_DIR=str(folder)) as first:
        wait_until(lambda: started("greet"), timeout=START_SECONDS)
        with scheduler(tmp_path, redis_url, sqlite_url, DEFINITIONS_DIR=str(folder)) as second:
            bus.events.publish([Event(id=f"{n}", source="test", type="door.opened") for n in range(3)])
            wait_until(lambda: started("gather"), timeout=START_SECONDS)
            wait_for_schedulers(bus, 2)
            first.send_signal(signal.SIGTERM)
            assert first.wait(START_SECONDS) == 0
            wait_until(lambda: f"-{second.pid}-" in (leader(bus) or ""), timeout=START_SECONDS)
            second.send_signal(signal.SIGTERM)
            assert second.wait(START_SECONDS) == 0
    assert started("gather") == [{"doors": ["0", "1", "2"]}]
    assert len(started("greet")) == 1

    with scheduler(tmp_path, redis_url, sqlite_url, DEFINITIONS_DIR=str(folder)):
        wait_until(lambda: len(started("greet")) == 2, timeout=START_SECONDS)
    bus.close()
    store.close()

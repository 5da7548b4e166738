"""`rota up` as a whole: real processes on a real folder."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from store.engine import Store
from store.queries import runs
from tests.processes import is_running
from tests.servers import start_redis
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
#: How long anything may take on a busy machine.
PATIENCE = 100.0
pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("up")]


class Up:
    """A running `rota up`, started by the test."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.state = folder / "state"
        self.output = folder / "output.txt"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "console.main", "up", "--state", str(self.state), *arguments],
                stdout=output,
                stderr=output,
                cwd=folder,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "ROTA_GRACE_SECONDS": "5",
                    **{f"ROTA_{name}": value for name, value in settings.items()},
                },
            )

    @property
    def connection(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.state / "console.json").read_text())
        return found

    def ready(self) -> Up:
        wait_until(lambda: (self.state / "console.json").exists(), timeout=PATIENCE, what=self.output.read_text())
        wait_until(self._jobs, timeout=PATIENCE, what="the shipped jobs")
        return self

    def get(self, path: str) -> Any:
        return self.ask("GET", path).json()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        connection = self.connection
        headers = {"Authorization": f"Bearer {connection['token']}"}
        return httpx.request(method, f"{connection['url']}/api/v1{path}", headers=headers, timeout=PATIENCE, **options)

    def entries(self) -> list[int]:
        """How many entries each datasource has."""
        return [datasource["entries"] for datasource in self.get("/datasources")["items"]]

    def found(self, query: str) -> int:
        """How much a search finds."""
        return int(self.ask("GET", "/search", params={"q": query}).json()["total"])

    def parts(self) -> dict[str, psutil.Process]:
        """The processes under the supervisor, by what they are."""
        found: dict[str, psutil.Process] = {}
        for process in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):  # what ends meanwhile hides none of the others
                command = " ".join(process.cmdline())
                for name in ("valkey", "scheduler", "worker", "console.main console"):
                    if name in command:
                        found[name.split()[0].removesuffix(".main")] = process
        return found

    def runs(self, module: str) -> bool:
        """Whether one of its processes runs a module."""
        for each in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if module in each.cmdline():
                    return True
        return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def _jobs(self) -> bool:
        with suppress(httpx.HTTPError, OSError, ValueError, KeyError):
            return bool(self.get("/jobs")["items"])
        return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts `rota up` in the test's folder; whatever is left of it is ended after the test."""
    started: list[Up] = []

    def begin(*arguments: str, **settings: str) -> Up:
        started.append(Up(tmp_path, *arguments, **settings))
        return started[-1]

    yield begin
    for up in started:
        if up.process.poll() is None:
            up.process.kill()
            up.process.wait()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder with three files."""
    folder = tmp_path / "My Docs"
    (folder / "letters").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "letters/c.txt"):
        (folder / name).write_text("hello")
    return folder


def test_folder_is_in_the_catalog_and_a_job_file_runs(start: Callable[..., Up], docs: Path) -> None:
    began = time.monotonic()
    up = start(str(docs), "--port", "0").ready()
    took = time.monotonic() - began

    wait_until(lambda: up.entries() == [4], timeout=PATIENCE)
    (datasource,) = up.get("/datasources")["items"]
    assert (datasource["name"], datasource["root"]) == ("my-docs", str(docs))
    entries = up.get("/datasources/my-docs/entries?path=letters")["items"]
    assert [entry["path"] for entry in entries] == ["letters/c.txt"]
    assert stat.S_IMODE((up.state / "console.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((up.state / "redis.url").stat().st_mode) == 0o600
    assert stat.S_IMODE(up.state.stat().st_mode) == 0o700

    job = "name: beat\ntriggers: [{every: PT1S}]\nsteps: [{id: a, actor: sleep, with: {seconds: 0}}]\n"
    (up.state / "jobs" / "beat.yaml").write_text(job)
    wait_until(lambda: len(up.get("/runs?job=beat&state=succeeded")["items"]) >= 2, timeout=PATIENCE)

    link = re.search(r"http://\S+/login\?code=\S+", up.output.read_text())
    assert link is not None
    assert httpx.get(link[0], timeout=PATIENCE).status_code == 303
    assert httpx.get(link[0], timeout=PATIENCE).status_code == 401

    began = time.monotonic()
    assert up.stop() == 0
    # Here a start is a measure of this machine; no part waits until its grace is over.
    assert time.monotonic() - began < 5 + 3 * took
    assert not (up.state / "console.json").exists()
    assert up.output.read_text().rstrip().endswith("stopped")


def test_second_one_on_the_same_folder_is_refused_in_one_line(start: Callable[..., Up], tmp_path: Path) -> None:
    up = start("--port", "0").ready()

    second = subprocess.run(
        [sys.executable, "-m", "console.main", "up", "--state", str(up.state)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"process {up.process.pid}" in second.stderr
    assert up.get("/jobs")["items"]


def test_what_dies_is_started_again(start: Callable[..., Up]) -> None:
    up = start("--port", "0").ready()
    before = up.parts()
    assert set(before) == {"valkey", "scheduler", "worker", "console"}
    url = up.connection["url"]

    for process in before.values():
        process.kill()

    def all_new() -> bool:
        now = up.parts()
        return set(now) == set(before) and not {p.pid for p in now.values()} & {p.pid for p in before.values()}

    wait_until(all_new, timeout=PATIENCE, what=up.output.read_text())
    up.ready()
    assert up.connection["url"] == url
    job = {"name": "nap", "steps": [{"id": "a", "actor": "sleep", "with": {"seconds": 0}}]}
    assert up.ask("PUT", "/jobs/nap", json=job).status_code == 201
    run = up.ask("POST", "/jobs/nap/run").json()["run"]
    wait_until(lambda: up.get(f"/runs/{run}")["state"] == "succeeded", timeout=PATIENCE)


def test_killed_supervisor_takes_its_parts_along_and_starts_again(start: Callable[..., Up], docs: Path) -> None:
    up = start(str(docs), "--port", "0").ready()
    wait_until(lambda: up.entries() == [4], timeout=PATIENCE)
    family = psutil.Process(up.process.pid).children(recursive=True)
    assert len(family) >= 5

    up.stop(signal.SIGKILL)

    wait_until(lambda: not [process for process in family if is_running(process)], timeout=PATIENCE)
    again = start(str(docs), "--port", "0").ready()
    wait_until(lambda: len(again.get("/events?type=rota.started")["items"]) == 2, timeout=PATIENCE)
    assert [each["name"] for each in again.get("/datasources")["items"]] == ["my-docs"]
    assert again.stop(signal.SIGINT) == 0


def test_redis_and_database_from_elsewhere_are_used_and_no_redis_is_started(
    start: Callable[..., Up], tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    database = f"sqlite:///{elsewhere / 'theirs.db'}"
    with start_redis(elsewhere / "redis") as redis_url:
        up = start("--port", "0", REDIS_URL=redis_url, DATABASE_URL=database).ready()
        job = {"name": "nap", "steps": [{"id": "a", "actor": "sleep", "with": {"seconds": 0}}]}
        assert up.ask("PUT", "/jobs/nap", json=job).status_code == 201
        run = up.ask("POST", "/jobs/nap/run").json()["run"]
        wait_until(lambda: up.get(f"/runs/{run}")["state"] == "succeeded", timeout=PATIENCE)

        family = psutil.Process(up.process.pid).children(recursive=True)
        assert not [child for child in family if "valkey" in child.name() or "redis" in child.name()]
        assert set(up.parts()) == {"scheduler", "worker", "console"}
        assert up.stop() == 0

    said = [line for line in up.output.read_text().splitlines() if not line.startswith("{")]
    parts = [line.split()[0] for line in said]
    for part in ("state", "database", "redis", "console", "scheduler", "worker"):
        assert parts.count(part) == 1, said
    assert f"database   {database}" in said
    assert not list(up.state.glob("*.db"))
    assert not (up.state / "redis").exists()
    store = Store(database)
    with store.reading() as conn:
        assert runs.get_run(conn, run).state == "succeeded"
    store.close()


def test_taken_port_is_said_when_it_was_asked_for(start: Callable[..., Up]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = start("--port", str(port))

        assert up.process.wait(PATIENCE) == 1
        assert f"port {port} on 127.0.0.1 is taken" in up.output.read_text()


def test_wrong_settings_start_nothing(start: Callable[..., Up], tmp_path: Path) -> None:
    (tmp_path / "rota.toml").write_text("lease_seconds = 3\nheartbeat_seconds = 5\n")

    up = start()

    assert up.process.wait(PATIENCE) == 2
    assert "lease_seconds (3) must be more than twice heartbeat_seconds (5)" in up.output.read_text()


def test_watched_folder_is_searched_within_seconds(start: Callable[..., Up], docs: Path) -> None:
    up = start(str(docs), "--watch", "--port", "0").ready()
    wait_until(lambda: up.found("") == 4, timeout=PATIENCE)
    wait_until(lambda: up.runs("workers.watching"), timeout=PATIENCE)

    (docs / "note.md").write_text("# Remember\n\nthe milk, and the Smörgåsbord\n")

    wait_until(lambda: up.found("smorgasbord") == 1, timeout=PATIENCE)


def test_idle_installation_is_small_and_quiet(start: Callable[..., Up], docs: Path) -> None:
    """Near the 300 MB and 2 % of a core that are wanted; where bytecode is not kept, compiling leaves more behind."""
    up = start(str(docs), "--port", "0", ISOLATE_IDLE_SECONDS="0.5").ready()
    wait_until(lambda: up.entries() == [4], timeout=PATIENCE)
    supervisor = psutil.Process(up.process.pid)
    wait_until(lambda: "succeeded" in up.output.read_text(), timeout=PATIENCE)
    # Asked without a search: the console opens the engine at its first one.
    wait_until(lambda: up.get("/datasources")["items"][0]["search"]["state"] == "up to date", timeout=PATIENCE)
    # Console, scheduler, Redis, worker and its child: what read and indexed the folder is gone, and nobody waits to be
    # buried.
    wait_until(lambda: len(supervisor.children(recursive=True)) == 5, timeout=PATIENCE)
    family = [supervisor, *supervisor.children(recursive=True)]

    def used() -> float:
        return sum(process.cpu_times().user + process.cpu_times().system for process in family)

    first, began = used(), time.monotonic()
    time.sleep(10)  # a share of time cannot be had without some
    share = (used() - first) / (time.monotonic() - began)
    resident = sum(process.memory_info().rss for process in family) / 1e6

    print(f"{resident:.0f} MB, {share:.1%}")
    assert share < 0.03
    assert resident < (390 if sys.dont_write_bytecode else 345)

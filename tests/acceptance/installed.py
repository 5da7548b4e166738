"""A cluster with a console before it: what people, services and scripts see of datasources, with real processes behind."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from actors.stored import StoredDatasources
from actors.testing import Said
from console.connection import Connection, write_connection
from console.main import main
from rota.settings import load_settings
from scheduler.definitions import SHIPPED_FOLDER, read_folder
from store.queries import jobs
from tests.acceptance.cluster import Cluster
from tests.integration.console.serving import Console, serving
from tests.trees import Seen, catalogued
from tests.waiting import wait_until

API = "/api/v1"
BY_THE_CLOCK = (
    "sync-datasources",
    "index-datasources",
    "check-indexes",
    "purge-bins",
    "clean-leftovers",
    "remove-empty-folders",
    "prune-history",
)
ENDED = ("succeeded", "failed", "cancelled", "skipped")


class Installed:
    """A cluster, its console, an administrator's client, and short words for what tests look at."""

    def __init__(self, cluster: Cluster, console: Console) -> None:
        self.cluster = cluster
        self.console = console
        self.admin: httpx.Client = console.as_("admin", name="ada")
        write_connection(cluster.folder / "console.json", Connection(url=console.url, token=console.token("admin")))

    def start(self, **environment: str) -> None:
        """Start a scheduler and a worker, and wait until there is work for them."""
        self.cluster.start("scheduler", "scheduler")
        self.cluster.start("worker", "worker", **environment)
        self.cluster.wait_for_leader()

    def get(self, path: str, **query: Any) -> Any:
        """What the API answers."""
        answer = self.admin.get(API + path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the API answers, or None where it has nothing to say."""
        answer = self.admin.post(API + path, json=dict(body or {}))
        assert answer.status_code in (200, 201, 202), answer.text
        return answer.json() if answer.content else None

    def page(self, path: str) -> str:
        """A page, as a browser gets it."""
        answer = self.admin.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 200, answer.text
        return answer.text

    def rota(self, *arguments: str) -> tuple[int, str]:
        """Run a command and give its exit code and what it printed."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = main([*arguments, "--state", str(self.cluster.folder)])
        return code, out.getvalue()

    # --- datasources -----------------------------------------------------------------------------------------

    def add(self, name: str, root: Path | str, **fields: Any) -> None:
        """Add a datasource by the API."""
        self.post("/datasources", {"name": name, "root": str(root), **fields})

    def source(self, name: str) -> Any:
        """What the API says of a datasource."""
        return self.get(f"/datasources/{name}")

    def sync(self, name: str, **wish: Any) -> str:
        """Start a sync and give its run."""
        run: str = self.post(f"/datasources/{name}/sync", wish)["run"]
        return run

    def synced(self, name: str, *, state: str = "succeeded", timeout: float = 60, **wish: Any) -> Any:
        """Sync to the end and give the run."""
        return self.ended(self.sync(name, **wish), state=state, timeout=timeout)

    def run(self, run_id: str) -> Any:
        """What the API says of a run."""
        return self.get(f"/runs/{run_id}")

    def ended(self, run_id: str, *, state: str = "succeeded", timeout: float = 60) -> Any:
        """Wait for the end of a run, which must be in this state, and give the run."""
        wait_until(lambda: self.run(run_id)["state"] in ENDED, timeout=timeout, what=f"the end of {run_id}")
        found = self.run(run_id)
        assert found["state"] == state, found
        return found

    def known(self, name: str) -> dict[bytes, Seen]:
        """What the catalog has."""
        return catalogued(StoredDatasources(self.cluster.store, run="test", task="task").catalog(name))

    def entries(self, name: str) -> int:
        """How many entries the catalog has by now."""
        found: int = self.source(name)["entries"]
        return found

    def events(self, *types: str) -> list[Said]:
        """The events of these types that the scheduler has received, oldest first."""
        found: list[Any] = []
        for type_ in types:
            cursor: dict[str, str] = {}
            while True:
                page = self.admin.get(f"{API}/events", params={"type": type_, "limit": 500, **cursor}).json()
                found += page["items"]
                if not page["next"]:
                    break
                cursor = {"cursor": page["next"]}
        found.sort(key=lambda event: event["seq"])
        return [Said(event["type"], event["data"], event["subject"]) for event in found]


def result_of(run: Any) -> Any:
    """What a sync of one datasource found."""
    found = run["result"]
    return found[0] if isinstance(found, list) else found


@contextlib.contextmanager
def installed(cluster: Cluster) -> Iterator[Installed]:
    """Serve a console for a cluster, with the jobs that come with Rota, none of which starts by its clock."""
    with cluster.store.writing() as conn:
        for _, job in read_folder(SHIPPED_FOLDER, cluster.registry).jobs:
            at = cluster.clock.now_ms()
            jobs.save(conn, job, author="rota", source="shipped", at=at)
            jobs.set_enabled(conn, [job.name], job.name not in BY_THE_CLOCK, at=at)
    settings = load_settings(
        {"state_dir": cluster.folder, "database_url": cluster.database_url, "redis_url": cluster.server.url}
    )
    with serving(settings) as console:
        yield Installed(cluster, console)


def in_memory_folder() -> str:
    """Make a folder in memory, where there is such a file system."""
    shm = Path("/dev/shm")
    return tempfile.mkdtemp(prefix="rota-test-", dir=shm if shm.is_dir() else None)

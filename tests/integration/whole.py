"""A whole Rota for one module of tests: scheduler, worker and console, and the file by which the command line finds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.connection import Connection, write_connection
from rota.settings import load_settings
from tests.acceptance.cluster import Cluster
from tests.integration.console.serving import Console, serving


@contextmanager
def whole_rota(folder: Path) -> Iterator[tuple[Cluster, Console]]:
    """Start one of each in a folder, and stop them; commands with `--state cluster.folder` are an administrator's."""
    cluster = Cluster(folder)
    settings = load_settings(
        {"state_dir": cluster.folder, "database_url": cluster.database_url, "redis_url": cluster.server.url}
    )
    try:
        cluster.start("scheduler", "s1")
        cluster.start("worker", "w1")
        with serving(settings) as console:
            connection = Connection(url=console.url, token=console.token("admin", name="ada"))
            write_connection(cluster.folder / "console.json", connection)
            cluster.wait_for_leader(timeout=120)
            yield cluster, console
    finally:
        cluster.close()

"""Clusters of real processes; each test gets its own, on its own folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cluster import Cluster
from tests.acceptance.installed import Installed, installed


@pytest.fixture
def make_cluster(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Cluster]]:
    """Makes clusters and stops all their processes after the test; what they logged is shown if it failed."""
    made: list[Cluster] = []

    def make(**options: Any) -> Cluster:
        folder = tmp_path / f"cluster{len(made)}"
        folder.mkdir()
        made.append(Cluster(folder, **options))
        return made[-1]

    failed_before = request.session.testsfailed
    yield make
    for cluster in made:
        cluster.close()
        if request.session.testsfailed > failed_before:
            for log in sorted(cluster.folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text()[-6000:]}")


@pytest.fixture
def cluster(make_cluster: Callable[..., Cluster]) -> Cluster:
    """One cluster with a lease of 2 seconds."""
    return make_cluster(lease_seconds=2.0)


@pytest.fixture
def rota(cluster: Cluster) -> Iterator[Installed]:
    """That cluster with a console before it; its processes are not started yet."""
    with installed(cluster) as running:
        yield running

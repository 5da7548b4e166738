"""What every test may ask for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]

from tests.servers import start_redis

_KEPT = ("ROTA_CI", "ROTA_TEST_")

# How long an example takes tells how busy the machine is, and nothing of the code.
settings.register_profile("rota", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rota")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Give three processes to two processors: much of what tests do is waiting."""
    processors = len(os.sched_getaffinity(0))
    return processors + processors // 2


class _Groups(LoadGroupScheduling):  # type: ignore[misc]
    """Gives the tests of a group to one process, also with pytest 9.2, which does not see what xdist 3.8 does for that.

    It looks for the mark in the module: here are only the names of the tests.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group_of(self.config.rootpath / nodeid.partition("::")[0]) or super()._split_scope(nodeid)


@cache
def _group_of(module: Path) -> str | None:
    marked = re.search(r'^pytestmark = .*xdist_group\("(.+?)"\)', module.read_text(encoding="utf-8"), re.MULTILINE)
    return marked and marked[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadGroupScheduling | None:
    """Let groups be what they say."""
    return _Groups(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a developer has set for a Rota of their own out of the tests."""
    for name in os.environ:
        if name.startswith("ROTA_") and not name.startswith(_KEPT):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def redis_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis for all tests of this process; tests that kill or stop one start their own."""
    with start_redis(Path(tmp_path_factory.mktemp("redis"))) as url:
        yield url


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """The address of a real and empty Redis."""
    with redis.Redis.from_url(redis_server_url) as client:
        client.flushall()
    return redis_server_url

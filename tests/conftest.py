"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.servers import start_redis

_KEPT = ("ROTA_CI", "ROTA_TEST_")


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

"""A console for each test, on a fresh database and an empty Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rota.settings import Settings, load_settings
from tests.integration.console.serving import Console, serving


@pytest.fixture
def settings(tmp_path: Path, sqlite_url: str, redis_url: str) -> Settings:
    """The settings of the console under test."""
    return load_settings({"state_dir": tmp_path, "database_url": sqlite_url, "redis_url": redis_url})


@pytest.fixture
def console(settings: Settings) -> Iterator[Console]:
    """A running console."""
    with serving(settings) as running:
        yield running


@pytest.fixture
def admin(console: Console) -> httpx.Client:
    """A client that may do everything."""
    return console.as_("admin")

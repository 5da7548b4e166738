"""A console for each test, on a fresh database and an empty Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from console.connection import Connection, write_connection
from console.main import main
from rota.settings import Settings, load_settings
from tests.integration.console.serving import Console, serving

Run = Callable[..., tuple[int, str, str]]
"""Runs a command; gives exit code, stdout and stderr."""


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


@pytest.fixture
def rota(console: Console, settings: Settings, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command as an administrator; gives exit code, stdout and stderr."""
    path = settings.state_dir / "console.json"
    write_connection(path, Connection(url=console.url, token=console.token("admin")))

    def run(*arguments: str, state: bool = True) -> tuple[int, str, str]:
        capsys.readouterr()
        extra = ["--state", str(settings.state_dir)] if state else []
        code = main([*arguments, *extra])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run

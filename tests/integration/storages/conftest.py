"""A storage of each kind, started for the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storages.served import KINDS, Served, serve


@pytest.fixture(params=KINDS)
def served(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A storage that is served and empty."""
    folder = tmp_path / "served"
    folder.mkdir()
    with serve(request.param, folder) as started:
        for name, value in started.environment.items():
            monkeypatch.setenv(name, value)
        yield started

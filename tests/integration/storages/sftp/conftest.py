"""An SFTP server that tests can disturb, and storages on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.sftp.storage import SftpStorage
from tests.storages.sftp import ServedSftp, serve


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedSftp]:
    """A server over an empty folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    with serve(folder) as started:
        for name, value in started.environment.items():
            monkeypatch.setenv(name, value)
        yield started


@pytest.fixture
def opened(served: ServedSftp) -> Iterator[Callable[..., SftpStorage]]:
    """Opens storages on the server, with other settings if need be, and closes them after the test."""
    storages: list[SftpStorage] = []

    def open_one(path: str = "/", **options: Any) -> SftpStorage:
        storages.append(SftpStorage(served.configured(path, **options)))
        return storages[-1]

    yield open_one
    for storage in storages:
        storage.close()


@pytest.fixture
def storage(opened: Callable[..., SftpStorage]) -> SftpStorage:
    """A storage on the server."""
    return opened()

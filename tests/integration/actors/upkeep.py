"""A datasource that upkeep works on, and the time that passes there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from actors.clean_leftovers import CleanLeftoversParams, CleanLeftoversResult, clean_leftovers
from actors.clean_user import CleanUserParams, CleanUserResult, clean_user
from actors.datasources.storage import Datasource
from actors.history import History
from actors.remove_empty_folders import RemoveEmptyFoldersParams, RemoveEmptyFoldersResult, remove_empty_folders
from actors.stored_history import StoredHistory
from actors.testing import RecordingRun
from rota.times import DAY_MS
from store.engine import Store
from tests.trees import walked

NOW = 1_800_000_000_000


def id_at(ms: int, number: int = 0) -> str:
    """Make an id of ours of another time."""
    text = f"{ms << 80 | 0x7 << 76 | 0x2 << 62 | number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def set_clock(monkeypatch: pytest.MonkeyPatch, now_ms: int) -> None:
    """Set the worker's clock."""
    places = ("actors.recycling.moment", "actors.recycling.deleting", "actors.clean_leftovers")
    for place in places:
        monkeypatch.setattr(f"{place}.wall_ms", lambda: now_ms)


def set_age(path: Path | str | bytes, ms: int, *, before: int = NOW) -> None:
    """Let a file, folder or link look as if nothing had happened to it for so long."""
    at = (before - ms) * 1_000_000
    os.utime(path, ns=(at, at), follow_symlinks=False)


def inodes(root: Path) -> dict[bytes, Any]:
    """Give everything below a folder with size, time and inode; folders without their time."""
    return {
        path: seen if seen.kind != "folder" else seen._replace(modified_ns=0) for path, seen in walked(root).items()
    }


class Upkept:
    """A datasource, and runs of the actors of upkeep on it; each is in `run` afterwards."""

    def __init__(self, datasource: Datasource, store: Store) -> None:
        self.datasource = datasource
        self.history: History = StoredHistory(store)
        self.now_ms = NOW
        self.run = self.new_run()

    @property
    def root(self) -> Path:
        return Path(self.datasource.root)

    def new_run(self, *, attempt: int = 1) -> RecordingRun:
        """Make a run that is admitted now."""
        return RecordingRun(
            id=id_at(self.now_ms),
            task=id_at(self.now_ms, 1),
            attempt=attempt,
            datasources=[self.datasource],
            history=self.history,
        )

    def clean(self, run: RecordingRun | None = None, **params: Any) -> CleanLeftoversResult:
        """Clean up leftovers."""
        self.run = run or self.new_run()
        return clean_leftovers(self.run, CleanLeftoversParams(datasource=self.datasource.name, **params))

    def counts(self, **params: Any) -> dict[str, int]:
        """Clean up leftovers, and give the counts that are not zero."""
        return {name: count for name, count in self.clean(**params).model_dump().items() if count}

    def remove_folders(self, run: RecordingRun | None = None, **params: Any) -> RemoveEmptyFoldersResult:
        """Remove empty folders."""
        self.run = run or self.new_run()
        return remove_empty_folders(self.run, RemoveEmptyFoldersParams(datasource=self.datasource.name, **params))

    def clean_user(self, user: str, run: RecordingRun | None = None, **params: Any) -> CleanUserResult:
        """Clean up after a user."""
        self.run = run or self.new_run()
        return clean_user(self.run, CleanUserParams(datasource=self.datasource.name, user=user, **params))

    def said(self, level: str) -> list[str]:
        """Give what the last run logged."""
        return [message for each, message in self.run.log.lines if each == level]


OLD = 2 * DAY_MS

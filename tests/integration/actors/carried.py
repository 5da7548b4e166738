"""Two datasources under test, and copies and moves from one to the other or within one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from actors.copy import CopyParams, CopyResult, copy
from actors.move import MoveParams, MoveResult, move
from actors.testing import RecordingRun
from tests.integration.actors.mirrors import contents
from tests.integration.actors.pair import Pair

TASK = "01900000-0000-7000-8000-000000000002"


class Carried(Pair):
    """A source and a target, by default two folders."""

    def copy(self, *paths: str, run: RecordingRun | None = None, **params: Any) -> CopyResult:
        """Copy from the source to the target, in a new run, which is `self.run` afterwards."""
        self.run = run or self.new_run()
        given = {"datasource": self.source.name, "target_datasource": self.target.name, "paths": paths, **params}
        return copy(self.run, CopyParams(**given))

    def move(self, *paths: str, run: RecordingRun | None = None, **params: Any) -> MoveResult:
        """Move from the source to the target, in a new run, which is `self.run` afterwards."""
        self.run = run or self.new_run()
        given = {"datasource": self.source.name, "target_datasource": self.target.name, "paths": paths, **params}
        return move(self.run, MoveParams(**given))

    def events(self) -> dict[str, list[str]]:
        """Give the paths that the last run told as changed, by datasource."""
        assert all(event.type == "storage.changed" for event in self.run.events)
        return {event.data["datasource"]: event.data["paths"] for event in self.run.events}


def files(root: Path) -> dict[str, bytes]:
    """Give the content of every file below a folder by its path."""
    return {path.decode(): content for path, content in contents(root).items() if content is not None}


def count(folder: Path) -> int:
    """Give how many files are below a folder under names of their own; others may be at work there."""
    return sum(not name.startswith(".rota") for _, _, names in os.walk(folder) for name in names)


def counted(result: CopyResult | MoveResult) -> dict[str, int]:
    """Give the counts that are not zero, but for `verified`."""
    return {name: count for name, count in result.model_dump(exclude={"verified"}).items() if count}

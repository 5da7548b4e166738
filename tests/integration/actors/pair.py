"""A source and a target that an actor works between, as folders of this machine unless others are given."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource, Storage
from actors.testing import RecordingRun

MakeFaulty = Callable[..., None]
"""Gives the source or the target faults, by the datasource's name; none takes them away."""


class Pair:
    """A source, a target, and the last run between them."""

    def __init__(self, folder: Path, *, source: Datasource | None = None, target: Datasource | None = None) -> None:
        self.source = source or _local(folder, "source")
        self.target = target or _local(folder, "target")
        self.run = self.new_run()

    @property
    def origin(self) -> Path:
        return Path(self.source.root)

    @property
    def goal(self) -> Path:
        return Path(self.target.root)

    def new_run(self, state: Any = None, *, attempt: int = 1, **options: Any) -> RecordingRun:
        return RecordingRun(state=state, datasources=[self.source, self.target], attempt=attempt, **options)

    def next_run(self) -> RecordingRun:
        """Give the next attempt of the last run's task."""
        checkpoints = self.run.checkpoints
        return self.new_run(checkpoints[-1] if checkpoints else self.run.state, attempt=self.run.attempt + 1)

    def said(self, level: str) -> list[str]:
        """Give what the last run logged."""
        return [message for each, message in self.run.log.lines if each == level]


class Faulty:
    """A storage that does what the real one does, but for what a test gives: `stat=lambda real, path: …`, or a value."""

    def __init__(self, real: Storage, **faults: Any) -> None:
        self._real = real
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        if name not in self._faults:
            return getattr(self._real, name)
        fault = self._faults[name]
        return partial(fault, self._real) if callable(fault) else fault


def faulty_in(module: str, monkeypatch: pytest.MonkeyPatch) -> MakeFaulty:
    """Give a way to have the storages faulty that a module opens."""
    faults: dict[str, dict[str, Any]] = {}

    def opened(datasource: Datasource, **options: Any) -> Faulty:
        return Faulty(open_storage(datasource, **options), **faults.get(datasource.name, {}))

    def make(name: str, **given: Any) -> None:
        faults[name] = given
        if "open_file" in given:
            given["open_descriptor"] = partial(_open_descriptor, given["open_file"])

    monkeypatch.setattr(f"{module}.open_storage", opened)
    return make


def _open_descriptor(open_file: Callable[..., Any], real: Any, path: bytes) -> int:
    # The other way to open a file: what goes wrong with one goes wrong with both.
    with open_file(real, path) as file:
        return os.dup(file.fileno())


def _local(folder: Path, name: str) -> Datasource:
    (folder / name).mkdir()
    return Datasource(name=name, root=str(folder / name))

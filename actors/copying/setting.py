"""What the parts of a copy or move share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from actors.copying.order import Order
from actors.copying.resume import Resume
from actors.copying.tally import Tally
from actors.datasources.storage import Storage
from actors.run import Run
from actors.transferring.sides import Scope, Times
from actors.transferring.telling import ChangedFolders

_INTERVAL_SECONDS = 0.2


class Checkpoints:
    """Keeps in the run where its next attempt would go on. Safe in several threads."""

    def __init__(self, run: Run, tally: Tally, resume: Resume) -> None:
        self._run = run
        self._tally = tally
        self._resume = resume
        self._lock = threading.Lock()
        self._saved = float("-inf")

    def settle(self, note: Callable[[], None]) -> None:
        """Note that the file of this thread is settled, and count it: no checkpoint has one without the other."""
        with self._lock:
            note()
            self._tally.settle()

    def save(self, *, at_once: bool = False, orderly: bool = False) -> None:
        """Make a checkpoint, unless the last one is of this moment; `orderly` if nothing is under way any more."""
        with self._lock:
            now = time.monotonic()
            if at_once or now - self._saved >= _INTERVAL_SECONDS:
                self._saved = now
                self._run.checkpoint({"counts": self._tally.to_json(), **self._resume.to_json(orderly=orderly)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One copy or move at work."""

    run: Run
    order: Order
    source: Storage
    target: Storage
    """The same object as the source's where it is the same datasource."""
    source_place: tuple[str, ...]
    """Where the root of the source is, see `place_of`."""
    target_place: tuple[str, ...]
    scope: Scope
    tally: Tally
    check: Callable[[], None]
    """Raises when the work shall end; for every thread."""
    resume: Resume
    checkpoints: Checkpoints
    source_changed: ChangedFolders
    target_changed: ChangedFolders

    @property
    def times(self) -> Times:
        """What times can say about files of the two."""
        return Times.of(self.source.capabilities, self.target.capabilities)

    @property
    def is_one(self) -> bool:
        """Whether source and target are one storage, in which entries can be renamed."""
        return self.source is self.target

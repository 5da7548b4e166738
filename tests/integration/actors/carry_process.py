"""What a forked process does that copies or moves, made to be killed and to go on; see `forking`.

Its checkpoints lie in a file, as a worker's lie in the bus, and so does the number of its attempts.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from actors.copy import CopyParams, copy
from actors.datasources.storage import Datasource
from actors.move import MoveParams, move
from actors.testing import RecordingRun
from actors.transferring.large import LargeFiles
from tests.integration.actors.paced import Pace, io_bytes


class FiledRun(RecordingRun):
    """A run whose checkpoints another process finds."""

    def __init__(self, place: str, *, pace: tuple[str, int] | None = None, **options: Any) -> None:
        self._place = Path(place)
        self._pace = None if pace is None else Pace(*pace)
        kept = json.loads(self._place.read_text()) if self._place.exists() else {"attempt": 0, "state": None}
        super().__init__(attempt=kept["attempt"] + 1, state=kept["state"], **options)
        self._write(self.state)

    def check(self) -> None:
        super().check()
        if self._pace is not None:
            self._pace.wait()

    def checkpoint(self, state: Any) -> None:
        super().checkpoint(state)
        assert len(json.dumps(state)) < 32 * 1024
        self._write(state)

    def _write(self, state: Any) -> None:
        draft = self._place.with_suffix(".draft")
        draft.write_text(json.dumps({"attempt": self.attempt, "state": state}))
        os.replace(draft, self._place)


def attempt(given: dict[str, Any]) -> dict[str, Any]:
    """Do the `deed` from the folder `source` to the folder `target` with the `params`; say what was counted and read."""
    LargeFiles.large_bytes, LargeFiles.chunk_bytes = 4 * 1024 * 1024, 1024 * 1024
    places = [Datasource(name=name, root=given[name]) for name in ("source", "target")]
    run = FiledRun(given["state"], pace=given.get("pace"), datasources=places)
    params = {"datasource": "source", "target_datasource": "target", **given["params"]}
    before = io_bytes("rchar")
    result = copy(run, CopyParams(**params)) if given["deed"] == "copy" else move(run, MoveParams(**params))
    return {**result.model_dump(), "read": io_bytes("rchar") - before, "attempt": run.attempt}

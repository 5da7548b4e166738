"""A process that copies or moves, made to be killed and to go on. Argument: a JSON object, see `main`.

Its checkpoints lie in a file, as a worker's lie in the bus, and so does the number of its attempts.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from actors.copy import CopyParams, copy
from actors.datasources.storage import Datasource
from actors.move import MoveParams, move
from actors.testing import RecordingRun
from actors.transferring.large import LargeFiles


class FiledRun(RecordingRun):
    """A run whose checkpoints another process finds."""

    def __init__(self, place: Path, **options: Any) -> None:
        self._place = place
        kept = json.loads(place.read_text()) if place.exists() else {"attempt": 0, "state": None}
        super().__init__(attempt=kept["attempt"] + 1, state=kept["state"], **options)
        self._write(self.state)

    def checkpoint(self, state: Any) -> None:
        super().checkpoint(state)
        assert len(json.dumps(state)) < 32 * 1024
        self._write(state)

    def _write(self, state: Any) -> None:
        draft = self._place.with_suffix(".draft")
        draft.write_text(json.dumps({"attempt": self.attempt, "state": state}))
        os.replace(draft, self._place)


def main(given: dict[str, Any]) -> None:
    """Do the `deed` from the folder `source` to the folder `target` with the `params`; say what was counted and read."""
    LargeFiles.large_bytes, LargeFiles.chunk_bytes = 4 * 1024 * 1024, 1024 * 1024
    places = [Datasource(name=name, root=given[name]) for name in ("source", "target")]
    run = FiledRun(Path(given["state"]), datasources=places)
    params = {"datasource": "source", "target_datasource": "target", **given["params"]}
    before = _read_bytes()
    result = copy(run, CopyParams(**params)) if given["deed"] == "copy" else move(run, MoveParams(**params))
    print(json.dumps({**result.model_dump(), "read": _read_bytes() - before, "attempt": run.attempt}))


def _read_bytes() -> int:
    return int(Path("/proc/self/io").read_text().split("rchar: ")[1].split()[0])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

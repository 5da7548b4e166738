"""A process that hashes a folder into a manifest in another one, made to be killed, and that goes on where it was.

Arguments: the two folders, and the file that keeps the checkpoint. What is done is kept after every few files.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import actors.hashing.setting
import actors.kept
from actors.datasources.storage import Datasource
from actors.hash import HashParams, hash_entries
from actors.testing import RecordingRun

actors.kept.MOST_BYTES = 1500
actors.hashing.setting._SMALL_AT_ONCE = 5


class Remembering(RecordingRun):
    """A run whose checkpoint outlives the process."""

    def __init__(self, place: Path, **more: Any) -> None:
        super().__init__(state=json.loads(place.read_text()) if place.exists() else None, **more)
        self._place = place

    def checkpoint(self, state: Any) -> None:
        new = self._place.with_suffix(".new")
        new.write_text(json.dumps(state))
        os.rename(new, self._place)


if __name__ == "__main__":
    root, sums, place = sys.argv[1:]
    places = [Datasource(name="files", root=root), Datasource(name="sums", root=sums)]
    run = Remembering(Path(place), datasources=places)
    result = hash_entries(run, HashParams(datasource="files", target="SUMS", target_datasource="sums"))
    print(json.dumps({"files": result.files, "began": bool(run.state)}))

"""What a forked process does that hashes a folder into a manifest in another one; see `forking`.

It is made to be killed, and goes on where it was. What is done is kept after every few files.
"""

from __future__ import annotations

from typing import Any

import actors.hashing.setting
import actors.kept
from actors.datasources.storage import Datasource
from actors.hash import HashParams, hash_entries
from tests.integration.actors.carry_process import FiledRun

actors.kept.MOST_BYTES = 1500
actors.hashing.setting._SMALL_AT_ONCE = 5


def attempt(given: dict[str, Any]) -> dict[str, Any]:
    """Hash the folder `root` into the folder `sums`, with the checkpoints in the file `state`; say what was hashed."""
    places = [Datasource(name=name, root=given[name]) for name in ("root", "sums")]
    run = FiledRun(given["state"], pace=given.get("pace"), datasources=places)
    result = hash_entries(run, HashParams(datasource="root", target="SUMS", target_datasource="sums"))
    return {"files": result.files, "began": bool(run.state)}

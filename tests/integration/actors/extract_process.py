"""What a forked process does that unpacks an archive, made to be killed and to go on; see `forking`."""

from __future__ import annotations

from typing import Any

from actors.datasources.storage import Datasource
from actors.extract import ExtractParams, extract
from tests.integration.actors.carry_process import FiledRun


def attempt(given: dict[str, Any]) -> dict[str, Any]:
    """Unpack with the `params` in the folder `root`, with the checkpoints in the file `state`; say what was made."""
    places = [Datasource(name="files", root=given["root"])]
    run = FiledRun(given["state"], pace=given.get("pace"), datasources=places)
    result = extract(run, ExtractParams(datasource="files", **given["params"]))
    return {**result.model_dump(mode="json"), "attempt": run.attempt}

"""A process that unpacks an archive, made to be killed and to go on. Argument: a JSON object, see `main`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from actors.datasources.storage import Datasource
from actors.extract import ExtractParams, extract
from tests.integration.actors.carry_process import FiledRun


def main(given: dict[str, Any]) -> None:
    """Unpack with the `params` in the folder `root`, with the checkpoints in the file `state`; say what was made."""
    run = FiledRun(Path(given["state"]), datasources=[Datasource(name="files", root=given["root"])])
    result = extract(run, ExtractParams(datasource="files", **given["params"]))
    print(json.dumps({**result.model_dump(mode="json"), "attempt": run.attempt}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

"""A process that writes a file and never finishes, made to be killed. Arguments: a datasource as JSON, a path, MiB."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource
from rota.datasources import Rules


def pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x" * 1024 * 1024
    print("written", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    given, path, mebibytes = sys.argv[1:]
    datasource = Datasource(**json.loads(given), rules=Rules(allow_private=True))
    open_storage(datasource).write(path.encode(), pieces(int(mebibytes)))

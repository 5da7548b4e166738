"""A process that claims every item of a bin that it can, a few at a time. Arguments: database address, task, where to begin.

It says that it is ready, begins when it is told a line, and prints the numbers of those that it got.
"""

from __future__ import annotations

import json
import sys

from actors.stored import StoredDatasources
from store.engine import Store

if __name__ == "__main__":
    url, task, start = sys.argv[1:]
    store = Store(url)
    records = StoredDatasources(store, run="run", task=task).bin("files")
    ids = [place.id for place in records.places()]
    ids = ids[int(start) :] + ids[: int(start)]
    print("ready", flush=True)
    sys.stdin.readline()
    claimed = [item.id for place in range(0, len(ids), 5) for item in records.claim(ids[place : place + 5], "purge")]
    print(json.dumps(claimed))
    store.close()

"""A process that deletes, restores or purges, made to be killed.

Arguments: database address, datasource, id of the task (its run has the same), what to do, and the paths.
"""

from __future__ import annotations

import sys
from typing import Any

from actors.bin_records import BinRecords
from actors.datasources.storage import Datasource
from actors.delete import DeleteParams, delete
from actors.purge import PurgeParams, purge
from actors.restore import RestoreParams, restore
from actors.stored import StoredDatasources
from actors.testing import RecordingRun
from store.engine import Store


class KilledRun(RecordingRun):
    """A run on a real store."""

    def __init__(self, store: Store, task: str) -> None:
        super().__init__(id=task, task=task)
        self.person = "anna"
        self._stored = StoredDatasources(store, run=task, task=task)

    def datasource(self, name: str) -> Datasource:
        return self._stored.datasource(name)

    def bin(self, name: str) -> BinRecords:
        return self._stored.bin(name)


def act(run: RecordingRun, name: str, deed: str, paths: list[str]) -> Any:
    """Do it and give the result."""
    match deed:
        case "delete":
            return delete(run, DeleteParams(datasource=name, paths=tuple(paths)))
        case "restore":
            return restore(run, RestoreParams(datasource=name, paths=tuple(paths)))
        case "permanently":
            return delete(run, DeleteParams(datasource=name, paths=tuple(paths), permanently=True))
    return purge(run, PurgeParams(datasource=name, confirmed=10**9))


if __name__ == "__main__":
    url, name, task, deed, *paths = sys.argv[1:]
    store = Store(url)
    print(act(KilledRun(store, task), name, deed, paths).model_dump_json())
    store.close()

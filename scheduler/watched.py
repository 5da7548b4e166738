"""Says in the bus which local folders are to be watched, as the store has them; what watches them is in the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.watched import WatchedFolder
from rota.loop import Loop
from store.queries import datasources

if TYPE_CHECKING:
    from bus.connection import Bus
    from scheduler.leader import Leader
    from store.engine import Store
    from store.records import DatasourceRecord

#: How long it takes at most until a datasource that is saved with `watch` is told; a Redis that lost it is told too.
LOOK_SECONDS = 3.0


class Watched:
    """The duty of the watched folders; only the leader's does anything."""

    def __init__(self, store: Store, bus: Bus, leader: Leader) -> None:
        self._store = store
        self._bus = bus
        self._leader = leader
        self.loop = Loop("watched", self.step, interval=LOOK_SECONDS)

    def step(self) -> None:
        """Say what is to be watched."""
        if self._leader.leading() is None:
            return
        with self._store.reading() as conn:
            known = datasources.list_datasources(conn)
        self._bus.watched.tell([_folder_of(one) for one in known if _is_watched(one)])


def _is_watched(one: DatasourceRecord) -> bool:
    return one.enabled and one.kind == "local" and bool(one.rules.get("watch"))


def _folder_of(one: DatasourceRecord) -> WatchedFolder:
    return WatchedFolder(
        name=one.name,
        root=one.root,
        include=tuple(one.rules.get("include", ())),
        exclude=tuple(one.rules.get("exclude", ())),
        queue=one.queue,
    )

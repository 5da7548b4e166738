"""Whatever happens to a storage of any kind, the catalog equals an independent walk, and the events lead there."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.sync import SyncParams, sync
from actors.testing import MemoryCatalog, RecordingRun
from tests.replay import replay
from tests.storages.served import Served
from tests.trees import catalogued

# Few names, so that changes meet: prefixes of each other, and around "/" in the order of bytes.
NAMES = st.sampled_from([b"a", b"b", b"a-b", b"a.b", b"a0", "\u00fc".encode(), b"x y"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)
CHANGES = st.one_of(
    st.tuples(st.just("write"), PATHS, st.integers(0, 3)),
    st.tuples(st.just("make_folder"), PATHS),
    st.tuples(st.just("remove"), PATHS),
    st.tuples(st.just("rename"), PATHS, PATHS),
    st.tuples(st.just("sync_a_part"), PATHS),
    st.tuples(st.just("sync")),
)

Paths = dict[bytes, tuple[str, int]]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=st.lists(CHANGES, min_size=1, max_size=14))
def test_catalog_follows_any_changes(served: Served, changes: list[tuple[Any, ...]]) -> None:
    _empty(served)
    story = _Story(served)
    for change in [("sync",), *changes, ("sync",)]:
        getattr(story, change[0])(*change[1:])


def test_catalog_follows_many_changes_of_a_larger_tree(served: Served) -> None:
    chance = random.Random(4)
    story = _Story(served)
    for n in range(12):
        for m in range(10):
            served.write(b"d%d/e%d/f%d" % (n, n % 3, m), b"x" * m)
    story.sync()
    served.rename(b"d1", b"d0/moved")
    served.remove(b"d2")
    for n in range(3, 12):
        served.write(b"d%d/e%d/f%d" % (n, n % 3, chance.randrange(10)), b"changed content")
    served.rename(b"d4/e1/f3", b"d5/e2/from")
    story.sync()
    story.sync()


class _Story:
    """Changes of one storage, with syncs in between."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.catalog = MemoryCatalog()

    def write(self, path: bytes, size: int) -> None:
        there = self.served.walk()
        if there.get(path, ("file", 0))[0] == "file" and not _is_below_a_file(path, there):
            self.served.write(path, b"x" * size)

    def make_folder(self, path: bytes) -> None:
        there = self.served.walk()
        if path not in there and not _is_below_a_file(path, there):
            self.served.make_folder(path)

    def remove(self, path: bytes) -> None:
        if path in self.served.walk():
            self.served.remove(path)

    def rename(self, path: bytes, target: bytes) -> None:
        there = self.served.walk()
        parent = target.rpartition(b"/")[0]
        if path not in there or target in there or (target + b"/").startswith(path + b"/"):
            return
        if not parent or there.get(parent, ("", 0))[0] == "folder":
            self.served.rename(path, target)

    def sync(self) -> None:
        before = self._known()

        run = self._sync()

        after = self._known()
        assert after == self.served.walk()
        assert replay(before, run.events) == after
        again = self._sync()
        assert [event.type for event in again.events if event.type.startswith("entry.")] == []

    def sync_a_part(self, path: bytes) -> None:
        self._sync(path=path.decode())

        known, there = self._known(), self.served.walk()
        for found, other in ((known, there), (there, known)):
            for each, seen in found.items():
                if (each + b"/").startswith(path + b"/"):
                    assert other.get(each) == seen

    def _sync(self, **params: Any) -> RecordingRun:
        run = RecordingRun(datasources=[self.served.datasource], catalogs=lambda name: self.catalog)
        sync(run, SyncParams(datasource=self.served.datasource.name, allow_deletions=True, **params))
        return run

    def _known(self) -> Paths:
        return {path: seen[:2] for path, seen in catalogued(self.catalog).items()}


def _is_below_a_file(path: bytes, there: Mapping[bytes, tuple[str, int]]) -> bool:
    parts = path.split(b"/")
    above = (b"/".join(parts[:depth]) for depth in range(1, len(parts)))
    return any(there.get(each, ("folder", 0))[0] != "folder" for each in above)


def _empty(served: Served) -> None:
    for path in [path for path in served.walk() if b"/" not in path]:
        served.remove(path)

"""Whatever happens to a tree, the catalog equals an independent walk, and the events lead from one to the other."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors.datasources.storage import Datasource
from actors.syncing import reconcile
from actors.testing import MemoryCatalog
from tests.integration.actors.conftest import Synced
from tests.replay import replay
from tests.trees import walked

# Few names, so that changes meet: prefixes of each other, around "/" in the order of bytes, and none that is text.
NAMES = st.sampled_from([b"a", b"b", b"a-b", b"a.b", b"a0", b"\xff", b"n\n"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)
SIZES = st.integers(0, 3)


class SyncedTree(RuleBasedStateMachine):
    """Changes of a tree, with a sync now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(
            tempfile.mkdtemp(prefix="rota-oracle-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        )
        catalog = MemoryCatalog()
        (self.folder / "root").mkdir()
        (self.folder / "outside" / "a").mkdir(parents=True)
        self.synced = Synced(Datasource(name="files", root=str(self.folder / "root")), lambda: MemoryCatalog(catalog))
        self.stamp = 1_000

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def at(self, path: bytes) -> bytes | None:
        """The real path, or None where it would lead through a link: the changes have to stay in the tree as well."""
        at = os.fsencode(self.synced.root)
        parts = path.split(b"/")
        for part in parts[:-1]:
            at = os.path.join(at, part)
            if os.path.islink(at) or not os.path.isdir(at):
                return None
        return os.path.join(at, parts[-1])

    @initialize()
    def first(self) -> None:
        self.sync()

    @rule(path=PATHS)
    def make_folders(self, path: bytes) -> None:
        parts = path.split(b"/")
        for depth in range(1, len(parts) + 1):
            target = self.at(b"/".join(parts[:depth]))
            if target is not None and not os.path.lexists(target):
                os.mkdir(target)

    @rule(path=PATHS, size=SIZES, keep_time=st.booleans())
    def write(self, path: bytes, size: int, keep_time: bool) -> None:
        target = self.at(path)
        if target is None or os.path.islink(target) or os.path.isdir(target):
            return
        with open(target, "wb") as file:
            file.write(b"x" * size)
        if not keep_time:
            self.stamp += 1
        os.utime(target, (self.stamp, self.stamp))

    @rule(path=PATHS, leads_to=st.sampled_from(["a", "..", "../outside", "nowhere"]))
    def link(self, path: bytes, leads_to: str) -> None:
        target = self.at(path)
        if target is not None and not os.path.lexists(target):
            os.symlink(leads_to, target)

    @rule(path=PATHS, other=PATHS)
    def hard_link(self, path: bytes, other: bytes) -> None:
        source, target = self.at(path), self.at(other)
        if source is not None and target is not None and os.path.isfile(source) and not os.path.lexists(target):
            os.link(source, target, follow_symlinks=False)

    @rule(path=PATHS)
    def remove(self, path: bytes) -> None:
        target = self.at(path)
        if target is None or not os.path.lexists(target):
            return
        if os.path.isdir(target) and not os.path.islink(target):
            shutil.rmtree(target)
        else:
            os.unlink(target)

    @rule(path=PATHS, other=PATHS)
    def move(self, path: bytes, other: bytes) -> None:
        source, target = self.at(path), self.at(other)
        if source is None or target is None:
            return
        with contextlib.suppress(OSError):  # missing, into itself, onto a folder that is not empty
            os.rename(source, target)

    @rule()
    def sync(self) -> None:
        before = {path: seen[:2] for path, seen in self.synced.known().items()}
        dry = self.synced.changes(dry_run=True, allow_deletions=True)

        assert self.synced.changes(allow_deletions=True) == dry
        assert self.synced.is_exact()
        after = {path: seen[:2] for path, seen in self.synced.known().items()}
        assert replay(before, self.synced.run.events) == after
        assert self.synced.changes() == {}

    @rule(paths=st.lists(PATHS, min_size=1, max_size=3))
    def sync_parts(self, paths: list[bytes]) -> None:
        texts = [path.decode("utf-8", "surrogateescape") for path in paths]
        before = {path: seen[:2] for path, seen in self.synced.known().items()}
        self.synced.sync(paths=texts, allow_deletions=True)

        known, there = self.synced.known(), walked(self.synced.root)
        for found, other in ((known, there), (there, known)):
            for each, seen in found.items():
                if any(each == path or each.startswith(path + b"/") for path in paths):
                    assert other.get(each) == seen
        after = {path: seen[:2] for path, seen in known.items()}
        assert replay(before, self.synced.run.events) == after

    @invariant()
    def catalog_holds_together(self) -> None:
        known = self.synced.known()
        folders = {path for path, seen in known.items() if seen.kind == "folder"}
        for path in known:
            parent = path.rpartition(b"/")[0]
            assert not parent or parent in folders


class SlicedTree(SyncedTree):
    """The same, where every folder of more than two entries is taken for a huge one and compared in slices."""

    def __init__(self) -> None:
        super().__init__()
        self.usual = reconcile._CHUNK_ROWS
        reconcile._CHUNK_ROWS = 2

    def teardown(self) -> None:
        reconcile._CHUNK_ROWS = self.usual
        super().teardown()


TestSyncedTree = SyncedTree.TestCase
TestSyncedTree.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSlicedTree = SlicedTree.TestCase
TestSlicedTree.settings = settings(TestSyncedTree.settings, max_examples=30)

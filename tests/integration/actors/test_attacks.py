"""Somebody who may write into a datasource wants to see what is outside of it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.datasources.frontier import Place
from actors.datasources.local.storage import LocalStorage
from actors.datasources.local.walkers import Walkers
from actors.datasources.local.walking import Setup
from actors.datasources.openat2 import open_beneath, open_by_steps
from actors.datasources.paths import Root
from actors.datasources.scanning import scan
from actors.datasources.storage import Datasource, Listing, Unlisted
from actors.sync import SyncParams, sync
from actors.testing import RecordingRun
from tests.trees import Link, make_tree
from tests.waiting import wait_until

CANARY = b"canary"
_SECONDS, _PATIENCE_SECONDS = 1.0, 120.0
_FEW_FLIPS, _MANY_FLIPS = 10, 1_000


def flip(root: str, flips) -> None:
    """Swap real folders and links for each other, as fast as it goes, at two depths."""
    for name in ("door", "a/door"):
        os.makedirs(f"{root}/{name}/inner", exist_ok=True)
    while True:
        for name in ("door", "a/door"):
            path = f"{root}/{name}"
            os.rename(path, path + "-real")
            os.symlink(f"{root}/../outside", path)
            os.unlink(path)
            os.rename(path + "-real", path)
        flips.value += 1


class Attacked:
    """A root with doors that an attacker's process turns into links and back."""

    def __init__(self, root: Path, flips) -> None:
        self.root = root
        self._flips = flips

    def under_attack(self, is_enough: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """Go on until both sides have done enough, and for a second unless the attacker has done very much by then."""
        begun, before = time.monotonic(), self._flips.value
        while True:
            yield
            seconds, flips = time.monotonic() - begun, self._flips.value - before
            if flips > _FEW_FLIPS and is_enough() and (flips > _MANY_FLIPS or seconds > _SECONDS):
                return
            assert seconds < _PATIENCE_SECONDS, f"too little was done, with {flips} flips"


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[Attacked]:
    """A root that is attacked already."""
    root = tmp_path / "root"
    make_tree(tmp_path / "outside", {CANARY: b"secret", "inner": {CANARY: b"secret"}})
    make_tree(root, {"a": {"b": {"c": b""}}, "open": Link("../outside")})
    context = multiprocessing.get_context("spawn")
    flips = context.Value("l", 0)
    attacker = context.Process(target=flip, args=(str(root), flips), daemon=True)
    attacker.start()
    try:
        wait_until(lambda: flips.value, timeout=_PATIENCE_SECONDS, what="the attacker flips")
        yield Attacked(root, flips)
    finally:
        attacker.kill()
        attacker.join()


@pytest.mark.parametrize("opener", [open_beneath, open_by_steps], ids=["openat2", "steps"])
def test_nothing_outside_is_listed_or_read(attacked, opener):
    storage = LocalStorage(Datasource(name="files", root=str(attacked.root)), opener=opener)
    seen = {"walks": 0}

    for _ in attacked.under_attack(lambda: seen["walks"] > 10):
        for found in scan(storage, [b""], lambda _: {}):
            if isinstance(found, Listing):
                assert CANARY not in [row.name for row in found.rows], found.path
        for path in (b"door/canary", b"door/inner/canary", b"a/door/inner/canary"):
            with contextlib.suppress(OSError):
                assert storage.stat(path) is None
            with pytest.raises(OSError):
                storage.open_file(path)
        seen["walks"] += 1

    storage.close()


@pytest.mark.parametrize("by_steps", [False, True], ids=["openat2", "steps"])
def test_nothing_outside_is_listed_by_helper_processes(attacked, by_steps):
    doors = [Place(path, 0) for path in (b"door", b"door/inner", b"a/door", b"a/door/inner")]
    seen = {"listed": 0, "refused": 0}

    with (
        Root(str(attacked.root)) as root,
        Walkers(root.descriptor, Setup(by_steps=by_steps, include=(), exclude=()), count=2) as walkers,
    ):
        for _ in attacked.under_attack(lambda: seen["listed"] > 100 and seen["refused"] > 10):
            while walkers.room:
                walkers.ask(doors * 10, {})
            for _, found, _ in walkers.told():
                seen["refused" if isinstance(found, Unlisted) else "listed"] += 1
                if isinstance(found, Listing):
                    assert CANARY not in [row.name for row in found.rows], found.path


def test_nothing_outside_comes_into_the_catalog_or_an_event(attacked):
    datasource = Datasource(name="files", root=str(attacked.root))
    run = RecordingRun(datasources=[datasource])

    for _ in attacked.under_attack():
        sync(run, SyncParams(datasource="files", hash=True, allow_deletions=True))

    events = [event for event in run.events if event.type.startswith("entry.")]
    told = [entry["path"] for event in events for entry in event.data["entries"]]
    assert told
    assert not [path for path in told if path.encode().endswith(CANARY)]

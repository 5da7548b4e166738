"""Somebody who may write into a datasource wants to see what is outside of it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Iterator
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

CANARY = b"canary"
_SECONDS = 1.0


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


@pytest.fixture
def flipping(tmp_path: Path) -> Iterator[Path]:
    """A root with doors that an attacker's process turns into links and back."""
    root = tmp_path / "root"
    make_tree(tmp_path / "outside", {CANARY: b"secret", "inner": {CANARY: b"secret"}})
    make_tree(root, {"a": {"b": {"c": b""}}, "open": Link("../outside")})
    context = multiprocessing.get_context("spawn")
    flips = context.Value("l", 0)
    attacker = context.Process(target=flip, args=(str(root), flips), daemon=True)
    attacker.start()
    deadline = time.monotonic() + 30
    while not flips.value and time.monotonic() < deadline:
        time.sleep(0.01)
    before = flips.value
    yield root
    assert flips.value > before + 10, "the attacker did nothing"
    attacker.kill()
    attacker.join()


@pytest.mark.parametrize("opener", [open_beneath, open_by_steps], ids=["openat2", "steps"])
def test_nothing_outside_is_listed_or_read(flipping, opener):
    storage = LocalStorage(Datasource(name="files", root=str(flipping)), opener=opener)
    seen = {"walks": 0, "refused": 0}
    until = time.monotonic() + _SECONDS

    while time.monotonic() < until:
        for found in scan(storage, [b""], lambda _: {}):
            if isinstance(found, Unlisted):
                seen["refused"] += 1
            elif isinstance(found, Listing):
                assert CANARY not in [row.name for row in found.rows], found.path
        for path in (b"door/canary", b"door/inner/canary", b"a/door/inner/canary"):
            with contextlib.suppress(OSError):
                assert storage.stat(path) is None
            with pytest.raises(OSError):
                storage.open_file(path)
        seen["walks"] += 1

    assert seen["walks"] > 10
    storage.close()


@pytest.mark.parametrize("by_steps", [False, True], ids=["openat2", "steps"])
def test_nothing_outside_is_listed_by_helper_processes(flipping, by_steps):
    doors = [Place(path, 0) for path in (b"door", b"door/inner", b"a/door", b"a/door/inner")]
    seen = {"listed": 0, "refused": 0}
    until = time.monotonic() + _SECONDS

    with (
        Root(str(flipping)) as root,
        Walkers(root.descriptor, Setup(by_steps=by_steps, include=(), exclude=()), count=2) as walkers,
    ):
        while time.monotonic() < until:
            while walkers.room:
                walkers.ask(doors * 10, {})
            for _, found, _ in walkers.told():
                seen["refused" if isinstance(found, Unlisted) else "listed"] += 1
                if isinstance(found, Listing):
                    assert CANARY not in [row.name for row in found.rows], found.path

    assert seen["listed"] > 100
    assert seen["refused"] > 10


def test_nothing_outside_comes_into_the_catalog_or_an_event(flipping):
    datasource = Datasource(name="files", root=str(flipping))
    run = RecordingRun(datasources=[datasource])
    until = time.monotonic() + _SECONDS

    while time.monotonic() < until:
        sync(run, SyncParams(datasource="files", hash=True, allow_deletions=True))

    events = [event for event in run.events if event.type.startswith("entry.")]
    told = [entry["path"] for event in events for entry in event.data["entries"]]
    assert told
    assert not [path for path in told if path.encode().endswith(CANARY)]

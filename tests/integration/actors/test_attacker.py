"""Somebody flips links and names around the bin at full speed while purges run: nothing but items is deleted.

In short here; with ROTA_CAMPAIGN=full for a minute.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from actors.datasources.abilities import Doomed
from actors.datasources.burying import bury
from actors.datasources.graves import Fate
from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource, Storage
from rota.errors import RotaError
from rota.ids import new_id
from tests.faults.attacker import Attacker
from tests.faults.binned import FILES, Binned
from tests.faults.canary import Canary
from tests.faults.memory import memory_folder
from tests.faults.snapshots import differences, snapshot
from tests.trees import Link, make_tree

FULL = os.environ.get("ROTA_CAMPAIGN") == "full"
SECONDS = 60.0 if FULL else 3.0
BURIAL_SECONDS = 20.0 if FULL else 2.0
#: On a machine of its own it is ten times as many.
ATTACKS_A_SECOND = 150
ITEMS = 12

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    """The tree in memory; for a minute on a disk."""
    if FULL:
        yield Canary(tmp_path)
        return
    with memory_folder() as folder:
        yield Canary(folder)


@pytest.fixture
def binned(canary: Canary, sqlite_template: Path) -> Iterator[Binned]:
    file = canary.root.parent / "rota.db"
    shutil.copyfile(sqlite_template, file)
    opened = Binned(f"sqlite:///{file}")
    opened.define(FILES, canary.root)
    yield opened
    opened.close()


@pytest.fixture
def attacker(canary: Canary) -> Iterator[Attacker]:
    started = Attacker(canary.root, canary.outside)
    yield started
    started.kill()


def test_purges_under_attack_delete_items_and_nothing_else(canary: Canary, binned: Binned, attacker: Attacker) -> None:
    with Judged(canary, attacker, seconds=SECONDS) as judged:
        rounds = 0
        while judged.goes_on:
            rounds += 1
            names = [f"round{rounds}-{number}" for number in range(ITEMS)]
            for number, name in enumerate(names):
                make_tree(canary.root / "home", {name: b"x" if number % 3 else folder()})
            binned.try_delete(*(f"home/{name}" for name in names))
            # Only what was deleted just now is old: what the attacker put in its place counts from when it is seen.
            binned.age(400, folder=f"home/round{rounds}-")
            for _ in range(2):
                judged.count(binned.try_purge())

    assert judged.counts["removed"] > 5 * SECONDS, "too little was purged to be attacked"


def test_burials_under_attack_delete_items_and_nothing_else(canary: Canary, attacker: Attacker) -> None:
    bin_ = canary.root / ".rota" / "bin"
    bin_.mkdir(parents=True)
    place = Datasource(name=FILES, root=str(canary.root), whole=True)

    with Judged(canary, attacker, seconds=BURIAL_SECONDS) as judged, closing(open_storage(place)) as storage:
        while judged.goes_on:
            doomed = [made for made in (make_item(canary, storage) for _ in range(ITEMS)) if made is not None]
            with suppress(RotaError):
                judged.count(Counter(ended.fate for ended in bury(storage, doomed)))

    assert judged.counts[Fate.GONE] > 50 * BURIAL_SECONDS, "too little was buried to be attacked"
    assert judged.counts[Fate.REPLACED] > BURIAL_SECONDS, "too little was attacked at the right moment"


class Judged:
    """A stretch of time under attack, after which everything but what was deleted must be what it was."""

    def __init__(self, canary: Canary, attacker: Attacker, *, seconds: float) -> None:
        self._canary = canary
        self._attacker = attacker
        self._before = {hostage: snapshot(hostage) for hostage in attacker.hostages}
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self.counts: Counter[str] = Counter()

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self._until

    def count(self, some: Counter[str]) -> None:
        self.counts += some

    def __enter__(self) -> Judged:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        attacks = self._attacker.stop()
        print(f"attacks: {attacks}; purges: {dict(self.counts)}")
        after = {hostage: differences(seen, snapshot(hostage)) for hostage, seen in self._before.items()}
        assert after == dict.fromkeys(self._before, [])
        # Other names that the attacker gave files of the canary go with what it left lying.
        shutil.rmtree(self._canary.root / "home")
        shutil.rmtree(self._canary.root / ".rota")
        self._canary.check()
        assert min(attacks.values()) > 5 * self._seconds, "an attack did not come through"
        assert sum(attacks.values()) > ATTACKS_A_SECOND * self._seconds, "the attacker did too little"


def make_item(canary: Canary, storage: Storage) -> Doomed | None:
    """Put a folder or a file into the bin, unless the bin is somewhere else just now."""
    item = new_id()
    made = canary.root / "home" / item
    tree = folder() if random.random() < 0.5 else b"x"
    make_tree(made, {"item": tree})
    row = storage.stat(b"home/%s/item" % item.encode())
    assert row is not None
    try:
        storage.rename(b"home/" + item.encode(), b".rota/bin/" + item.encode())
    except OSError:
        return None
    return Doomed(f"{item}/item".encode(), row)


def folder() -> dict[str, object]:
    return {"inner": {f"file{number}": b"x" for number in range(20)}, "file": b"x", "link": Link("../../canary")}

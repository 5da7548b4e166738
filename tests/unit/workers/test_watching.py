"""A watcher, on real folders and with a bus that is a list: what is told when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Thread

import pytest

from bus.watched import WatchedFolder
from rota.clock import SystemClock
from rota.errors import BusUnavailable
from rota.events import Event
from tests.waiting import wait_until
from workers import watching
from workers.watching import Watcher


class Door:
    """What is to be watched, and what was told of it."""

    def __init__(self, *folders: WatchedFolder) -> None:
        self.wanted = list(folders)
        self.told: list[Event] = []
        self.is_away = False
        self.looks = 0
        self.refused = 0

    def folders(self) -> list[WatchedFolder]:
        self.looks += 1
        if self.is_away:
            raise BusUnavailable("no answer")
        return self.wanted

    def publish(self, events: Sequence[Event]) -> None:
        if self.is_away:
            self.refused += 1
            raise BusUnavailable("no answer")
        self.told += events

    def paths(self) -> list[str]:
        return [path for event in list(self.told) for path in event.data["paths"]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture
def watched(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Door]]:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(watching, "RETRY_SECONDS", 0.1)
    running: list[tuple[Watcher, Thread]] = []

    def start() -> Door:
        door = Door(WatchedFolder(name="docs", root=str(root)))
        watcher = Watcher(door, queues=[], source="test", clock=SystemClock())
        thread = Thread(target=watcher.run)
        thread.start()
        running.append((watcher, thread))
        wait_until(lambda: door.paths() == [""])
        door.told.clear()
        return door

    yield start
    for watcher, thread in running:
        if thread.is_alive():
            watcher.stop()
            thread.join(60)
        assert not thread.is_alive()


def test_a_change_is_told_at_once(root, watched):
    door = watched()

    (root / "a").write_text("x")

    # More than once where much time has passed between its making and its closing.
    wait_until(lambda: set(door.paths()) == {"a"})


def test_what_changes_while_the_bus_is_away_is_told_later(root, watched):
    door = watched()

    door.is_away = True
    (root / "a").write_text("x")
    wait_until(lambda: door.refused > 1)
    (root / "b").write_text("x")
    door.is_away = False

    wait_until(lambda: set(door.paths()) == {"a", "b"})


def test_a_root_that_comes_again_is_told_as_a_whole_and_watched(root, watched):
    door = watched()

    root.rmdir()
    root.mkdir()
    wait_until(lambda: door.paths() == [""])
    (root / "a").write_text("x")

    wait_until(lambda: door.paths()[0] == "" and set(door.paths()) == {"", "a"})


def test_what_is_not_to_be_watched_any_more_is_let_go(root, watched, monkeypatch):
    monkeypatch.setattr(watching, "EMPTY_LOOKS", 1_000)
    door = watched()

    door.wanted = []
    looks = door.looks
    wait_until(lambda: door.looks > looks + 1)
    (root / "a").write_text("x")
    door.wanted = [WatchedFolder(name="docs", root=str(root))]

    wait_until(lambda: door.paths() == [""])


def test_a_new_root_is_watched_in_the_place_of_the_old_one(root, watched, tmp_path):
    door = watched()
    (tmp_path / "other").mkdir()

    door.wanted = [WatchedFolder(name="docs", root=str(tmp_path / "other"))]
    wait_until(lambda: door.paths() == [""])
    (tmp_path / "other" / "b").write_text("x")

    wait_until(lambda: door.paths()[0] == "" and set(door.paths()) == {"", "b"})

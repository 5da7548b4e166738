"""Somebody who may write into a datasource and wants a purge to delete what lies outside of the bin.

As a program (`python -m tests.faults.attacker ROOT OUTSIDE STAGE`) it swaps whatever leads to the items of the bin for
links to the canary, for folders of the canary, or for nothing, and back, as fast as it goes, until it is terminated. It
puts back what it took, as far as the purge left it a place, and writes how often each of its attacks came through. It
looks for nothing in the tomb: who writes there could as well delete the canary by hand.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

HOSTAGES = tuple(f"hostage{number}" for number in range(4))
"""Folders of the canary that change places with items."""
_EXCHANGE, _HERE = 2, -100
_STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
_SHORT_SECONDS, _LONG_SECONDS = 0.0003, 0.003
_PATIENCE_SECONDS = 0.1
_LIBC = ctypes.CDLL(None, use_errno=True)


class Spot(NamedTuple):
    """A name in a folder that is held open."""

    folder: int
    name: str


def exchange(one: Spot, other: Spot) -> None:
    """Let two entries change places in one step; raises OSError."""
    if _LIBC.renameat2(one.folder, os.fsencode(one.name), other.folder, os.fsencode(other.name), _EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), one.name, None, other.name)


def rename(one: Spot, other: Spot) -> None:
    """Give an entry another name; raises OSError."""
    os.rename(one.name, other.name, src_dir_fd=one.folder, dst_dir_fd=other.folder)


class Attack:
    """An attack on one datasource.

    It goes through descriptors and follows no link, not even its own: what it changes of the canary is what it means to.
    So it also goes on in an item that the purge has moved into the tomb meanwhile.
    """

    def __init__(self, root: str, outside: str, stage: str) -> None:
        self._root = os.open(root, _STEP)
        self._stage = os.open(stage, _STEP)
        self._hostages = {os.lstat(f"{stage}/{name}").st_ino: name for name in HOSTAGES}
        self._targets = (outside, f"{root}/canary", f"{outside}/00/deep", root, "../../canary", "nothing")
        self._prey = f"{outside}/01/deep/file1"
        self._chance = random.Random(os.getpid())
        self._numbers = 0
        self.counts: Counter[str] = Counter()
        self.stopped = False

    def go_on(self) -> None:
        """Attack until it is stopped."""
        kinds: list[Callable[[], None]] = [
            self._link_for_item,
            self._link_for_folder_of_item,
            self._link_inside_item,
            self._link_for_bin,
            self._link_for_tomb,
            self._link_for_private_folder,
            self._canary_for_item,
            self._canary_for_folder_of_item,
            self._hard_link,
            self._away_and_back,
        ]
        while not self.stopped:
            kind = self._chance.choice(kinds)
            # What it reaches for is often gone already.
            with contextlib.suppress(OSError, IndexError):
                kind()
                self.counts[kind.__name__.strip("_")] += 1

    def _link_for_item(self) -> None:
        with self._item() as item:
            self._swap_for_link(item)

    def _link_for_folder_of_item(self) -> None:
        with self._folder_of_item() as folder:
            self._swap_for_link(folder)

    def _link_inside_item(self) -> None:
        with self._item() as item, self._some_in(item) as inner:
            self._swap_for_link(inner)

    def _link_for_bin(self) -> None:
        with self._spot(".rota", "bin") as place:
            self._swap_for_link(place)

    def _link_for_tomb(self) -> None:
        with self._spot(".rota", "tomb") as place:
            self._swap_for_link(place)

    def _link_for_private_folder(self) -> None:
        self._swap_for_link(Spot(self._root, ".rota"))

    def _canary_for_item(self) -> None:
        self._swap_for_hostages(self._item)

    def _canary_for_folder_of_item(self) -> None:
        self._swap_for_hostages(self._folder_of_item)

    def _swap_for_hostages(self, choose: Callable[[], AbstractContextManager[Spot]]) -> None:
        """Let several folders of the canary have the places of items for a moment, and bring them back."""
        with ExitStack() as stack:
            for hostage in self._hostages_at_home():
                place = stack.enter_context(choose())
                exchange(place, hostage)
                stack.callback(self._change_back, place, hostage)
            self._linger(_LONG_SECONDS)

    def _hard_link(self) -> None:
        """Give a file of the canary another name in an item, and take it away unless the purge did."""
        with self._item() as item, self._opened(item) as inside:
            os.link(self._prey, "hard", dst_dir_fd=inside)
            self._linger()
            os.unlink("hard", dir_fd=inside)

    def _away_and_back(self) -> None:
        with self._item() if self._chance.random() < 0.5 else self._folder_of_item() as place:
            aside = self._new_place()
            rename(place, aside)
            self._linger()
            rename(aside, place)

    def _swap_for_link(self, place: Spot) -> None:
        """Let a link have the place of an entry for a moment, in one step or with a moment of nothing."""
        aside = self._new_place()
        if self._chance.random() < 0.7:
            os.symlink(self._target(), aside.name, dir_fd=aside.folder)
            self._swap(place, aside)
            os.unlink(aside.name, dir_fd=aside.folder)
            return
        rename(place, aside)
        try:
            os.symlink(self._target(), place.name, dir_fd=place.folder)
            self._linger()
            os.unlink(place.name, dir_fd=place.folder)
        finally:
            # Only if nothing is there: the purge may have made another folder in its place.
            with contextlib.suppress(OSError):
                rename(aside, place)

    def _swap(self, place: Spot, other: Spot) -> None:
        """Let two entries change places for a moment; the place may be another one's for a while."""
        exchange(place, other)
        self._linger()
        self._change_back(place, other)

    def _change_back(self, place: Spot, other: Spot) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                exchange(place, other)
            except FileNotFoundError:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def _linger(self, most: float = _SHORT_SECONDS) -> None:
        """Let it be as it is for a moment, mostly none."""
        if self._chance.random() < 0.3:
            until = time.monotonic() + self._chance.random() * most
            while time.monotonic() < until:
                pass

    @contextmanager
    def _folder_of_item(self) -> Iterator[Spot]:
        with self._spot(".rota", "bin") as bin_, self._some_in(bin_) as folder:
            yield folder

    @contextmanager
    def _item(self) -> Iterator[Spot]:
        with self._folder_of_item() as folder, self._some_in(folder) as item:
            yield item

    @contextmanager
    def _some_in(self, place: Spot) -> Iterator[Spot]:
        """Choose an entry of a folder, unless the folder is of the canary: inside of that nothing is changed."""
        with self._opened(place) as inside:
            if os.fstat(inside).st_ino in self._hostages:
                raise OSError(errno.EBUSY, "is of the canary", place.name)
            yield Spot(inside, self._chance.choice([name for name in os.listdir(inside) if ".trashinfo" not in name]))

    @contextmanager
    def _spot(self, folder: str, name: str) -> Iterator[Spot]:
        with self._opened(Spot(self._root, folder)) as inside:
            yield Spot(inside, name)

    @contextmanager
    def _opened(self, place: Spot) -> Iterator[int]:
        # Not O_PATH: it is listed.
        descriptor = os.open(place.name, _STEP & ~os.O_PATH, dir_fd=place.folder)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _hostages_at_home(self) -> list[Spot]:
        """Give the folders of the canary that are in their places; the purge has the others."""
        found = {os.stat(name, dir_fd=self._stage, follow_symlinks=False).st_ino: name for name in HOSTAGES}
        return [Spot(self._stage, name) for inode, name in found.items() if self._hostages.get(inode) == name]

    def _target(self) -> str:
        return self._chance.choice(self._targets)

    def _new_place(self) -> Spot:
        self._numbers += 1
        return Spot(self._stage, str(self._numbers))


class Attacker:
    """The attack, seen from the test."""

    def __init__(self, root: Path, outside: Path) -> None:
        stage = root / "home" / "stage"
        self._hostages: dict[Path, int] = {}
        for name in HOSTAGES:
            hostage = stage / name
            (hostage / "inner").mkdir(parents=True)
            for number in range(100):
                (hostage / f"file{number}").write_bytes(b"%d" % number)
                (hostage / "inner" / f"file{number}").write_bytes(b"%d" % number)
            self._hostages[hostage] = hostage.stat().st_ino
        self._root = root
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(root), str(outside), str(stage)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )

    @property
    def hostages(self) -> list[Path]:
        """Folders of the canary that change places with items: where each belongs."""
        return list(self._hostages)

    def stop(self) -> dict[str, int]:
        """End the attack, bring the hostages back to their places, and tell how often each attack came through."""
        self._process.terminate()
        said = self._process.communicate(timeout=30)[0]
        assert self._process.returncode == 0
        for hostage, inode in self._hostages.items():
            self._bring_back(hostage, inode)
        counts: dict[str, int] = json.loads(said)
        return counts

    def kill(self) -> None:
        """End the process, whatever it is doing; nothing happens if it has ended."""
        self._process.kill()
        self._process.communicate()

    def _bring_back(self, hostage: Path, inode: int) -> None:
        """Find a hostage by its inode, wherever it was taken, and exchange it with what has its place."""
        if hostage.exists() and hostage.lstat().st_ino == inode:
            return
        for folder, names, _ in os.walk(self._root):
            for name in names:
                place = os.path.join(folder, name)
                if os.lstat(place).st_ino == inode:
                    if os.path.lexists(hostage):
                        exchange(Spot(_HERE, place), Spot(_HERE, str(hostage)))
                    else:
                        os.rename(place, hostage)
                    return
        raise AssertionError(f"a folder of the canary is gone: {hostage.name}")


def _main(root: str, outside: str, stage: str) -> None:
    attack = Attack(root, outside, stage)

    def stop(*_: Any) -> None:
        attack.stopped = True

    signal.signal(signal.SIGTERM, stop)
    attack.go_on()
    print(json.dumps(attack.counts))


if __name__ == "__main__":
    _main(*sys.argv[1:])

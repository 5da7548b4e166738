"""Resolves the selected entries: what each of them is, where it goes, and what has its name there."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import Future
from typing import NamedTuple

from actors.copying.conflicts import free_number, named
from actors.copying.order import Conflict
from actors.copying.setting import Setting
from actors.datasources.paths import join, split
from actors.datasources.storage import Kind, Row
from actors.threads import Threads, result_of
from rota.errors import TemporaryError

_AHEAD = 4


class Top(NamedTuple):
    """A selected entry."""

    number: int
    path: bytes
    row: Row | None
    """None if it is not there."""
    goal: bytes
    there: Row | None
    """What is at its goal."""
    same_place: bool
    """Whether the goal is the entry itself."""
    repeats: bool
    """Whether an entry before it has the same goal, so that what is there must be looked at when that is done."""
    error: OSError | TemporaryError | None = None
    """Why nothing is known of it."""


class Tops:
    """The selected entries in their order; some are looked at ahead."""

    def __init__(self, setting: Setting, threads: Threads) -> None:
        self._setting = setting
        self._order = setting.order
        self._threads = threads
        self._goals: set[bytes] = set()

    def __iter__(self) -> Iterator[Top]:
        """Give them."""
        waiting: list[Future[Top]] = []
        numbers = iter(range(len(self._order.paths)))
        try:
            while True:
                for number in numbers:
                    waiting.append(self._threads.pool.submit(self._resolve, number, self._repeats(number)))
                    if len(waiting) >= _AHEAD * self._threads.size:
                        break
                if not waiting:
                    return
                yield result_of(waiting.pop(0), self._threads.check)
        finally:
            for future in waiting:
                future.cancel()

    def again(self, top: Top) -> Top:
        """Look at what is at the goal once more."""
        return top._replace(there=self._setting.target.stat(top.goal))

    def refusal(self, top: Top) -> OSError | None:
        """Say why a folder cannot go where it should: into itself."""
        if top.row is None or top.row.kind != Kind.FOLDER or top.same_place:
            return None
        source, goal = self._places(top.path, top.goal)
        if goal[: len(source)] == source:
            return OSError(errno.EINVAL, "a folder cannot go into itself")
        return None

    def goal_of_folder(self, top: Top) -> bytes | None:
        """Give where a folder goes, a name with a number if a copy shall lie beside it; None if it stays.

        What was decided is remembered before anything is made.
        """
        if not top.same_place:
            return top.goal
        if self._order.moves or self._order.conflict is not Conflict.NUMBER:
            return None
        folder, name = split(top.goal)
        number = self._setting.resume.number(top.number)
        if number is None:
            number = free_number(name, lambda name: self._setting.target.stat(join(folder, name)) is None)
            self._setting.resume.give_number(top.number, number)
            self._setting.checkpoints.save(at_once=True)
        return join(folder, named(name, number))

    def _repeats(self, number: int) -> bool:
        goal = self._goal(number)
        if goal in self._goals:
            return True
        self._goals.add(goal)
        return False

    def _goal(self, number: int) -> bytes:
        return join(self._order.target, split(self._order.paths[number])[1])

    def _resolve(self, number: int, repeats: bool) -> Top:
        path, goal = self._order.paths[number], self._goal(number)
        source_place, goal_place = self._places(path, goal)
        top = Top(number, path, None, goal, None, source_place == goal_place, repeats)
        try:
            row = self._setting.source.stat(path)
            return top._replace(row=row, there=None if row is None else self._setting.target.stat(goal))
        except (OSError, TemporaryError) as error:
            return top._replace(error=error)

    def _places(self, path: bytes, goal: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return _placed(self._setting.source_place, path), _placed(self._setting.target_place, goal)


def _placed(root: tuple[str, ...], path: bytes) -> tuple[str, ...]:
    return (*root, *path.decode("utf-8", "surrogateescape").split("/"))

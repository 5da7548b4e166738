"""Settles files one by one, in several threads: copies or moves each, or leaves it where it is."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import errno
from dataclasses import dataclass
from functools import partial

from actors.copying.conflicts import Deed, decide, free_number, named
from actors.copying.moving import Mover
from actors.copying.order import Conflict
from actors.copying.resume import Position
from actors.copying.setting import Setting
from actors.datasources.paths import join, split, text_of
from actors.datasources.storage import Kind, Row
from actors.threads import Crew, Threads
from actors.transferring.copying import Copier
from actors.transferring.reading import Vanished
from actors.transferring.sides import Pair, Verdict, looks_same
from rota.errors import TemporaryError
from rota.names import name_problem

_MOST_TRIES = 20
"""So often a name may be taken by somebody else just before a copy gets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A file of the source and what is at its place in the target."""

    position: Position
    path: bytes
    row: Row
    goal: bytes
    there: Row | None
    number: int = 1
    """Of the name that it gets if it gets one with a number."""
    made: tuple[bytes, Row] | None = None
    """Path and row of what an earlier attempt may have made of it."""
    same_place: bool = False
    """Whether the goal is the file itself."""


class _Taken(Exception):
    """Raised when a name was taken, or what has it was replaced, since it was looked at."""

    def __init__(self, goal: bytes, there: Row | None) -> None:
        super().__init__()
        self.goal = goal
        self.there = there


class Settler:
    """Settles files; `hand` is for one thread, which gets what concerns all of them."""

    def __init__(self, setting: Setting, copier: Copier, mover: Mover, threads: Threads) -> None:
        self._setting = setting
        self._order = setting.order
        self._target = setting.target
        self._times = setting.times
        self._tally = setting.tally
        self._resume = setting.resume
        self._copier = copier
        self._mover = mover
        self._crew: Crew[Position, None] = Crew(threads, done=lambda _position, _done: None)

    def hand(self, task: Task) -> None:
        """Have a file settled; waits while too many are on their way."""
        self._tally.found(task.row.size)
        self._resume.hand_out(task.position)
        self._crew.hand(task.position, self._settle, task)

    def finish(self) -> None:
        """Wait until all files are settled."""
        self._crew.finish()

    def _settle(self, task: Task) -> None:
        """Settle one file; what goes wrong with it is told, what concerns all of them goes up."""
        checkpoints = self._setting.checkpoints
        self._tally.open()
        try:
            self._carry(task)
        except Vanished:
            self._setting.run.log.info(f"{text_of(task.path)!r} is gone from the source since it was listed")
        except (OSError, TemporaryError) as error:
            checkpoints.settle(partial(self._resume.fail, task.position))
            self._tally.fail(task.path, error)
            return
        checkpoints.settle(partial(self._resume.finish, task.position))
        checkpoints.save()

    def _carry(self, task: Task) -> None:
        if self._is_itself(task):
            self._tally.spared(task.row.size)
            self._tally.skip(task.path, "it is there already")
            return
        if task.made is not None and self._is_made(task, *task.made):
            self._take_over(task)
            return
        if problem := name_problem(split(task.goal)[1], portable=self._order.portable):
            raise OSError(errno.EINVAL, f"its name {problem}")
        there = task.there
        for _ in range(_MOST_TRIES):
            try:
                self._carry_once(task, there)
            except _Taken as taken:
                # The answer to a copy's getting its name may have been lost, and the copy been made again.
                is_near = self._resume.is_near(task.position)
                if is_near and taken.there is not None and self._is_made(task, taken.goal, taken.there):
                    self._take_over(task)
                    return
                self._refuse_twin(task, taken.there)
                there = taken.there
            else:
                return
        raise TemporaryError(f"{text_of(task.goal)!r} is replaced again and again by somebody else")

    def _is_itself(self, task: Task) -> bool:
        """Say whether a file that moves is where it shall go: as its own copy it must not be removed."""
        if not self._order.moves or self._setting.is_one or task.there is None:
            return False
        return self._mover.is_itself(task.path, task.row, task.goal, task.there)

    def _take_over(self, task: Task) -> None:
        """Count a file that turns out to be copied already, and remove it from the source if it moves.

        What the checkpoint does not tell of, it did not count either.
        """
        self._tally.spared(task.row.size)
        self._tally.add(copied=1, bytes=task.row.size)
        if self._order.moves:
            self._mover.remove(task.path, task.row)

    def _carry_once(self, task: Task, there: Row | None) -> None:
        deed = Deed.SKIP if task.same_place and not self._numbers else self._decide(task.row, there)
        if deed is Deed.SKIP:
            self._tally.spared(task.row.size)
            self._tally.skip(task.path, "a file of its name is there already" if there else "it is there already")
        elif deed is Deed.CLASH:
            raise FileExistsError(errno.EEXIST, f"the target has a {_kind(there)} of its name, and keeps it")
        elif deed is Deed.NUMBER:
            goal = self._free(task)
            self._put(task, goal, None)
        else:
            self._put(task, task.goal, there)

    def _refuse_twin(self, task: Task, there: Row | None) -> None:
        """Raise if a file would replace one that no listing showed: perhaps what was just written.

        Some storages take two names for one, such as `A` and `a`.
        """
        replaces = self._order.conflict in {Conflict.OVERWRITE, Conflict.NEWER}
        if replaces and task.there is None and there is not None:
            raise FileExistsError(
                errno.EEXIST, "something came to be at its name, or the target takes two names for one"
            )

    def _decide(self, row: Row, there: Row | None) -> Deed:
        return decide(self._order.conflict, row, there, times=self._times)

    @property
    def _numbers(self) -> bool:
        return self._order.conflict is Conflict.NUMBER and not self._order.moves

    def _free(self, task: Task) -> bytes:
        """Give a free path with a number, the one that was chosen if nobody took it meanwhile."""
        folder, name = split(task.goal)

        def is_free(name: bytes) -> bool:
            return self._target.stat(join(folder, name)) is None

        return join(folder, named(name, free_number(name, is_free, after=max(1, task.number - 1))))

    def _put(self, task: Task, goal: bytes, there: Row | None) -> None:
        """Copy or move a file to a path at which nothing is, or the file `there`."""
        if self._order.moves and self._mover.can_rename(task.row.kind):
            if there is not None:
                self._confirm(task, goal, there)
            if self._renamed(task, goal, there):
                return
        pair = self._copier.copy(task.path, task.row, goal, confirm=partial(self._confirm, task, goal, there))
        self._setting.target_changed.add(split(goal)[0])
        if self._order.moves:
            self._mover.remove(task.path, pair.source)

    def _renamed(self, task: Task, goal: bytes, there: Row | None) -> bool:
        try:
            is_done = self._mover.rename(task.path, task.row, goal, replaces=there is not None)
        except FileExistsError:
            raise _Taken(goal, self._target.stat(goal)) from None
        except FileNotFoundError:
            if self._setting.source.stat(task.path) is None:
                raise Vanished from None
            raise
        if is_done:
            self._tally.spared(task.row.size)
        return is_done

    def _confirm(self, task: Task, goal: bytes, there: Row | None) -> None:
        """Raise _Taken unless at the goal is what was there when it was decided to write to it."""
        now = self._target.stat(goal)
        if now is not there and (
            now is None or there is None or not looks_same(now, there, step_ns=self._target.capabilities.step_ns)
        ):
            raise _Taken(goal, now)
        self._resume.come_near(task.position)

    def _is_made(self, task: Task, goal: bytes, made: Row) -> bool:
        """Say whether a file of the target is the copy that an earlier attempt made, and could not note any more."""
        if made.kind != Kind.FILE:
            return False
        verdict = self._times.judge(Pair(task.row, made))
        if verdict is Verdict.DIFFERENT:
            return False
        if verdict is Verdict.SAME and not self._order.moves:
            return True
        if not self._order.moves and self._order.conflict in {Conflict.SKIP, Conflict.NEWER}:
            return False  # it stays as it is in any case, so it is not worth reading
        return self._copier.same_content(task.path, task.row.size, goal)


def _kind(row: Row | None) -> str:
    return row.kind if row is not None else "file"

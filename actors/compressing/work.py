"""Makes an archive from beginning to end: finds its name, has it made, gives it its name, and tidies up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

from actors.compressing.drafted import Drafted
from actors.compressing.goal import Goal, find_goal, refuse_taken
from actors.compressing.making import Making
from actors.compressing.order import Order
from actors.compressing.outcomes import Counts
from actors.compressing.output import Output, count_parts, is_published
from actors.compressing.resume import State
from actors.compressing.setting import Setting
from actors.compressing.written import Written
from actors.datasources.abilities import Drafting
from actors.datasources.folders import delete_folder, first_missing, folders_between
from actors.datasources.paths import split, text_of
from actors.datasources.retrying import is_temporary
from actors.kept import Whole
from actors.transferring.telling import ChangedFolders
from rota.errors import Cancelled, Interrupted, LeaseLost, PermanentError, RotaError, TemporaryError


class Done(NamedTuple):
    """What was made."""

    goal: Goal
    parts: int
    size: int
    counts: Counts
    notes: list[dict[str, str]]


class _Taken(TemporaryError):
    """Raised when somebody else took the name that was chosen; the next attempt chooses another one."""


class _Published(Exception):
    """Raised when it turns out that an earlier attempt has given the archive its name, and could not say so."""


class Compressing:
    """One attempt to make an archive."""

    def __init__(self, setting: Setting, order: Order, state: State, changed: ChangedFolders) -> None:
        self._setting = setting
        self._order = order
        self._state = state
        self._changed = changed
        self._target = setting.target
        self._is_repeated = setting.run.attempt > 1 or bool(state.goal)
        self._has_manifest = state.size is not None
        self._named: list[bytes] = []
        """Paths that this attempt gave away, or was about to."""

    def execute(self) -> Done:
        """Make it; raises PermanentError, TemporaryError, and what ends the run."""
        self._setting.source.verify()
        self._target.verify()
        with _translated("the archive"):
            goal = self._find_goal()
        if self._is_repeated:
            # What an attempt changed that was killed has not been told.
            self._changed.add(split(goal.path)[0])
        output = self._output(goal)
        making = Making(self._setting, self._order, goal, output=output, state=self._state)
        with closing(output), closing(making):
            try:
                with _translated(repr(text_of(goal.path))):
                    return self._make(goal, output, making)
            except LeaseLost:
                raise
            except (Cancelled, PermanentError, _Taken) as error:
                self._discard(goal, output, making)
                if isinstance(error, _Taken):
                    self._setting.run.checkpoint(State().to_json())
                raise
            except Interrupted:
                making.keep()
                raise

    def _make(self, goal: Goal, output: Output, making: Making) -> Done:
        def confirm(path: bytes) -> None:
            self._setting.run.confirm()
            self._refuse_taken(path)
            self._named.append(path)

        state = self._state
        # Where an archive is replaced, nobody can tell a new one from an old one of the same length.
        may_be_whole = isinstance(output, Drafted) or not self._replaces
        if state.size is None or not may_be_whole or not output.publish(state.size, confirm=confirm):
            making.begin()
            with closing(making.pieces()) as pieces:
                try:
                    output.make(pieces, ready=lambda: self._get_ready(goal, making), confirm=confirm)
                except _Published:
                    output.discard()
        making.discard()
        assert state.size is not None
        return Done(
            goal, count_parts(state.size, self._setting.params.split_bytes), state.size, state.counts, state.notes
        )

    def _find_goal(self) -> Goal:
        """Give the goal that was chosen by an earlier attempt, or choose one; its folder is made."""
        params, state = self._setting.params, self._state

        def goal(path: bytes) -> Goal:
            return Goal(path, is_divided=params.split_bytes is not None, has_manifest=params.manifest)

        if not state.goal:
            found = find_goal(self._target, goal(self._order.goal), params.conflict)
            state.goal = found.path
            state.folder = first_missing(self._target, split(found.path)[0])
            self._setting.run.checkpoint(state.to_json())
        if state.folder:
            self._changed.add(split(state.folder)[0])
            for folder in folders_between(state.folder, split(state.goal)[0]):
                self._target.make_folder(folder)
        return goal(state.goal)

    def _output(self, goal: Goal) -> Output:
        # Object stores have drafts, but not to the byte.
        kind = Drafted if isinstance(self._target, Drafting) and self._target.capabilities.folders else Written
        return kind(self._target, goal, key=self._setting.run.task, split_bytes=self._setting.params.split_bytes)

    def _get_ready(self, goal: Goal, making: Making) -> None:
        """Do what comes before the archive gets its name; raises _Published if it has it."""
        setting, state = self._setting, self._state
        setting.check()
        # If it went away meanwhile, what seemed to be gone was not.
        setting.source.verify()
        setting.run.confirm()
        state.size, state.counts, state.notes = making.written, making.outcomes.counts, making.outcomes.notes
        self._changed.add(split(goal.path)[0])
        if self._is_repeated and not self._replaces and self._is_published(goal):
            raise _Published
        parts = count_parts(making.written, setting.params.split_bytes)
        for number in range(1, parts + 1):  # before the last one of them gets its name
            self._refuse_taken(goal.part(number))
        if goal.manifest is not None:
            if not self._is_repeated:
                self._refuse_taken(goal.manifest)
            self._target.write(goal.manifest, Whole(making.lines.contents), confirm=setting.run.confirm)
            self._has_manifest = True
        if goal.is_divided and self._replaces:
            self._remove_parts(goal, beyond=parts)
        setting.run.checkpoint(state.to_json())

    def _remove_parts(self, goal: Goal, *, beyond: int) -> None:
        """Remove what an older archive has in parts that would seem to belong to the new one, its first part first."""
        self._target.delete(goal.part(1))
        while self._target.stat(goal.part(beyond + 1)) is not None:
            beyond += 1
            self._target.delete(goal.part(beyond))

    def _refuse_taken(self, path: bytes) -> None:
        if self._setting.params.conflict != "number":
            refuse_taken(self._target, path, self._setting.params.conflict)
        elif self._target.stat(path) is not None:
            raise _Taken(
                f"{text_of(path)!r} came to be there while the archive was made; the next attempt takes another name"
            )

    def _discard(self, goal: Goal, output: Output, making: Making) -> None:
        """Leave nothing behind that nobody will go on with; what made it stop is what has to be told."""
        with suppress(OSError, RotaError):
            output.discard()
            making.discard()
            if not self._is_published(goal):
                self._remove_named(goal)
            if self._state.folder:
                for folder in reversed(folders_between(self._state.folder, split(goal.path)[0])):
                    delete_folder(self._target, folder)

    def _is_published(self, goal: Goal) -> bool:
        size = self._state.size
        return size is not None and is_published(self._target, goal, size, self._setting.params.split_bytes)

    def _remove_named(self, goal: Goal) -> None:
        """Remove what has its name of an archive that does not come to be."""
        for path in self._named if goal.is_divided else ():  # what is whole replaces an older one in one step
            self._target.delete(path)
        if goal.manifest is not None and self._has_manifest:
            self._target.delete(goal.manifest)

    @property
    def _replaces(self) -> bool:
        return self._setting.params.conflict == "overwrite"


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn what a storage says of the archive into an error of the run."""
    try:
        yield
    except OSError as error:
        message = f"{what} cannot be written: {error.strerror or error}"
        raise (TemporaryError if is_temporary(error) else PermanentError)(message) from error

"""How one item is deleted for good, step by step; what the steps are in a kind of storage is told by its digger."""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

import msgspec

from actors.datasources.graves import (
    BESIDE,
    NO_FOLDER,
    NO_WAY_BACK,
    SECOND,
    Answer,
    Clear,
    Cleared,
    Fate,
    Fill,
    Filled,
    Grave,
    Laid,
    Lay,
    Place,
    Remains,
    Task,
    difference,
)
from actors.datasources.rows import Kind, Row

# What is wrong with an item's folder when it cannot be opened.
_FATES = {errno.ENOTDIR: Fate.REPLACED, errno.ELOOP: Fate.REPLACED, errno.EXDEV: Fate.FOREIGN}

GoOn = Callable[[], None]
H = TypeVar("H")
"""An item's folder, held open while one task is done."""


class Digger(ABC, Generic[H]):
    """Does tasks in one storage; safe in several threads.

    Raises nothing but what concerns the storage as a whole, and what `go_on` raises, which is called now and then.
    """

    step_ns = 1

    def dig(self, tasks: Sequence[Task], go_on: GoOn) -> list[Answer]:
        """Do a list of tasks."""
        return [self.dig_one(task, go_on) for task in tasks]

    def dig_one(self, task: Task, go_on: GoOn) -> Answer:
        """Do a task."""
        go_on()
        try:
            if isinstance(task, Lay):
                return self._lay(task, go_on)
            if isinstance(task, Fill):
                return self._fill(task)
            return self._clear(task, go_on)
        except OSError as error:
            if self.is_of_the_whole(error):
                raise
            if isinstance(task, Clear):
                reason = said(error)
                return Cleared(task.number, [Remains(reason=reason, kept=_all_of(place)) for place in task.places])
            return Filled(task.number, Fate.FAILED, reason=said(error))

    @abstractmethod
    def take(self, folder: bytes) -> None:
        """Move a folder of the bin into the tomb.

        Raises FileNotFoundError or FileExistsError, either of them if both are so.
        """

    @abstractmethod
    def give_back(self, folder: bytes) -> None:
        """Move a folder of the tomb into the bin; raises FileExistsError if something is there."""

    @abstractmethod
    def is_in_bin(self, folder: bytes) -> bool:
        """Say whether the bin has anything of this name."""

    @abstractmethod
    def is_in_tomb(self, folder: bytes) -> bool:
        """Say whether the tomb has anything of this name."""

    @abstractmethod
    def opened(self, folder: bytes) -> AbstractContextManager[H]:
        """Hold open a folder of the tomb.

        Raises OSError: ENOTDIR or ELOOP if it is none, EXDEV if another file system is mounted there.
        """

    @abstractmethod
    def look(self, held: H, name: bytes) -> Row | None:
        """Give an entry, None for a special one; raises FileNotFoundError if there is none."""

    @abstractmethod
    def delete(self, held: H, name: bytes) -> None:
        """Delete an entry that is no folder."""

    @abstractmethod
    def clear(self, held: H, grave: Grave, places: Sequence[Place], go_on: GoOn) -> list[Remains]:
        """Delete places of an item, or as much of them as is worth a task."""

    @abstractmethod
    def delete_folder(self, folder: bytes) -> None:
        """Delete an empty folder of the tomb; raises OSError with ENOTEMPTY if something is in it."""

    @abstractmethod
    def delete_info(self, folder: bytes) -> None:
        """Delete the information beside a folder of the bin; nothing happens if there is none."""

    def is_of_the_whole(self, error: OSError) -> bool:
        """Say whether an error concerns more than one item."""
        return False

    def _clear(self, task: Clear, go_on: GoOn) -> Answer:
        with self.opened(task.grave.folder) as held:
            return Cleared(task.number, self.clear(held, task.grave, task.places, go_on))

    def _lay(self, task: Lay, go_on: GoOn) -> Answer:
        taken = self._take(task)
        if isinstance(taken, Filled):
            return taken
        grave, is_begun = taken
        try:
            with self.opened(task.folder) as held:
                done = self._delete(task, grave, held, go_on, is_begun=is_begun)
        except OSError as error:
            fate = _FATES.get(error.errno or 0)
            if fate is None:
                raise
            return self._back(task.number, grave, fate, NO_FOLDER if fate is Fate.REPLACED else said(error))
        if not isinstance(done, Remains):
            return done
        filled = self._fill(Fill(task.number, grave, back=False))
        if filled.fate == Fate.GONE and not done.entries and not is_begun:
            return Filled(task.number, Fate.MISSING, reason=filled.reason)
        return Filled(task.number, filled.fate, done.entries, done.size, filled.reason)

    def _take(self, task: Lay) -> tuple[Grave, bool] | Filled:
        """Move an item's folder into the tomb; tells whether an earlier purge has begun with it."""
        try:
            self.take(task.folder)
        except (FileNotFoundError, FileExistsError):
            is_begun, is_second = self.is_in_tomb(task.folder), self.is_in_bin(task.folder)
            if is_begun:
                return Grave(task.folder, task.name, is_second=is_second, measures=task.measures), True
            if is_second:
                raise
            self.delete_info(task.folder)
            return Filled(task.number, Fate.MISSING)
        except OSError as error:
            # The one thing that cannot be renamed is what something is mounted on.
            if error.errno not in {errno.EBUSY, errno.EXDEV}:
                raise
            return Filled(task.number, Fate.FOREIGN, reason=said(error))
        return Grave(task.folder, task.name, measures=task.measures), False

    def _delete(self, task: Lay, grave: Grave, held: H, go_on: GoOn, *, is_begun: bool) -> Answer | Remains:
        """Delete an item in its folder, if it is what it was; an answer if it is not, or if more has to be done."""
        try:
            found = self.look(held, task.name)
        except FileNotFoundError:
            # An earlier purge has deleted it, or somebody took it out.
            return Remains(gone=True)
        differs = difference(task.row, found, step_ns=self.step_ns, is_begun=is_begun)
        if differs or found is None:
            return self._back(task.number, grave, Fate.REPLACED, differs)
        if found.kind != Kind.FOLDER:
            self.delete(held, task.name)
            return Remains(entries=1, size=file_size(found), gone=True)
        grave = msgspec.structs.replace(grave, inode=found.inode)
        (remains,) = self.clear(held, grave, [Place(b"")], go_on)
        return remains if remains.gone else Laid(task.number, grave, remains)

    def _fill(self, task: Fill) -> Filled:
        grave = task.grave
        if task.back:
            return self._back(task.number, grave, Fate.FOREIGN, "")
        filled = Filled(task.number, Fate.GONE)
        try:
            self.delete_folder(grave.folder)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            filled = self._back(task.number, grave, Fate.GONE, BESIDE)
        if filled.fate == Fate.GONE and grave.is_second:
            return Filled(task.number, Fate.REPLACED, reason=SECOND)
        if filled.fate == Fate.GONE:
            self.delete_info(grave.folder)
        return filled

    def _back(self, number: int, grave: Grave, fate: Fate, reason: str) -> Filled:
        """Put the folder of an item back into the bin."""
        try:
            self.give_back(grave.folder)
        except FileExistsError:
            return Filled(number, Fate.FAILED, reason="; ".join(filter(None, [reason, NO_WAY_BACK])))
        return Filled(number, fate, reason=reason)


def file_size(row: Row) -> int:
    """Give the size of a file, 0 for anything else."""
    return row.size if row.kind == Kind.FILE else 0


def said(error: OSError) -> str:
    """Give what an error says, for people."""
    return error.strerror or str(error)


def _all_of(place: Place) -> list[bytes]:
    return [b"/".join(filter(None, [place.path, name])) for name, _ in place.names]

"""Unpacks what is no archive but one compressed file: the file comes beside it, or where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from actors.archives.reading import Member
from actors.copying import order as copying
from actors.copying.conflicts import Deed, decide
from actors.datasources.drafts import draft_of
from actors.datasources.paths import split, text_of
from actors.datasources.storage import Kind, Row
from actors.transferring.sides import Times
from actors.unpacking.goals import find_goal, folders_above, next_free
from actors.unpacking.made import Counts, Made, made_of
from actors.unpacking.opening import Opened
from actors.unpacking.order import Conflict
from actors.unpacking.progress import Progress
from actors.unpacking.setting import Extraction
from actors.unpacking.writing import failed, time_of
from rota.errors import LeaseLost, PermanentError, RotaError, TemporaryError


def unpack_single(extraction: Extraction, opened: Opened) -> Made:
    """Unpack the one file that is in it, whole or not at all."""
    order, storage = extraction.order, extraction.storage
    if order.members:
        raise PermanentError(f"members: {opened.file.name!r} holds one file without a name; leave the patterns out")
    goal = find_goal(storage, order.goal_of(opened.file.name), order.conflict, kind=Kind.FILE)
    if goal.path == order.path and not order.is_elsewhere:
        raise PermanentError(f"target: {text_of(goal.path)!r} is the archive itself; give another path")
    member = next(opened.archive.members())
    if goal.is_there:
        there = storage.stat(goal.path)
        times = Times.of(storage.capabilities, storage.capabilities)
        row = Row(split(goal.path)[1], Kind.FILE.value, member.size or 0, time_of(member) or 0)
        if decide(copying.Conflict(order.conflict.value), row, there, times=times) is not Deed.WRITE:
            return made_of(opened, goal.path, Counts(skipped=1))
    with folders_above(extraction, goal.path):
        return _Single(extraction, opened, member).make(goal.path, replaces=goal.is_there)


class _Single:
    """One file that is made from what is compressed."""

    def __init__(self, extraction: Extraction, opened: Opened, member: Member) -> None:
        self._extraction = extraction
        self._run = extraction.run
        self._storage = extraction.storage
        self._opened = opened
        self._member = member
        self._budget = extraction.budget
        self._progress = Progress(
            self._run, done=lambda: opened.archive.consumed, total=opened.file.size, deed="unpacked"
        )

    def make(self, path: bytes, *, replaces: bool) -> Made:
        """Write the file; in place of the one that is there, or under a private name first."""
        if replaces or not self._storage.capabilities.moves:
            self._write(path, final=path)
        else:
            path = self._write_and_name(path)
        self._extraction.changed.add(split(path)[0])
        self._progress.entries = 1
        self._progress.report(ended=True)
        return self._made(path)

    def _write(self, path: bytes, *, final: bytes) -> None:
        def confirm() -> None:
            self._opened.file.confirm()
            self._run.confirm()

        try:
            self._storage.write(path, self._pieces(), modified_ns=time_of(self._member), confirm=confirm)
        except OSError as error:
            raise failed(final, error) from error

    def _write_and_name(self, planned: bytes) -> bytes:
        """Write it under the private name of this task's draft, and give it the first name that is free."""
        draft, path = draft_of(planned, self._run.task), planned
        try:
            self._write(draft, final=planned)
            while True:
                self._extraction.kept.announce(self._made(path), planned)
                try:
                    self._storage.rename(draft, path)
                except FileExistsError as error:
                    if self._extraction.order.conflict is not Conflict.NUMBER:
                        raise TemporaryError(
                            f"target: {text_of(path)!r} was made by somebody else meanwhile"
                        ) from error
                    path = next_free(self._storage, path)
                else:
                    return path
        except LeaseLost:
            raise
        except Exception:
            self._extraction.kept.forget_made()
            with suppress(OSError, RotaError):
                self._storage.delete(draft)
            raise

    def _pieces(self) -> Iterator[bytes]:
        for piece in self._opened.archive.open(self._member):
            self._run.check()
            self._budget.produce(self._opened.file.name.encode(), len(piece), consumed=self._opened.archive.consumed)
            self._progress.tick()
            yield piece

    def _made(self, path: bytes) -> Made:
        return made_of(self._opened, path, Counts(entries=1, bytes=self._budget.bytes))

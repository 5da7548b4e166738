"""Settles the files of folders: has them copied, or looked into where sizes and times leave a doubt."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from actors.datasources.paths import join, text_of
from actors.datasources.storage import Row
from actors.mirroring.memory import FolderMemory, Memory
from actors.mirroring.planning import FolderPlan
from actors.mirroring.setting import Setting
from actors.threads import Crew, Threads
from actors.transferring.copying import Copier, Vanished
from actors.transferring.sides import Pair, Verdict
from rota.errors import TemporaryError


class _Settled(NamedTuple):
    """Both sides of a file that agree now."""

    pair: Pair
    is_copied: bool


@dataclass(slots=True)
class _Folder:
    """A folder whose files are being settled."""

    path: bytes
    memory: FolderMemory
    names: list[bytes] | None
    """Its files in the source; None if they are only some of them."""
    open: int = 1
    """How many of them are not settled, and one while more are handed out."""
    changed: bool = False


class Settler:
    """Makes files of the target equal to those of the source; used by one thread, works in several."""

    def __init__(self, setting: Setting, copier: Copier, memory: Memory, threads: Threads) -> None:
        self._run = setting.run
        self._dry_run = setting.order.dry_run
        self._times = setting.times
        self._tally = setting.tally
        self._changed = setting.changed
        self._copier = copier
        self._memory = memory
        self._crew: Crew[_Folder, _Settled | None] = Crew(threads, done=self._file_settled)

    def settle(self, path: bytes, plan: FolderPlan, *, whole: bool) -> None:
        """Begin with the files of a folder, all of them if `whole`; waits while too many are on their way."""
        pairs = [*plan.changed, *plan.doubtful]
        names = [row.name for row in (*plan.same, *plan.missing)] + [pair.source.name for pair in pairs]
        folder = _Folder(path, self._memory.of(path), names if whole else None)
        for row in plan.missing:
            self._hand(folder, row, None)
        for pair in pairs:
            if pair.source.size == pair.target.size and folder.memory.knows(pair):
                self._tally.saw()
            else:
                self._hand(folder, *pair)
        self._one_less(folder)

    def finish(self) -> None:
        """Wait until all files are settled."""
        self._crew.finish()

    def _hand(self, folder: _Folder, row: Row, there: Row | None) -> None:
        folder.open += 1
        self._crew.hand(folder, self._settle_file, join(folder.path, row.name), row, there)

    def _settle_file(self, path: bytes, row: Row, there: Row | None) -> _Settled | None:
        """Settle one file in a thread; what goes wrong with it is told, what concerns all of them goes up."""
        try:
            return self._copied(path, row, there)
        except Vanished:
            self._run.log.info(f"{text_of(path)!r} is gone from the source since it was listed")
        except (OSError, TemporaryError) as error:
            self._tally.fail(path, error)
        finally:
            self._tally.saw()
        return None

    def _copied(self, path: bytes, row: Row, there: Row | None) -> _Settled | None:
        doubtful = there is not None and self._times.judge(Pair(row, there)) is Verdict.DOUBTFUL
        if there is not None and doubtful and self._copier.same_content(path, row.size):
            return _Settled(Pair(row, there), is_copied=False)
        if self._dry_run:
            self._tally.add(copied=1, bytes=row.size)
            return None
        return _Settled(self._copier.copy(path, row), is_copied=True)

    def _file_settled(self, folder: _Folder, settled: _Settled | None) -> None:
        if settled is not None:
            folder.changed |= settled.is_copied
            # Where time will tell that they agree, nothing need be remembered.
            if self._times.judge(settled.pair) is not Verdict.SAME:
                folder.memory.learn(settled.pair)
                if folder.memory.is_worth_saving:
                    self._save(folder, None)
        self._one_less(folder)

    def _one_less(self, folder: _Folder) -> None:
        folder.open -= 1
        if folder.open or self._dry_run:
            return
        self._save(folder, folder.names)
        if folder.changed:
            self._changed.add(folder.path)
        self._run.checkpoint({"counts": self._tally.to_json()})

    def _save(self, folder: _Folder, names: list[bytes] | None) -> None:
        if self._dry_run:
            return
        try:
            folder.memory.save(names)
        except (OSError, TemporaryError) as error:
            self._run.log.warning(f"{text_of(folder.path)!r}: what was copied cannot be remembered: {error}")

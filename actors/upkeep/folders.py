"""Removes the empty folders of a storage, the deepest first."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from actors.datasources.folders import delete_folder
from actors.datasources.globs import Selection
from actors.datasources.paths import is_private, join, split, text_of
from actors.datasources.storage import Datasource, Kind, Listing, Row, Storage, Unlisted, Why
from actors.run import Run
from actors.syncing.meter import Meter
from actors.transferring.telling import ChangedFolders
from actors.upkeep.empties import Empties, Empty
from actors.upkeep.walking import walk
from rota.errors import TemporaryError

_MOST_LINES = 1000
# Of the 64 KB that a result may have.
_MOST_NAMED_BYTES = 32 * 1024


class Spared:
    """Says which folders are left alone, with everything in them. Pure."""

    def __init__(self, datasource: Datasource, keep: Sequence[str]) -> None:
        self._selection = Selection.of(datasource.rules)
        self._keep = Selection(exclude=keep)
        homes = datasource.rules.homes
        self._homes = None if homes is None else homes.encode("utf-8", "surrogateescape")

    def is_spared(self, folder: bytes) -> bool:
        """Say whether a folder is private, is left out of the datasource, or is one that was asked to be kept."""
        if is_private(split(folder)[1]):
            return True
        return not (self._selection.takes(folder, Kind.FOLDER) and self._keep.takes(folder, Kind.FOLDER))

    def is_inside(self, folder: bytes) -> bool:
        """Say whether a folder lies in one that is left alone, or is one."""
        parts = folder.split(b"/") if folder else []
        return any(self.is_spared(b"/".join(parts[:depth])) for depth in range(1, len(parts) + 1))

    def stays(self, folder: bytes) -> bool:
        """Say whether a folder stays even if it is empty: the homes of users and what leads there."""
        if self._homes is None:
            return False
        return f"{text_of(self._homes)}/".startswith(f"{text_of(folder)}/") or split(folder)[0] == self._homes


@dataclass(slots=True)
class Removals:
    """What was removed, or would be."""

    removed: int = 0
    kept: int = 0
    failed: int = 0
    folders: list[str] = field(default_factory=list)
    """Of a dry run, the first ones."""


class EmptyFolders:
    """One pass over the folders below one; for one thread."""

    def __init__(
        self, run: Run, storage: Storage, spared: Spared, *, top: bytes, modified_before_ns: int, dry_run: bool
    ) -> None:
        self._run = run
        self._storage = storage
        self._spared = spared
        self._top = top
        self._before_ns = modified_before_ns
        self._dry_run = dry_run
        self._named_bytes = 0
        self._empties = Empties(top)
        self._modified: dict[bytes, int] = {}
        """The times of those folders that were told and not listed yet."""
        self.removals = Removals()
        self.changed = ChangedFolders()

    def remove(self) -> None:
        """Remove them all."""
        meter = Meter(self._run, label="looked at")
        for found in walk(self._storage, self._top, enters=self._enters, check=self._run.check):
            empty = self._tell(found)
            while empty is not None:
                empty = self._empties.settle(empty.path, gone=self._remove(empty))
            meter.add(len(found.rows) if isinstance(found, Listing) else 0, 0)
        meter.report(ended=True)

    def _enters(self, folder: bytes) -> bool:
        return not self._spared.is_spared(folder)

    def _tell(self, found: Listing | Unlisted) -> Empty | None:
        """Note what is in a folder; gives the next folder that is empty."""
        modified_ns = self._modified.pop(found.path, 0)
        if isinstance(found, Unlisted):
            if found.why is Why.FAILED:
                self._fail(found.path, found.reason)
            return self._empties.tell(found.path, folders=0, stays=True, modified_ns=modified_ns)
        entered = [row for row in found.rows if self._is_entered(found.path, row)]
        for row in entered:
            self._modified[join(found.path, row.name)] = row.modified_ns
        others = len(found.rows) - len(entered) + found.special
        return self._empties.tell(found.path, folders=len(entered), stays=others > 0, modified_ns=modified_ns)

    def _is_entered(self, folder: bytes, row: Row) -> bool:
        return row.kind == Kind.FOLDER and self._enters(join(folder, row.name))

    def _remove(self, empty: Empty) -> bool:
        """Remove an empty folder if it is old; says whether it is gone."""
        folder, modified_ns = empty
        # Where the storage does not say how old a folder is, nobody knows whether it is new.
        if self._spared.stays(folder) or not 0 < modified_ns < self._before_ns:
            self.removals.kept += 1
            return False
        self._run.check()
        try:
            if not self._dry_run:
                delete_folder(self._storage, folder)
        except (OSError, TemporaryError) as error:
            if isinstance(error, OSError) and error.errno in {errno.ENOTEMPTY, errno.ENOTDIR}:
                self.removals.kept += 1  # something was put into it meanwhile, or in its place
                return False
            self._fail(folder, (isinstance(error, OSError) and error.strerror) or str(error))
            return False
        self._note(folder)
        return True

    def _note(self, folder: bytes) -> None:
        self.removals.removed += 1
        if self._dry_run:
            self._named_bytes += len(msgspec.json.encode(text_of(folder)))
            if self._named_bytes <= _MOST_NAMED_BYTES:
                self.removals.folders.append(text_of(folder))
            return
        self.changed.add(split(folder)[0])
        if self.removals.removed <= _MOST_LINES:
            self._run.log.info(f"{text_of(folder)!r} was empty and is removed")

    def _fail(self, folder: bytes, reason: str) -> None:
        self.removals.failed += 1
        if self.removals.failed <= _MOST_LINES:
            self._run.log.warning(f"{text_of(folder)!r} stays: {reason}")

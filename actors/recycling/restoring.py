"""Takes items out of a bin again: to where they were or into another folder, never over something that is there."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

from actors.bin_records import BinRecords, Item
from actors.datasources.bins import BIN, INFO_SUFFIX, Recycled, move_file, read_info, write_info
from actors.datasources.folders import delete_folder
from actors.datasources.graves import difference
from actors.datasources.paths import is_own, join, split, text_of
from actors.datasources.storage import Kind, Row, Storage, Unlisted
from actors.datasources.trashinfo import TrashInfo
from actors.recycling.measuring import below, measure
from actors.run import Run
from actors.transferring.telling import ChangedFolders
from rota.names import numbered

Conflict = Literal["skip", "number"]
_MOST_NUMBERS = 1_000


class Stays(Exception):
    """Raised where an item stays in the bin, with the reason for people."""


class Restored(NamedTuple):
    """An item that is where it should be again."""

    path: bytes
    entries: int
    bytes: int


class Restorer:
    """Restores items of one bin; for one task."""

    def __init__(
        self, run: Run, storage: Storage, records: BinRecords, *, conflict: Conflict, changed: ChangedFolders
    ) -> None:
        """Take what it works with; the storage shows everything."""
        self._run = run
        self._storage = storage
        self._records = records
        self._conflict = conflict
        self._changed = changed
        self._check: Callable[[], None] = run.check

    def restore(self, item: Item, folder: bytes | None) -> Restored:
        """Restore an item into a folder, or to where it was.

        Raises Stays where it stays in the bin, OSError where something failed; then the next attempt goes on with it.
        """
        was_in, name = split(item.recycled.original_path)
        target = join(was_in if folder is None else folder, name)
        if not name or is_own(target):
            raise Stays("where it was is Rota's own; name a folder to restore it into")
        if item.hold is not None:
            # Whoever took it out could delete it again, and the new item would be held by nobody.
            raise Stays(f"it is held ({item.hold}); release it first")
        place = join(BIN, item.recycled.bin_path)
        row = self._storage.stat(place)
        if row is None and item.claimed_for == "purge":
            raise Stays("a purge has begun to delete it")
        self._run.confirm()
        if not self._records.claim([item.id], "restore"):
            raise Stays("another task is just taking it out of the bin")
        try:
            if row is None:
                return self._end_of_an_earlier_attempt(item, target)
            if row.kind == Kind.FOLDER and not self._storage.capabilities.moves:
                return self._restore_parts(item, target, row)
            return self._restore_whole(item, target, row)
        except (Stays, OSError):
            # What is half restored says so in the information beside it.
            self._records.release([item.id])
            raise

    def _restore_whole(self, item: Item, target: bytes, row: Row) -> Restored:
        """Restore an item in one step."""
        place = join(BIN, item.recycled.bin_path)
        size = measure(self._storage, place, row, check=self._check)
        self._make_folders(split(target)[0])
        for free in self._targets(target):
            try:
                move_file(self._storage, place, free, resumes=True)
            except FileExistsError:
                continue
            except FileNotFoundError:
                if self._storage.stat(place) is not None:
                    raise
                # An attempt of this task that was taken for dead was quicker.
                return self._end_of_an_earlier_attempt(item, target)
            self._changed.add(split(free)[0])
            self._forget(item)
            return Restored(free, size.entries, size.bytes)
        raise Stays(f"something is at {text_of(target)!r} already")

    def _restore_parts(self, item: Item, target: bytes, row: Row) -> Restored:
        """Restore a folder file by file; where to is remembered beside the item first."""
        place = join(BIN, item.recycled.bin_path)
        goal = self._goal(item.recycled, target)
        size = measure(self._storage, place, row, check=self._check)
        self._make_folders(goal)
        self._changed.add(split(goal)[0])
        folders = [place]
        failures: list[OSError] = []
        for part, part_row in self._parts(place, folders):
            there = goal + part[len(place) :]
            try:
                if part_row.kind == Kind.FOLDER:
                    self._storage.make_folder(there)
                else:
                    move_file(self._storage, part, there, resumes=True)
            except OSError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        for folder in sorted(folders, key=len, reverse=True):  # deepest first
            delete_folder(self._storage, folder)
        self._forget(item)
        return Restored(goal, size.entries, size.bytes)

    def _goal(self, recycled: Recycled, target: bytes) -> bytes:
        """Give where a folder goes: where an earlier attempt has begun to put it, or else where nothing is."""
        folder = split(recycled.bin_path)[0]
        info = read_info(self._storage, folder)
        if info is not None and info.restoring is not None:
            return info.restoring
        for free in self._targets(target):
            if self._storage.stat(free) is None:
                known = info or TrashInfo(path=recycled.original_path, deleted_at=recycled.deleted_at)
                write_info(self._storage, folder, replace(known, restoring=free))
                return free
        raise Stays(f"something is at {text_of(target)!r} already")

    def _end_of_an_earlier_attempt(self, item: Item, target: bytes) -> Restored:
        """Settle an item that is not in the bin: it is where it should be, or nobody knows where."""
        recycled = item.recycled
        for path in self._targets(target):
            row = self._storage.stat(path)
            if row is None:
                break
            if not difference(recycled.row, row, step_ns=self._storage.capabilities.step_ns, is_begun=False):
                self._changed.add(split(path)[0])
                self._forget(item)
                return Restored(path, recycled.items, recycled.bytes)
        self._forget(item)
        raise Stays("it is not in the bin any more")

    def _targets(self, target: bytes) -> Iterator[bytes]:
        """Give the paths that an item may get, in their order."""
        yield target
        if self._conflict == "number":
            folder, name = split(target)
            yield from (join(folder, numbered(name, number)) for number in range(2, _MOST_NUMBERS))

    def _make_folders(self, folder: bytes) -> None:
        """Make a folder and those above it, as far as they are missing."""
        if not folder or not self._storage.capabilities.folders:
            return
        row = self._storage.stat(folder)
        if row is not None and row.kind == Kind.FOLDER:
            return
        if row is not None:
            raise Stays(f"{text_of(folder)!r} is no folder")
        self._make_folders(split(folder)[0])
        self._storage.make_folder(folder)
        self._changed.add(split(folder)[0])

    def _forget(self, item: Item) -> None:
        """Remove what is left of an item that is not in the bin any more, its record last."""
        folder = item.recycled.folder
        self._storage.delete(folder + INFO_SUFFIX)
        try:
            self._storage.delete(folder)
        except OSError as error:
            self._run.log.warning(f"{text_of(folder)!r} stays: {error.strerror or error}")
        self._records.remove([item.id])

    def _parts(self, place: bytes, folders: list[bytes]) -> Iterator[tuple[bytes, Row]]:
        """Give everything below a folder of the bin, folders before what is in them; they are added to `folders`."""
        for found in below(self._storage, place, check=self._check):
            if isinstance(found, Unlisted):
                raise OSError(errno.EIO, f"cannot be listed: {found.reason}", found.path)
            for row in found.rows:
                path = join(found.path, row.name)
                if row.kind == Kind.FOLDER:
                    folders.append(path)
                yield path, row

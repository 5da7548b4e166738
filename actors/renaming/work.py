"""Carries out a renaming: goes through the folders, the deepest first, and renames what the pattern matches in each."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from actors.datasources.paths import join, split, text_of
from actors.datasources.retrying import is_temporary
from actors.datasources.storage import Kind, Listing, Row, Storage, Unlisted, Why
from actors.renaming.kept import Kept, KeptPlan
from actors.renaming.matching import Matcher
from actors.renaming.planning import Renaming, plan_folder
from actors.run import Run
from actors.transferring.tally import Counts, Tally
from actors.transferring.telling import ChangedFolders

MOST_ITEMS = 500
_MOST_ITEM_BYTES = 40 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for."""

    paths: tuple[bytes, ...]
    files: bool
    folders: bool
    recursive: bool
    numbers: bool
    portable: bool
    dry_run: bool


@dataclass(slots=True)
class RenameCounts(Counts):
    """What was done, all attempts together."""

    renamed: int = 0


class RenameTally(Tally[RenameCounts]):
    """The counts of a renaming."""

    deed = "renamed"

    def report(self, *, ended: bool = False) -> None:
        """Tell how far it is."""
        done = self.counts.renamed
        self.run.progress(done, done if ended else None, "entries", f"{done:,} renamed")


class Place(NamedTuple):
    """A folder of which entries are renamed."""

    top: int
    path: bytes
    rows: Sequence[Row]
    """Those of its entries that may be renamed."""
    names: frozenset[bytes]
    """Of all its entries."""


@dataclass(slots=True)
class Items:
    """Some of what was renamed, old path and new name: as many as a result takes."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    _bytes: int = 0

    def add(self, path: str, name: str) -> None:
        """Add one, unless there are enough."""
        pair = path, name
        self._bytes += sum(len(text.encode()) for text in pair)
        if len(self.pairs) < MOST_ITEMS and self._bytes <= _MOST_ITEM_BYTES:
            self.pairs.append(pair)


class Renamer:
    """One pass of a renaming; for one thread."""

    def __init__(
        self,
        run: Run,
        order: Order,
        storage: Storage,
        matcher: Matcher,
        *,
        tally: RenameTally,
        changed: ChangedFolders,
        check: Callable[[], None],
    ) -> None:
        self._run = run
        self._order = order
        self._storage = storage
        self._matcher = matcher
        self._tally = tally
        self._changed = changed
        self._check = check
        self._kept = Kept(storage, run.task)
        self.items = Items()

    def execute(self) -> None:
        """Do all of it; raises for what went wrong once the rest is done."""
        self._storage.verify()
        behind = None if self._order.dry_run else self._kept.read()
        if behind is not None:
            self._run.log.info(f"going on in {text_of(behind.folder)!r} with what an earlier attempt had planned")
            self._tally.add(renamed=behind.renamed, skipped=behind.skipped)
            for item in behind.items:
                self.items.add(*item)
            self._follow(behind)
        for place in self._places(is_first=behind is None):
            if behind is None or not is_behind(place.top, place.path, behind):
                self._rename_in(place)
        self._tally.raise_failures()

    def forget(self) -> None:
        """Remove the plan that is kept: nobody will go on with it."""
        if not self._order.dry_run:
            self._kept.drop()

    def _places(self, *, is_first: bool) -> Iterator[Place]:
        """Give the folders, each behind all that are in it, and at last those that the selected entries are in."""
        for number, path in enumerate(self._order.paths):
            row = self._storage.stat(path)
            # What an earlier attempt has renamed is not there any more.
            if row is None and is_first:
                self._tally.fail(path, FileNotFoundError(errno.ENOENT, "it is not there"))
            elif row is not None and row.kind == Kind.FOLDER and self._order.recursive:
                yield from self._below(number, path)
        chosen: dict[bytes, set[bytes]] = {}
        for folder, name in map(split, filter(None, self._order.paths)):
            chosen.setdefault(folder, set()).add(name)
        # Deepest first again: a selected entry may lie in another one.
        folders = sorted(chosen, key=lambda path: (-len(_parts(path)), path))
        for number, folder in enumerate(folders, start=len(self._order.paths)):
            rows = self._list(folder)
            some = [row for row in rows if row.name in chosen[folder]]
            yield Place(number, folder, some, frozenset(row.name for row in rows))

    def _below(self, number: int, path: bytes) -> Iterator[Place]:
        """Give a folder and those in it, in their order, each behind those in it."""
        waiting: list[tuple[bytes, Sequence[Row] | None]] = [(path, None)]
        while waiting:
            folder, rows = waiting.pop()
            if rows is not None:
                yield Place(number, folder, rows, frozenset(row.name for row in rows))
                continue
            rows = self._list(folder)
            waiting.append((folder, rows))
            folders = [row.name for row in rows if row.kind == Kind.FOLDER]
            waiting += [(join(folder, name), None) for name in reversed(folders)]

    def _list(self, folder: bytes) -> Sequence[Row]:
        self._check()
        found = self._storage.list_folder(folder)
        if isinstance(found, Listing):
            return found.rows
        self._tell_unlisted(found)
        return []

    def _rename_in(self, place: Place) -> None:
        plan = plan_folder(place.names, self._wanted(place), numbers=self._order.numbers, portable=self._order.portable)
        for name, why in plan.skipped:
            self._tally.skip(join(place.path, name), why)
        if not plan.steps:
            return
        counts = self._tally.counts
        kept = KeptPlan(place.top, place.path, plan.steps, counts.renamed, counts.skipped, self.items.pairs)
        if self._order.dry_run:
            for step in plan.steps:
                self._count(place.path, step)
            return
        self._kept.write(kept)
        self._follow(kept)

    def _wanted(self, place: Place) -> dict[bytes, bytes]:
        """Give what the entries become that the pattern is for."""
        order = self._order
        rows = [row for row in place.rows if (order.folders if row.kind == Kind.FOLDER else order.files)]
        found = self._matcher.replaced([row.name for row in rows])
        wanted: dict[bytes, bytes] = {}
        for row, name in zip(rows, found, strict=True):
            if row.kind == Kind.FOLDER and name != row.name and not self._storage.capabilities.moves:
                self._tally.skip(join(place.path, row.name), "this storage cannot rename folders")
            else:
                wanted[row.name] = name
        return wanted

    def _follow(self, plan: KeptPlan) -> None:
        """Do the steps of a plan; those that an earlier attempt did count as well."""
        for step in plan.steps:
            self._check()
            path, goal = join(plan.folder, step.old), join(plan.folder, step.new)
            try:
                self._storage.rename(path, goal)
            except FileNotFoundError:
                if self._storage.stat(goal) is None:
                    self._run.log.info(f"{text_of(path)!r} is gone since it was listed")
                    continue
            except FileExistsError:
                if self._storage.stat(path) is not None:
                    self._tally.skip(path, f"the name {text_of(step.new)!r} is taken")
                    continue
            except OSError as error:
                if is_temporary(error):
                    raise
                self._tally.fail(path, error)
                continue
            self._changed.add(plan.folder)
            self._count(plan.folder, step)

    def _count(self, folder: bytes, step: Renaming) -> None:
        self.items.add(text_of(join(folder, step.old)), text_of(step.new))
        self._tally.add(renamed=1)
        self._tally.tick()

    def _tell_unlisted(self, found: Unlisted) -> None:
        if found.why is Why.FAILED:
            self._tally.fail(found.path, OSError(errno.EIO, f"cannot be listed: {found.reason}"))
        else:
            self._tally.skip(found.path, found.reason)


def is_behind(top: int, path: bytes, plan: KeptPlan) -> bool:
    """Say whether a folder comes no later than the one of a plan; each comes behind those that are in it."""
    if top != plan.top:
        return top < plan.top
    one, other = _parts(path), _parts(plan.folder)
    if one[: len(other)] == other:
        return True  # in it, or itself
    return one < other and other[: len(one)] != one


def _parts(path: bytes) -> list[bytes]:
    return path.split(b"/") if path else []

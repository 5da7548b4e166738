"""Unpacks an archive into a folder of its own, and gives that its name; or merges it into one that is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing, suppress
from itertools import chain
from typing import NamedTuple

from actors.archives.reading import Member, MemberKind
from actors.datasources.abilities import Tree
from actors.datasources.paths import split, text_of
from actors.datasources.storage import Kind
from actors.datasources.trees import plant
from actors.threads import Stopping
from actors.unpacking.budgets import Budget
from actors.unpacking.choice import Choice
from actors.unpacking.goals import Goal, find_goal, folders_above, next_free
from actors.unpacking.made import Made, made_of
from actors.unpacking.merging import Merging
from actors.unpacking.opening import Opened
from actors.unpacking.order import Conflict
from actors.unpacking.progress import Progress
from actors.unpacking.refusals import refuse_without_room
from actors.unpacking.setting import Extraction, Setting
from actors.unpacking.work import Unpacking
from rota.errors import LeaseLost, PermanentError, RotaError, ShuttingDown, TemporaryError

_MOST_BYTES = 20 * 1024 * 1024
_MEMBER_BYTES = 400  # what a member takes beside its name and its link


def unpack_folder(extraction: Extraction, opened: Opened) -> Made:
    """Unpack an archive as it was ordered; nothing is left of it if that fails.

    An attempt that ends because its worker stops, or because another one has the task, leaves what it wrote under a
    private name: the next attempt removes it.
    """
    order, storage = extraction.order, extraction.storage
    goal = find_goal(storage, order.goal_of(opened.file.name), order.conflict, kind=Kind.FOLDER)
    budget, choice = extraction.budget, Choice(order.members)
    members: Iterable[Member] = opened.archive.members()
    told = None
    if opened.archive.is_direct:
        told, members = _survey(opened, choice, members, extraction.run.check)
        budget.declare(entries=told.entries, size=told.bytes)
        choice.refuse_idle()
    with folders_above(extraction, goal.path), closing(plant(storage, goal.path, extraction.run.task)) as tree:
        try:
            if told is not None and not goal.is_there:
                refuse_without_room(tree.free_bytes(), told.bytes, order.path)
            with closing(_Folder(extraction, opened, tree, goal)) as folder:
                return folder.make(members, budget, choice, told)
        except (LeaseLost, ShuttingDown):
            raise
        except Exception:
            extraction.kept.forget_made()
            with suppress(OSError, RotaError):
                tree.discard()
            raise


class _Told(NamedTuple):
    """What an archive says of itself."""

    entries: int
    bytes: int
    """Of what is wanted."""


class _Folder:
    """One folder that is made from an archive."""

    def __init__(self, extraction: Extraction, opened: Opened, tree: Tree, goal: Goal) -> None:
        self._extraction = extraction
        self._run = extraction.run
        self._order = extraction.order
        self._opened = opened
        self._tree = tree
        self._goal = goal
        self._stack = ExitStack()
        self._merging: Merging | None = None
        if goal.is_there:
            merging = Merging(extraction.storage, goal.path, self._order.conflict)
            self._merging = self._stack.enter_context(closing(merging))

    def close(self) -> None:
        """Let go of what it keeps; twice is fine."""
        self._stack.close()

    def make(self, members: Iterable[Member], budget: Budget, choice: Choice, told: _Told | None) -> Made:
        archive = self._opened.archive
        progress = Progress(
            self._run,
            done=(lambda: archive.consumed) if told is None else (lambda: budget.bytes),
            total=self._opened.file.size if told is None else told.bytes,
            deed="unpacked",
        )
        size = self._extraction.threads
        with Stopping(self._run.check).threads(size, "unpack") as threads:
            setting = Setting(
                run=self._run,
                order=self._order,
                archive=archive,
                names=self._opened.names,
                tree=self._tree,
                budget=budget,
                choice=choice,
                notes=self._extraction.notes,
                progress=progress,
                threads=threads,
                check=threads.check,
                merging=self._merging,
            )
            unpacking = self._stack.enter_context(closing(Unpacking(setting)))
            unpacking.execute(members)
        made = self._give_name(setting, unpacking)
        progress.report(ended=True)
        return made

    def _give_name(self, setting: Setting, unpacking: Unpacking) -> Made:
        made = self._made(setting, self._goal.path)
        if self._merging is None:
            self._extraction.kept.announce(made, self._goal.path)
        unpacking.finish()
        self._opened.file.confirm()
        if self._merging is not None:
            left_out = self._merging.merge(self._tree, self._run, setting.notes, self._extraction.changed)
            setting.counts.entries -= left_out
            setting.counts.skipped += left_out
            self._tree.finish()
            self._tree.discard()
            return self._made(setting, self._goal.path)
        return self._publish(setting, made)

    def _publish(self, setting: Setting, made: Made) -> Made:
        path = self._goal.path
        while True:
            self._extraction.changed.add(split(path)[0])
            try:
                self._tree.publish(split(path)[1], confirm=self._run.confirm)
            except FileExistsError as error:
                if self._order.conflict is not Conflict.NUMBER:
                    kind = PermanentError if self._order.conflict is Conflict.FAIL else TemporaryError
                    raise kind(f"target: {text_of(path)!r} was made by somebody else meanwhile") from error
                path = next_free(self._extraction.storage, path)
                made = self._made(setting, path)
                self._extraction.kept.announce(made, self._goal.path)
            else:
                return made

    def _made(self, setting: Setting, path: bytes) -> Made:
        return made_of(self._opened, path, setting.counts)


def _survey(
    opened: Opened, choice: Choice, members: Iterable[Member], check: Callable[[], None]
) -> tuple[_Told, Iterable[Member]]:
    """Go through the members beforehand, so that what is too much, or has no room, is refused before it is begun.

    Gives the members to go through then: a directory is read twice only if it is a long one.
    """
    coming = iter(members)
    first: list[Member] = []
    size = 0
    for member in coming:
        check()
        first.append(member)
        size += _MEMBER_BYTES + len(member.name) + len(member.link)
        if size > _MOST_BYTES:
            break
    else:
        return _told(opened, choice, first, check), first
    with closing(opened.again()) as archive:
        return _told(opened, choice, archive.members(), check), chain(first, coming)


def _told(opened: Opened, choice: Choice, members: Iterable[Member], check: Callable[[], None]) -> _Told:
    entries = size = 0
    for member in members:
        check()
        entries += 1
        is_folder = member.kind is MemberKind.FOLDER
        if choice.is_any and not choice.takes(opened.path_of(member), is_folder=is_folder):
            continue
        size += member.size or 0 if member.kind is MemberKind.FILE else 0
    return _Told(entries, size)

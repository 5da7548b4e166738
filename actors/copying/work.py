"""Carries out a copy or move: goes through the selected entries, and has their files settled."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from actors.copying.conflicts import free_number, named
from actors.copying.moving import Mover
from actors.copying.order import Conflict
from actors.copying.resume import Position
from actors.copying.setting import Setting
from actors.copying.settling import Settler, Task
from actors.copying.tops import Top, Tops
from actors.copying.walking import Folder, Sides, Walk
from actors.datasources.paths import join, split
from actors.datasources.storage import Kind, Listing, Row, Unlisted, Why
from actors.threads import Threads
from rota.errors import TemporaryError
from rota.names import name_problem, numbered


class Carrying:
    """One pass of a copy or move.

    Memory: the listings of a few folders and the files that are on their way; for a move also the paths of the folders
    that it empties.
    """

    def __init__(self, setting: Setting, *, settler: Settler, mover: Mover, threads: Threads) -> None:
        self._setting = setting
        self._order = setting.order
        self._source = setting.source
        self._target = setting.target
        self._tally = setting.tally
        self._resume = setting.resume
        self._settler = settler
        self._mover = mover
        self._threads = threads
        self._made: set[bytes] = set()
        """Folders of the target that are known to be there."""
        self._emptied: list[bytes] = []
        """Folders of the source that were entered to be moved."""

    def execute(self) -> None:
        """Do all of it; raises for what went wrong once the rest is done."""
        self._source.verify()
        self._target.verify()
        self._setting.checkpoints.save(at_once=True)
        tops = Tops(self._setting, self._threads)
        for top in tops:
            if top.repeats:
                self._settler.finish()
            try:
                self._carry(tops, tops.again(top) if top.repeats else top)
            except (OSError, TemporaryError) as error:
                self._fail(top.path, error)
        self._tally.found_all()
        self._settler.finish()
        self._tally.raise_failures()

    def _carry(self, tops: Tops, top: Top) -> None:
        if top.error is not None:
            raise top.error
        row = top.row
        if row is None:
            # A move that was interrupted has moved it already.
            if not (self._order.moves and self._resume.is_resumed and self._target.stat(top.goal) is not None):
                raise FileNotFoundError(errno.ENOENT, "it is not there")
        elif row.kind == Kind.LINK:
            self._tally.skip(top.path, "a link")
        elif not self._setting.scope.takes_whole(top.path, row.kind, top.goal):
            self._tally.skip(top.path, "the patterns of source or target leave it out")
        elif refusal := tops.refusal(top):
            raise refusal
        elif row.kind == Kind.FILE:
            self._carry_file(top, row)
        else:
            self._carry_folder(tops, top, row)

    def _carry_file(self, top: Top, row: Row) -> None:
        position = Position(top.number, (), split(top.path)[1])
        if self._is_settled(position, row):
            return
        self._make_folders(self._order.target)
        made = None
        if top.there is not None and self._resume.may_be_made(position):
            made = self._last_made(top)
        self._settler.hand(
            Task(
                position=position,
                path=top.path,
                row=row,
                goal=top.goal,
                there=top.there,
                made=made,
                same_place=top.same_place,
            )
        )

    def _last_made(self, top: Top) -> tuple[bytes, Row] | None:
        """Give the path and row of what an earlier attempt would have made: the last name with a number, or the own."""
        folder, name = split(top.goal)
        made = None if top.same_place or top.there is None else (top.goal, top.there)
        if self._order.conflict is Conflict.NUMBER and not self._order.moves:
            found: list[tuple[bytes, Row]] = []

            def is_free(name: bytes) -> bool:
                row = self._target.stat(join(folder, name))
                found.extend([] if row is None else [(join(folder, name), row)])
                return row is None

            free_number(name, is_free)
            made = found[-1] if found else made
        return made

    def _carry_folder(self, tops: Tops, top: Top, row: Row) -> None:
        goal = tops.goal_of_folder(top)
        if goal is None:
            self._tally.skip(top.path, "it is there already")
            return
        there = top.there if goal == top.goal else None
        if there is not None and there.kind != Kind.FOLDER:
            self._clash(top.path, there)
            return
        self._make_folders(self._order.target)
        if there is None and self._renamed(top.path, row, goal):
            return
        folder = self._entered(Folder(top.path, goal, (), there is not None or self._resume.is_resumed))
        if folder is None:
            return
        walk = Walk(self._source, self._target, self._threads)
        walk.enter([folder])
        for sides in walk:
            self._visit(walk, top.number, sides)
        if self._order.moves:
            self._settler.finish()
            self._mover.remove_folders(self._emptied)
            self._emptied.clear()

    def _visit(self, walk: Walk, top: int, sides: Sides) -> None:
        folder, source, target = sides
        if isinstance(source, Unlisted):
            self._tell_unlisted(source, "source")
            return
        if isinstance(target, Unlisted):
            if target.why is not Why.VANISHED:
                self._tell_unlisted(target, "target")
                return
            target = Listing(path=folder.goal, token="", rows=[])
        if source.special:
            self._tally.skip(folder.path, f"{source.special:,} entries in it are neither file, folder nor link")
        rows = self._setting.scope.of(folder.path, source.rows, folder.goal)
        there = {row.name: row for row in target.rows}
        self._hand_files(top, folder, [row for row in rows if row.kind == Kind.FILE], rows, there)
        for row in rows:
            if row.kind == Kind.LINK:
                self._tally.skip(join(folder.path, row.name), "a link")
        walk.enter(self._subfolders(top, folder, [row for row in rows if row.kind == Kind.FOLDER], there))

    def _hand_files(
        self, top: int, folder: Folder, files: Sequence[Row], rows: Sequence[Row], there: dict[bytes, Row]
    ) -> None:
        taken = {row.name for row in rows} | there.keys() if self._order.conflict is Conflict.NUMBER else set()
        for row in files:
            position = Position(top, folder.below, row.name)
            if self._is_settled(position, row):
                continue
            number, made, other = 1, None, there.get(row.name)
            if other is not None:
                made = (join(folder.goal, row.name), other) if self._resume.may_be_made(position) else None
                if self._order.conflict is Conflict.NUMBER:
                    number = free_number(row.name, lambda name: name not in taken)
                    taken.add(numbered(row.name, number))
                    last = named(row.name, number - 1)
                    if made is not None and last in there:
                        made = (join(folder.goal, last), there[last])
            self._settler.hand(
                Task(
                    position=position,
                    path=join(folder.path, row.name),
                    row=row,
                    goal=join(folder.goal, row.name),
                    there=other,
                    number=number,
                    made=made,
                )
            )

    def _subfolders(self, top: int, folder: Folder, rows: Sequence[Row], there: dict[bytes, Row]) -> list[Folder]:
        """Give the subfolders to enter, made in the target; those that can be moved in one step are."""
        entered: list[Folder] = []
        for row in rows:
            path, goal, other = join(folder.path, row.name), join(folder.goal, row.name), there.get(row.name)
            below = (*folder.below, row.name)
            # A move has to see all folders, to remove them.
            if not self._order.moves and self._resume.skips_below(top, below):
                continue
            if other is not None and other.kind != Kind.FOLDER:
                self._clash(path, other)
                continue
            try:
                if other is None and self._renamed(path, row, goal):
                    continue
                found = self._entered(Folder(path, goal, below, other is not None))
            except (OSError, TemporaryError) as error:
                self._fail(path, error)
                continue
            if found is not None:
                entered.append(found)
        return entered

    def _is_settled(self, position: Position, row: Row) -> bool:
        if not self._resume.skips(position):
            return False
        # A move that was settled and left the file where it is, skipped it: that is told again.
        self._tally.found(row.size)
        self._tally.spared(row.size)
        return True

    def _renamed(self, path: bytes, row: Row, goal: bytes) -> bool:
        """Move a folder in one step, if it moves and that can be done; false if it has to be entered."""
        if not self._order.moves or not self._mover.can_rename(row.kind):
            return False
        try:
            return self._mover.rename(path, row, goal)
        except FileExistsError:
            return False

    def _entered(self, folder: Folder) -> Folder | None:
        """Make the folder in the target, unless it is there; None if its name is not allowed, which is told."""
        if problem := name_problem(split(folder.goal)[1], portable=self._order.portable):
            self._tally.fail(folder.path, OSError(errno.EINVAL, f"its name {problem}"))
            return None
        is_there = folder.there if folder.below else self._target.stat(folder.goal) is not None
        if not is_there:
            self._make_folder(folder.goal)
        if self._order.moves:
            self._emptied.append(folder.path)
        return folder

    def _make_folders(self, path: bytes) -> None:
        """Make a folder of the target and those above it."""
        if not path or path in self._made:
            return
        found = self._target.stat(path)
        if found is None:
            self._make_folders(split(path)[0])
            self._make_folder(path)
        elif found.kind != Kind.FOLDER:
            raise NotADirectoryError(errno.ENOTDIR, f"the target {path.decode('utf-8', 'replace')!r} is no folder")
        self._made.add(path)

    def _make_folder(self, path: bytes) -> None:
        if not self._target.capabilities.folders:
            return
        self._target.make_folder(path)
        self._setting.target_changed.add(split(path)[0])
        self._tally.add(folders=1)

    def _clash(self, path: bytes, there: Row) -> None:
        if self._order.conflict is Conflict.SKIP:
            self._tally.skip(path, f"a {there.kind} of its name is there already")
        else:
            self._tally.fail(path, FileExistsError(errno.EEXIST, f"the target has a {there.kind} of its name"))

    def _fail(self, path: bytes, error: OSError | TemporaryError) -> None:
        self._resume.blur()
        self._tally.fail(path, error)

    def _tell_unlisted(self, found: Unlisted, side: str) -> None:
        if found.why is Why.FAILED:
            self._fail(found.path, OSError(errno.EIO, f"cannot be listed in the {side}: {found.reason}"))
        else:
            self._tally.skip(found.path, f"in the {side}, {found.reason}")

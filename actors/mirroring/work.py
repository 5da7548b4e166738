"""Carries out a mirror: walks both sides, has files settled, and removes at the end."""

from __future__ import annotations

from collections.abc import Sequence

from actors.datasources.guards import doubt_about_deletions
from actors.datasources.paths import join, split, text_of
from actors.datasources.storage import Kind, Row, Unlisted, Why
from actors.mirroring.pairs import Pairs, Sides
from actors.mirroring.planning import FolderPlan, plan_folder
from actors.mirroring.removing import Removal, Remover
from actors.mirroring.setting import Setting
from actors.mirroring.settling import Settler
from actors.threads import Crew, Threads
from actors.transferring.sides import Pair
from rota.errors import PermanentError


class Mirroring:
    """One pass of a mirror.

    Memory: the listings of a few folders, the files that are on their way, and some 200 bytes for each entry that is
    gone from the source, a folder with all that is in it counted as one.
    """

    def __init__(self, setting: Setting, *, settler: Settler, remover: Remover, threads: Threads) -> None:
        self._order = setting.order
        self._source = setting.source
        self._target = setting.target
        self._scope = setting.scope
        self._times = setting.times
        self._tally = setting.tally
        self._changed = setting.changed
        self._settler = settler
        self._remover = remover
        self._pairs = Pairs(setting.source, setting.target, threads)
        self._removers: Crew[Removal, bool] = Crew(threads, done=self._removed)
        self._gone: list[Removal] = []
        self._replaced: list[tuple[Removal, Row]] = []
        self._cleared: set[bytes] = set()
        """Paths at which something of another kind was removed."""
        self._known = 0
        self._source_is_empty = False

    def execute(self) -> None:
        """Do all of it; raises for what went wrong once the rest is done."""
        self._source.verify()
        self._target.verify()
        self._begin()
        self._walk()
        self._remove()
        self._tally.raise_failures()

    def _begin(self) -> None:
        """Enter everything, or plan the one folder or file that was asked for."""
        path = self._order.path
        if not path:
            self._pairs.enter(b"", there=True)
            return
        row = self._source.stat(path)
        if row is None:
            raise PermanentError(f"{text_of(path)!r} is not there in the source")
        if not self._scope.takes_whole(path, row.kind):
            raise PermanentError(f"{text_of(path)!r} is left out by the patterns of source or target")
        there = self._target.stat(path)
        folder = split(path)[0]
        if there is None and folder:
            parts = folder.split(b"/")
            for depth in range(1, len(parts) + 1):
                above = b"/".join(parts[:depth])
                if self._target.stat(above) is None:
                    self._make_folder(above)
        self._plan(folder, [row], [] if there is None else [there])

    def _walk(self) -> None:
        for sides in self._pairs:
            self._visit(sides)
        self._settler.finish()

    def _visit(self, sides: Sides) -> None:
        path, source, target = sides
        if isinstance(source, Unlisted):
            self._tell_unlisted(source, "source")
        elif isinstance(target, Unlisted):
            self._tell_unlisted(target, "target")
        else:
            if source.special:
                self._tally.skip(path, f"{source.special:,} entries in it are neither file, folder nor link")
            if not path:
                self._source_is_empty = not source.rows
            rows = self._scope.of(path, source.rows)
            self._plan(path, rows, self._scope.of(path, target.rows), whole=True)

    def _tell_unlisted(self, found: Unlisted, side: str) -> None:
        if found.why is Why.FOREIGN:
            self._tally.skip(found.path, f"in the {side}, {found.reason}")
        elif found.why is Why.VANISHED and side == "source":
            self._tally.skip(found.path, "gone from the source since it was listed")
        else:
            self._tally.fail(found.path, OSError(0, f"cannot be listed in the {side}: {found.reason}"))

    def _plan(self, path: bytes, source: Sequence[Row], target: Sequence[Row], *, whole: bool = False) -> None:
        """Do what a folder needs, or some entries of it, whose rows these are on either side."""
        plan = plan_folder(source, target, times=self._times)
        self._known += len(target)
        self._tally.saw(len(plan.same) + len(plan.enter) + len(plan.links))
        for row in plan.links:
            self._tally.skip(join(path, row.name), "a link")
        self._survey(path, plan)
        for row, there in plan.enter:
            folder = join(path, row.name)
            if there or self._make_folder(folder):
                self._pairs.enter(folder, there=there)
        self._settler.settle(path, plan, whole=whole)

    def _survey(self, path: bytes, plan: FolderPlan) -> None:
        """Remember what has to go, and count it."""
        if not self._order.removes:
            for pair in plan.replaced:
                self._tally.fail(join(path, pair.source.name), _obstacle(pair))
            return
        for row in plan.gone:
            removal = self._remover.survey(join(path, row.name), row)
            if removal is not None:
                self._gone.append(removal)
                self._known += removal.entries - 1
        for pair in plan.replaced:
            removal = self._remover.survey(join(path, pair.source.name), pair.target, kind_there=pair.source.kind)
            if removal is not None:
                self._replaced.append((removal, pair.source))
                self._known += removal.entries - 1

    def _make_folder(self, path: bytes) -> bool:
        """Make a folder of the target; says whether something can be copied into it."""
        if not self._target.capabilities.folders:
            return True
        if not self._order.dry_run:
            try:
                self._target.make_folder(path)
            except OSError as error:
                self._tally.fail(path, error)
                return False
            self._changed.add(split(path)[0])
        self._tally.add(folders=1)
        return True

    def _remove(self) -> None:
        """Remove what is gone, and put in place what it stood in the way of."""
        removals = [*self._gone, *(removal for removal, _ in self._replaced)]
        if not removals:
            return
        self._refuse_doubtful(sum(removal.entries for removal in removals))
        if self._order.dry_run:
            self._tally.add(removed=sum(removal.entries for removal in removals))
            return
        # Once more: a storage that went away while it was listed looks like an empty one.
        self._source.verify()
        self._target.verify()
        for removal in removals:
            self._removers.hand(removal, self._remover.remove, removal)
        self._removers.finish()
        for removal, row in self._replaced:
            if removal.path in self._cleared:
                self._plan(split(removal.path)[0], [row], [])
        self._walk()

    def _refuse_doubtful(self, deleted: int) -> None:
        """Raise if something went wrong before, or if this much should not just go."""
        self._tally.raise_failures()
        order, is_empty = self._order, self._source_is_empty and not self._order.path
        doubt = doubt_about_deletions(
            deleted=deleted,
            known=self._known,
            root_is_empty=is_empty,
            most_share=order.max_deleted,
            confirmed=order.confirmed_deletions,
        )
        if doubt is None or order.allow_deletions:
            return
        why = "the source is empty" if is_empty else "that is more than may go unasked"
        raise PermanentError(
            f"nothing was removed from the target: {deleted:,} of its {self._known:,} entries are gone from the source,"
            f" and {why}; if it is right so, run it again with confirmed_deletions: {deleted}"
        )

    def _removed(self, removal: Removal, is_gone: bool) -> None:
        self._changed.add(split(removal.path)[0])
        if is_gone:
            self._cleared.add(removal.path)


def _obstacle(pair: Pair) -> OSError:
    there, wanted = Kind(pair.target.kind), Kind(pair.source.kind)
    return FileExistsError(0, f"the target has a {there} where the source has a {wanted}, and keeps what it has")

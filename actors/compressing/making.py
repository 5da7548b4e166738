"""One pass over the entries: gives the bytes of the archive, and keeps where another attempt could go on."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import cast

from actors.archives.formats import packer_of
from actors.archives.packing import Mark, Packer, Packing, Piece
from actors.compressing.contents import StoredContents
from actors.compressing.drafted import Drafted
from actors.compressing.gathered import Gathered
from actors.compressing.goal import Goal
from actors.compressing.order import Order
from actors.compressing.outcomes import Counts, Outcomes
from actors.compressing.output import Output
from actors.compressing.resume import Look, Pieces, Point, State
from actors.compressing.setting import Setting
from actors.compressing.spool import Item, Spool
from actors.compressing.survey import Survey, roots_of
from actors.datasources.bandwidth import Bandwidth
from actors.datasources.rows import Kind, Row
from actors.kept import Kept
from actors.syncing.meter import sized
from actors.transferring.sides import looks_same
from actors.walking import Place
from rota.errors import PermanentError

KEEP_BYTES = 64 * 1024 * 1024
KEEP_SECONDS = 5.0
"""After so much, whichever comes first, it is kept where another attempt could go on."""


class Making:
    """Makes the bytes of one archive; memory does not grow with it, nor with the number of its entries."""

    def __init__(
        self,
        setting: Setting,
        order: Order,
        goal: Goal,
        *,
        output: Output,
        state: State,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._setting = setting
        self._order = order
        self._goal = goal
        self._state = state
        self._drafted = output if isinstance(output, Drafted) else None
        self._clock = clock
        self._kept_at = clock()
        self._kept_bytes = self._marked = 0
        self._mark = Mark(b"")
        self._begun: Item | None = None
        self._spool = Spool()
        self._records = self._gathering(goal.path + b".records")
        self.lines = self._gathering(goal.manifest or goal.path)
        """Of the manifest, if there shall be one."""
        self.outcomes = Outcomes(setting.run.log, list_line=self.lines.add if goal.manifest is not None else None)
        self.written = 0
        """How long the archive is so far."""

    def begin(self) -> None:
        """Find out what goes in, and where an earlier attempt can be gone on with; raises PermanentError."""
        roots = roots_of(self._setting.source, self._order, self._setting.rules)
        point = next((point for point in self._state.points if self._resumes(point, roots)), None)
        if point is None:
            self._restart()
            self._survey(roots, None)
        else:
            self._setting.run.log.info(f"goes on behind {sized(point.written)}")
            self.written = self._kept_bytes = point.written
            self._mark = point.mark
        counts = Counts() if point is None else replace(point.counts)
        self._state.points = () if point is None else (point,)
        begun = 0 if point is None else point.mark.offset
        self._setting.tally.begin(counts.bytes + begun)
        self.outcomes.begin(self._spool, counts, self._state.notes)

    def pieces(self) -> Generator[bytes, None, None]:
        """Give the bytes that follow; the archive has them when the next ones are asked for."""
        packer = self._packer()
        start = self._mark if self.written else None
        packed = packer.pack(self._spool.entries(), start=start, written=self.written)
        with closing(cast("Generator[Piece, None, None]", packed)) as pieces:
            for piece in pieces:
                if piece.data:
                    self._wrote(len(piece.data))
                    yield bytes(piece.data)
                if piece.records:
                    self._records.add(piece.records)
                if piece.mark is not None:
                    self._reach(piece.mark)
        self.outcomes.settle()
        if not self.outcomes.counts.entries:
            raise PermanentError("there is nothing to pack: nothing of what was selected is taken, or could be read")
        for data in packer.finish(self._records.contents(), written=self.written):
            self._wrote(len(data))
            yield data

    def keep(self) -> None:
        """Keep where another attempt can go on, if that is right here."""
        if self._drafted is None or self._marked != self.written or not self.written:
            return
        self._drafted.keep()
        self._kept_at, self._kept_bytes = self._clock(), self.written
        point = Point(
            written=self.written,
            mark=self._mark,
            begun=None if self._begun is None else Look(self._begun.path, self._begun.size, self._begun.modified_ns),
            counts=replace(self.outcomes.counts),
            records=_kept(self._records),
            lines=_kept(self.lines),
        )
        if point.fits:
            self._state.reach(point)
            self._state.notes = self.outcomes.notes
            self._setting.run.checkpoint(self._state.to_json())

    def discard(self) -> None:
        """Remove what was kept beside the archive."""
        self._records.discard()
        if self._goal.manifest is not None:
            self.lines.discard()

    def close(self) -> None:
        """Let go of what is on this machine."""
        self._spool.close()
        for each in (self._records, self.lines):
            if isinstance(each, Gathered):
                each.discard()

    def _packer(self) -> Packer:
        setting, params = self._setting, self._setting.params
        contents = StoredContents(
            setting.source,
            self.outcomes,
            setting.tally,
            bandwidth=Bandwidth(params.max_bytes_per_second, check=setting.check),
            repeats=setting.repeats,
            check=setting.check,
        )
        packing = Packing(
            level=params.level,
            password=None if params.password is None else setting.run.secret(params.password),
            pool=setting.threads.pool,
            threads=setting.threads.size,
            check=self._look_on,
        )
        return packer_of(self._order.format, contents, packing)

    def _look_on(self) -> None:
        """Look a little further through the selection, at each piece that is packed."""
        self._setting.check()
        self._spool.find()

    def _wrote(self, size: int) -> None:
        self.written += size
        self._setting.tally.wrote(self.written)

    def _reach(self, mark: Mark) -> None:
        self._begun = self.outcomes.settle(mark)
        self._mark, self._marked = mark, self.written
        is_due = self.written - self._kept_bytes >= KEEP_BYTES or self._clock() - self._kept_at >= KEEP_SECONDS
        if is_due or self._records.is_worth_keeping or self.lines.is_worth_keeping:
            self.keep()

    def _resumes(self, point: Point, roots: list[Place]) -> bool:
        """Say whether an earlier attempt can be gone on with from a point, and survey what follows if so."""
        if self._drafted is None or not self._looks_same(point.begun):
            return False
        if not (_resumed(self._records, point.records) and _resumed(self.lines, point.lines)):
            return False
        if not self._drafted.resume(point.written):
            return False
        self._survey(roots, point)
        if point.begun is None:
            return True
        first = next(iter(self._spool), None)
        return first is not None and (first.path, first.size, first.note) == (point.begun.path, point.begun.size, "")

    def _looks_same(self, begun: Look | None) -> bool:
        """Say whether a file that is begun is what it was."""
        if begun is None:
            return True
        now = self._setting.source.stat(begun.path)
        before = Row(b"", Kind.FILE, begun.size, begun.modified_ns)
        return now is not None and looks_same(before, now, step_ns=self._setting.source.capabilities.step_ns)

    def _restart(self) -> None:
        if self._drafted is None or not self._is_repeated:
            return
        self._drafted.restart()
        self.discard()
        self._records = self._gathering(self._goal.path + b".records")
        if self._goal.manifest is not None:
            self.lines = self._gathering(self._goal.manifest)
            self.outcomes = Outcomes(self._setting.run.log, list_line=self.lines.add)

    def _survey(self, roots: list[Place], point: Point | None) -> None:
        self._spool.close()
        survey = Survey(
            self._setting.source,
            self._order,
            self._setting.threads if self._setting.is_remote else None,
            check=self._setting.check,
            keeps_links=self._setting.params.links == "keep",
            owns=self._owns,
        )
        items = survey.items(roots, after=None if point is None else point.counts.after)
        self._spool = Spool(self._found(items, 0 if point is None else point.counts.bytes))
        if self._setting.is_remote:
            # Listings that wait behind files being packed would hold those up in turn.
            self._spool.find_all()

    def _found(self, items: Iterator[Item], total: int) -> Iterator[Item]:
        """Count what is found; raises PermanentError if it is too much."""
        tally, most = self._setting.tally, self._setting.params.max_bytes
        for item in items:
            total += 0 if item.note else item.size
            tally.found(total)
            if most is not None and total > most:
                raise PermanentError(f"what was selected has more than {most:,} bytes; max_bytes refuses it")
            yield item
        tally.found_all(total)

    def _owns(self, path: bytes) -> bool:
        there = self._setting.path_there(path)
        return there is not None and self._goal.owns(there)

    def _gathering(self, path: bytes) -> Kept | Gathered:
        if self._drafted is None:
            return Gathered()
        run = self._setting.run
        return Kept(self._setting.target, path, task=run.task, confirm=run.confirm)

    @property
    def _is_repeated(self) -> bool:
        return self._setting.run.attempt > 1 or bool(self._state.points)


def _kept(gathered: Kept | Gathered) -> Pieces:
    if isinstance(gathered, Gathered):
        return Pieces()
    gathered.keep()
    return Pieces(gathered.pieces, gathered.kept_bytes)


def _resumed(gathered: Kept | Gathered, pieces: Pieces) -> bool:
    return isinstance(gathered, Kept) and gathered.resume(*pieces)

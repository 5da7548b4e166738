"""The indexing of one datasource: holds its index, builds or follows, and remembers and tells how it ended."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Any

from actors.holding import kept
from actors.indexing import notes
from actors.indexing.books import Books
from actors.indexing.building import Building
from actors.indexing.counting import Counts
from actors.indexing.draining import Draining
from actors.indexing.opening import is_lost, open_writer
from actors.indexing.planning import Plan, Progress, Way, lends, plan_run
from actors.indexing.setting import Setting
from actors.indexing.side import Side
from actors.syncing.meter import lasting, sized
from rota.errors import TemporaryError
from store.records import IndexRecord


class OneIndex:
    """One run over one index; made for one `execute`."""

    def __init__(self, setting: Setting, *, full: bool, unread: bool) -> None:
        self._run = setting.run
        self._setting = setting
        self._index = setting.index
        self._meter = setting.meter
        self._full = full
        self._unread = unread
        state: dict[str, Any] = self._run.state or {}
        self._progress = Progress.from_json(state)
        self._counts = Counts(**state.get("counts", {}))
        self._has_built = False
        self.generation: int | None = None
        """The one that is searched in the end; None if there is none, or another task is at it."""

    def execute(self) -> Counts:
        """Index, and give what was done."""
        name = self._setting.name
        holder = self._hold_and_index()
        if holder is not None:
            if self._full or self._unread:
                raise TemporaryError(f"datasource {name!r}: task {holder} is indexing it")
            self._run.log.info(f"{name}: task {holder} is indexing, and takes this along")
            return self._counts
        # Whoever found the index held has left to us what he came for: it was stale before we let go of it.
        while holder is None and self._setting.rules.index and self._index.stale(limit=1):
            self._full = self._unread = False
            holder = self._hold_and_index()
        self._tell()
        return self._counts

    def _hold_and_index(self) -> str | None:
        """Hold the index and bring it up to date; gives the task that holds it, if another one does."""
        holder = self._index.hold(self._run.task)
        if holder is None:
            with kept(self._index):
                if self._setting.rules.index:
                    self._bring_up_to_date()
                else:
                    self._forget()
        return holder

    def _forget(self) -> None:
        """Drop all there is of a datasource that shall not be searched."""
        record = self._index.record()
        self._index.forget()
        dropped = self._index.drop_others()
        if record.live is not None or dropped:
            self._run.log.info(f"{self._setting.name}: it is not to be searched, and its index was removed")

    def _bring_up_to_date(self) -> None:
        record = self._index.record()
        lost = is_lost(self._run, self._index, record)
        plan = plan_run(record, self._setting.shape, full=self._full, progress=self._progress, is_lost=lost)
        if plan.way is Way.FOLLOW:
            assert record.live is not None
            # A crash may have left notes of files behind that are needless.
            if self._follow(record.live, prunes=self._run.attempt > 1):
                return
            plan = Plan(Way.BEGIN)
        self._follow(self._build(record, plan), prunes=True)

    def _build(self, record: IndexRecord, plan: Plan) -> int:
        """Build a generation, beside the live one if there is one, and let it be searched; gives its number."""
        with ExitStack() as stack:
            sides = self._sides(record, plan, stack)
            building = sides[-1]
            self._save(building)
            self._index.drop_others()
            self._meter.total = self._setting.catalog.totals().entries or None
            books = Books(self._index, sides, on_committed=lambda: self._save(building))
            # What goes into the live generation meanwhile is not what this run is about.
            counts = [self._counts if side is building else Counts() for side in sides]
            updaters = [
                self._setting.updater(side, books, each, lambda _, size: self._meter.add(0, size))
                for side, each in zip(sides, counts, strict=True)
            ]
            Building(
                self._run,
                self._setting.catalog,
                updaters[-1],
                draining=Draining(self._run, self._index, updaters, books),
                books=books,
                is_resumed=plan.way is Way.RESUME,
                on_rows=lambda rows: self._meter.add(rows, 0),
            ).build()
            self._index.go_live(building.number)
        self._has_built = True
        self._index.drop_others()
        return building.number

    def _sides(self, record: IndexRecord, plan: Plan, stack: ExitStack) -> list[Side]:
        """Open the generations that are written during a build; the one that is built is the last."""
        progress = plan.progress or Progress(self._index.begin(self._setting.shape))
        writer = open_writer(self._run, self._index, progress.generation, self._setting.shape)
        if writer is None:
            progress = Progress(self._index.begin(self._setting.shape))
            writer = self._index.writer(progress.generation, self._setting.shape)
        stack.enter_context(closing(writer))
        building = Side(progress.generation, self._setting.shape, writer, is_whole=False)
        building.reach = progress.after
        if record.live is None or record.live_shape is None or record.live == building.number:
            return [building]
        live = open_writer(self._run, self._index, record.live, record.live_shape)
        if live is None:
            return [building]
        stack.enter_context(closing(live))
        if lends(record.live_shape, self._setting.shape, full=self._full):
            building.lend(live)
        return [Side(record.live, record.live_shape, live, is_whole=True), building]

    def _follow(self, live: int, *, prunes: bool) -> bool:
        """Bring what changed into the live generation; false if that cannot be used any more."""
        self.generation = live
        if not (prunes or self._unread or self._index.stale(limit=1)):
            return True
        writer = open_writer(self._run, self._index, live, self._setting.shape)
        if writer is None:
            return False
        with closing(writer):
            side = Side(live, self._setting.shape, writer, is_whole=True)
            books = Books(self._index, [side], on_committed=self._save)
            updater = self._setting.updater(side, books, self._counts, self._meter.add)
            draining = Draining(self._run, self._index, [updater], books)
            draining.drain()
            if self._unread:
                for _ in notes.retry(self._index, updater):
                    draining.drain()
            if prunes:
                notes.prune(self._index, side)
        self._index.record_run(self._counts.to_json(), self._index.statistics(live))
        return True

    def _save(self, building: Side | None = None) -> None:
        if building is not None:
            self._progress = Progress(building.number, building.reach)
        progress = {} if self._progress is None else self._progress.to_json()
        self._run.checkpoint({**progress, "counts": self._counts.to_json()})

    def _tell(self) -> None:
        name, counts = self._setting.name, self._counts
        self._meter.report(ended=True)
        self._run.log.info(
            f"{name}: {counts.documents:,} documents written, {counts.removed:,} removed; {counts.read:,} files with"
            f" {sized(counts.bytes)} read, {counts.errors:,} gave no text; in {lasting(self._meter.seconds)}"
        )
        self._setting.tell_changes()
        if counts.documents or counts.removed or self._has_built:
            said = {"documents": counts.documents, "removed": counts.removed, "errors": counts.errors}
            self._run.emit("datasource.indexed", {"datasource": name, **said, "generation": self.generation}, name)

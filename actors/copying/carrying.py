"""Opens both storages, puts the parts of a copy or move together, and tells in the end where something was changed."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import ExitStack, closing, suppress

from actors.copying.moving import Mover
from actors.copying.order import Order, TransferParams
from actors.copying.resume import Resume
from actors.copying.setting import Checkpoints, Setting
from actors.copying.settling import Settler
from actors.copying.tally import Counts, Tally
from actors.copying.work import Carrying
from actors.datasources.abilities import Drafting
from actors.datasources.opening import open_storage
from actors.datasources.paths import split
from actors.datasources.storage import Datasource
from actors.finding import find_datasource
from actors.run import Run
from actors.syncing.meter import sized
from actors.threads import Stopping
from actors.transferring.copying import Copier
from actors.transferring.large import Begun, LargeFiles
from actors.transferring.pace import retries_between, threads_between
from actors.transferring.places import place_of
from actors.transferring.reading import Reader
from actors.transferring.sides import Scope
from actors.transferring.telling import ChangedFolders, telling
from rota.errors import Cancelled, LeaseLost, PermanentError, RotaError


def carry(run: Run, params: TransferParams, *, moves: bool) -> Counts:
    """Copy or move what was asked for, and give the counts of all attempts together."""
    source = find_datasource(run, params.datasource)
    target = find_datasource(run, params.target_datasource) if params.target_datasource else source
    order = Order.of(params, moves=moves)
    state = run.state or {}
    tally = Tally(run, counts=Counts(**state.get("counts", {})), deed="moved" if moves else "copied")
    resume = Resume(state, is_first=run.attempt == 1)
    target_changed = ChangedFolders()
    source_changed = target_changed if source.name == target.name else ChangedFolders()
    if resume.is_resumed:
        # What an attempt changed that was killed has not been told.
        target_changed.add(order.target)
        for path in order.paths if moves else ():
            source_changed.add(split(path)[0])
    changed = source_changed, target_changed
    with ExitStack() as stack:
        for name, folders in {source.name: source_changed, target.name: target_changed}.items():
            stack.enter_context(telling(run, name, folders))
        try:
            _carry(run, params, order, places=(source, target), tally=tally, resume=resume, changed=changed)
        finally:
            _tell(run, tally, target.name)
    return tally.counts


def _carry(
    run: Run,
    params: TransferParams,
    order: Order,
    *,
    places: tuple[Datasource, Datasource],
    tally: Tally,
    resume: Resume,
    changed: tuple[ChangedFolders, ChangedFolders],
) -> None:
    source, target = places
    stopping = Stopping(run.check)
    check = stopping.check
    with ExitStack() as stack:
        opened = stack.enter_context(closing(open_storage(source, check=check)))
        is_one = target.name == source.name
        setting = Setting(
            run=run,
            order=order,
            source=opened,
            target=opened if is_one else stack.enter_context(closing(open_storage(target, check=check))),
            source_place=place_of(source),
            target_place=place_of(target),
            scope=Scope(source.rules, target.rules),
            tally=tally,
            check=check,
            resume=resume,
            checkpoints=Checkpoints(run, tally, resume),
            source_changed=changed[0],
            target_changed=changed[1],
        )
        reader = Reader(setting, bytes_per_second=params.max_bytes_per_second)
        large = _large_files(setting, reader)
        stack.push(_Ending(setting, large).end)
        # Before a copy gets its name, it is asked what has that name.
        size = threads_between(source, target, spare=1)
        threads = stack.enter_context(stopping.threads(size, "carry"))
        copier = Copier(setting, reader, verify=order.verify, retries=retries_between(source, target), large=large)
        mover = Mover(setting)
        settler = Settler(setting, copier, mover, threads)
        Carrying(setting, settler=settler, mover=mover, threads=threads).execute()


class _Notes:
    """What is remembered of large files, kept in the checkpoint as soon as it is known."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def begun(self, goal: bytes) -> Begun | None:
        return self._setting.resume.begun(goal)

    def note(self, goal: bytes, begun: Begun) -> None:
        self._setting.resume.note(goal, begun)
        self._setting.checkpoints.save(at_once=True)

    def forget(self, goal: bytes) -> None:
        self._setting.resume.forget(goal)


class _Ending:
    """What is left to be done when all threads have ended."""

    def __init__(self, setting: Setting, large: LargeFiles | None) -> None:
        self._setting = setting
        self._large = large

    def end(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        """Keep where the next attempt goes on; if there will be none, remove the drafts."""
        if isinstance(error, LeaseLost):
            return False
        if isinstance(error, Cancelled | PermanentError) and self._large is not None:
            for goal in self._setting.resume.large_goals():
                with suppress(OSError, RotaError):
                    self._large.discard(goal)
        if error is None or isinstance(error, Exception):
            self._setting.checkpoints.save(at_once=True, orderly=True)
        return False


def _large_files(setting: Setting, reader: Reader) -> LargeFiles | None:
    if not isinstance(setting.target, Drafting):
        return None
    return LargeFiles(
        setting.target,
        reader,
        _Notes(setting),
        key=setting.run.task,
        step_ns=setting.source.capabilities.step_ns,
        owns=setting.run.confirm,
    )


def _tell(run: Run, tally: Tally, target: str) -> None:
    counts = tally.counts
    tally.report(ended=True)
    entries = counts.moved if tally.deed == "moved" else counts.copied
    run.log.info(
        f"{tally.deed} {entries:,} with {sized(counts.bytes)} to {target}, made {counts.folders:,} folders;"
        f" {counts.skipped:,} left out, {tally.failed:,} failed"
    )

"""The actor `check-index`: compares the search index of a datasource with its catalog from end to end.

The plan:

1. The index is held, as by `index`; while another task holds it, the check is tried again later.
2. What is stale is brought in, as by `index`, and so it is now and then while the check goes on.
3. Every folder of the catalog is compared with its documents, then every folder that only the index has. What differs
   and did not just change is told in the log and counted; with `repair` it is mended at once.
4. The list of files that gave no text loses those that are gone or gave their text, and generations that nobody knows
   are dropped, those of datasources that are gone too.

Nothing should ever differ: what does was done to the index by something else, or is a fault worth telling.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import closing

from pydantic import Field

from actors.datasources.paths import text_of
from actors.holding import kept
from actors.indexing import notes
from actors.indexing.auditing import Audit, Findings
from actors.indexing.books import Books
from actors.indexing.counting import Counts
from actors.indexing.draining import Draining
from actors.indexing.setting import Setting
from actors.indexing.side import Side
from actors.params import Params, Result
from actors.registry import actor
from actors.run import Run
from rota.errors import TemporaryError

_MOST_LINES = 20


class CheckIndexParams(Params):
    """What to check."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    repair: bool = Field(default=True, description="Mend what differs; if not, it is told and nothing else.")


class CheckIndexResult(Result):
    """What differed."""

    missing: int = Field(description="Entries that the index did not have.")
    surplus: int = Field(description="Documents that the catalog had no entry for.")
    folders: int = Field(description="Folders in which something differed.")
    repaired: int = Field(description="Of them, those that were mended.")
    unread: int = Field(description="Files that are found by their names only, because they gave no text.")


@actor("check-index", queue="index", isolate=True)
def check_index(run: Run, params: CheckIndexParams) -> CheckIndexResult:
    """Compare the search index of a datasource with its catalog, and mend what differs."""
    setting = Setting.of(run, params.datasource)
    holder = setting.index.hold(run.task)
    if holder is not None:
        raise TemporaryError(f"datasource {setting.name!r}: task {holder} is indexing it")
    with setting, kept(setting.index):
        setting.index.drop_others()
        for name in setting.index.drop_leftovers():
            run.log.info(f"what was left of {name!r}, a datasource that is gone, is removed")
        findings = _checked(setting, repairs=params.repair)
        setting.index.record_check(findings.to_json())
    setting.tell_changes()
    setting.meter.report(ended=True)
    run.log.info(
        f"{setting.name}: {findings.missing:,} entries were missing, {findings.surplus:,} documents were surplus,"
        f" in {findings.folders:,} folders, of which {findings.repaired:,} were mended"
    )
    return CheckIndexResult(**findings.to_json())


def _checked(setting: Setting, *, repairs: bool) -> Findings:
    """Compare what is searched; nothing is, nothing differs."""
    record = setting.index.record()
    if record.live is None or record.live_shape is None or not setting.rules.index:
        return Findings()
    if record.building is not None:
        setting.run.log.info(f"{setting.name}: generation {record.building} is not whole, and is not compared")
    if record.building == record.live:
        return Findings()
    with closing(setting.index.writer(record.live, record.live_shape)) as writer:
        side = Side(record.live, record.live_shape, writer, is_whole=True)
        books = Books(setting.index, [side], on_committed=lambda: None)
        counts = Counts()
        updater = setting.updater(side, books, counts, lambda _, size: setting.meter.add(0, size))
        setting.meter.total = setting.catalog.totals().entries or None
        audit = Audit(
            setting.run,
            setting.catalog,
            setting.index,
            side,
            chooser=setting.chooser(side),
            draining=Draining(setting.run, setting.index, [updater], books),
            repairs=repairs,
            on_difference=_Teller(setting.run).tell,
            on_rows=lambda rows: setting.meter.add(rows, 0),
        )
        findings = audit.compare()
        findings.unread = notes.prune(setting.index, side)
    if counts.documents or counts.removed:
        setting.index.record_run(counts.to_json(), setting.index.statistics(record.live))
    return findings


class _Teller:
    """Tells the first folders that differ."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._told = 0

    def tell(self, folder: bytes, missing: int, surplus: int) -> None:
        self._told += 1
        if self._told <= _MOST_LINES:
            where = text_of(folder) or "the root"
            self._run.log.warning(f"{where}: {missing:,} entries missing, {surplus:,} documents surplus")
        if self._told == _MOST_LINES:
            self._run.log.warning("further folders that differ are counted only")

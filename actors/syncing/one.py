"""The sync of one datasource: holds its catalog, makes the pass, and remembers and tells how it ended."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict
from functools import partial

from actors.catalog import Catalog
from actors.datasources.opening import open_storage
from actors.datasources.paths import is_within, text_of
from actors.datasources.storage import Datasource, Storage
from actors.run import Run
from actors.syncing.collecting import rare_collections
from actors.syncing.holding import held
from actors.syncing.meter import Meter, lasting, sized
from actors.syncing.reconcile import Pass
from actors.syncing.report import Report
from actors.syncing.resume import Resume
from actors.syncing.scope import Scope
from actors.syncing.settlement import Doubt
from actors.syncing.writer import Example, Writer
from rota.errors import BusUnavailable, PermanentError, StoreUnavailable, TemporaryError
from rota.times import rfc3339

_FEW_EXAMPLES = 5
_MOST_LINES = 20
_MOST_SCOPES = 20


class OneSync:
    """One sync of one datasource; made for one `execute`."""

    def __init__(
        self,
        run: Run,
        datasource: Datasource,
        catalog: Catalog,
        scope: Scope,
        *,
        resume: Resume,
        dry_run: bool,
        on_checkpoint: Callable[[], None],
    ) -> None:
        self._run = run
        self._datasource = datasource
        self._catalog = catalog
        self._scope = scope
        self._resume = resume
        self._dry_run = dry_run
        self._on_checkpoint = on_checkpoint
        counts = resume.counts
        self._writer = Writer(run, datasource.name, catalog, counts=counts, dry_run=dry_run, on_written=on_checkpoint)
        self._meter = Meter(run, label=datasource.name, entries=counts.entries, size=counts.bytes)
        self._report = Report(counts)

    def execute(self) -> Report:
        """Sync; raises PermanentError where something must be looked at by somebody, TemporaryError where it may pass.

        Whatever is certain was written by then.
        """
        name = self._datasource.name
        with nullcontext() if self._dry_run else held(self._run, self._catalog, name):
            with closing(self._open()) as storage, self._watched(TemporaryError):
                doubt, failures = self._pass(storage)
            if doubt:
                failures.insert(0, self._hold_back(doubt))
            elif not self._dry_run:
                self._clear_doubt()
            if failures:
                others = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
                raise PermanentError(f"datasource {name!r}: {failures[0]}{others}")
            if not self._dry_run:
                self._announce()
        return self._report

    def _open(self) -> Storage:
        """Open and verify the storage."""
        with self._watched(PermanentError, TemporaryError):
            storage = open_storage(self._datasource, check=self._run.check)
            try:
                storage.verify()
            except BaseException:
                storage.close()
                raise
        if not self._dry_run:
            self._catalog.record_reached()
        return storage

    def _verify(self, storage: Storage) -> None:
        """Verify the storage once more, after it was scanned."""
        with self._watched(PermanentError, TemporaryError):
            storage.verify()

    @contextmanager
    def _watched(self, *faults: type[Exception]) -> Iterator[None]:
        """Remember and announce, once, that the storage cannot be reached, if one of these faults says so."""
        try:
            yield
        except (StoreUnavailable, BusUnavailable):
            raise
        except faults as error:
            if not self._dry_run:
                reason = str(error)
                self._catalog.record_unreachable(reason, before_commit=lambda since: self._unreachable(reason, since))
            raise

    def _unreachable(self, reason: str, since: int) -> None:
        name = self._datasource.name
        said = {"datasource": name, "reason": reason, "since": rfc3339(since)}
        self._run.emit("datasource.unreachable", said, name)

    def _pass(self, storage: Storage) -> tuple[Doubt | None, list[str]]:
        one = Pass(
            self._run,
            self._scope,
            storage=storage,
            catalog=self._catalog,
            writer=self._writer,
            resume=self._resume,
            meter=self._meter,
            verify=partial(self._verify, storage),
            on_checkpoint=self._on_checkpoint,
        )
        try:
            with rare_collections():
                doubt = one.execute()
        finally:
            self._meter.report(ended=True)
            one.findings.tell()
            self._tell()
        counts = self._report.counts
        counts.entries, counts.bytes = self._meter.entries, self._meter.bytes
        self._report.duration_ms = round(self._meter.seconds * 1000)
        self._report.found = one.findings.counts()
        self._report.examples = self._writer.examples
        return doubt, one.findings.failures

    def _hold_back(self, doubt: Doubt) -> str:
        """Remember deletions that wait until somebody confirms them, and say how that is done."""
        if not self._dry_run:
            self._catalog.record_doubt(doubt.said())
        name = self._datasource.name
        return (
            f"{doubt.reason}; nothing was deleted. If this is right, confirm it in the console, "
            f"or with: rota datasources confirm {name}"
        )

    def _clear_doubt(self) -> None:
        known = self._catalog.doubt()
        if known and any(is_within(str(known["path"]).encode(), path) for path in self._scope.paths):
            self._catalog.record_doubt(None)

    def _announce(self) -> None:
        name, report = self._datasource.name, self._report
        summary = {
            "path": text_of(self._scope.top),
            "changed": any(asdict(report.counts).values()),
            **asdict(report.counts),
            **report.found,
            "duration_ms": report.duration_ms,
            "entries_per_second": round(self._meter.per_second),
        }
        if not self._scope.is_whole and len(self._scope.paths) > 1:
            summary["paths"] = [text_of(path) for path in self._scope.paths[:_MOST_SCOPES]]
        few = {kind: examples[:_FEW_EXAMPLES] for kind, examples in report.examples.items()}
        self._run.emit("datasource.synced", {"datasource": name, **summary}, name)
        self._catalog.record_sync({**summary, "examples": few})

    def _tell(self) -> None:
        counts, meter, log = self._report.counts, self._meter, self._run.log
        would = "would have " if self._dry_run else ""
        log.info(
            f"{self._datasource.name}: {would}created {counts.created:,}, updated {counts.updated:,},"
            f" moved {counts.moved:,}, deleted {counts.deleted:,}; {meter.entries:,} entries with {sized(meter.bytes)}"
            f" seen in {lasting(meter.seconds)}"
        )
        if self._dry_run:
            for kind, examples in self._writer.examples.items():
                for example in examples[:_MOST_LINES]:
                    log.info(f"{would}{kind}: {_line(example)}")


def _line(example: Example) -> str:
    came_from = f" (from {example['came_from']})" if "came_from" in example else ""
    return f"{example['kind']} {example['path']}{came_from}"

"""The actor `test-archive`: reads all that is in an archive, holds it against its checksums, and writes nothing.

The limits are those of `extract`, counted on what really comes out. Names are not judged: one that cannot be unpacked
says nothing about whether the archive is whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

from actors.archives.reading import Member, MemberKind, WholeReading
from actors.datasources.opening import open_storage
from actors.finding import find_datasource
from actors.params import Result
from actors.registry import actor
from actors.run import Run
from actors.threads import Crew, Stopping
from actors.unpacking.budgets import Budget
from actors.unpacking.opening import Opened, opened_archive
from actors.unpacking.order import LimitedParams, archive_path_of
from actors.unpacking.progress import Progress
from actors.unpacking.writing import BATCH_FILES, SMALL_BYTES


class TestArchiveParams(LimitedParams):
    """What to test."""

    __test__ = False  # pytest takes classes of such a name for tests


class TestArchiveResult(Result):
    """What is in it, all of it whole."""

    __test__ = False

    format: str
    entries: int
    bytes: int
    """In its files, as they came out."""


@actor("test-archive", queue="archive", isolate=True)
def test_archive(run: Run, params: TestArchiveParams) -> TestArchiveResult:
    """Read an archive to its end, and fail with the first member that is damaged."""
    path = archive_path_of(params.path)
    budget = Budget(params.limits)

    def check() -> None:
        run.check()
        budget.watch()

    with closing(open_storage(find_datasource(run, params.datasource), check=run.check)) as storage:
        storage.verify()
        with opened_archive(run, params, storage, path, check=check) as opened:
            archive = opened.archive
            progress = Progress(run, done=lambda: archive.consumed, total=opened.file.size, deed="tested")
            _Testing(run, opened, budget, progress).execute()
            opened.file.confirm()
            progress.report(ended=True)
    return TestArchiveResult(format=opened.format, entries=budget.entries, bytes=budget.bytes)


class _Testing:
    """The reading of one archive; small members go in batches, as they are unpacked."""

    def __init__(self, run: Run, opened: Opened, budget: Budget, progress: Progress) -> None:
        self._opened = opened
        self._archive = opened.archive
        self._whole = opened.archive if isinstance(opened.archive, WholeReading) else None
        self._budget = budget
        self._progress = progress
        self._stopping = Stopping(run.check)

    def execute(self) -> None:
        """Read all of it."""
        size = len(os.sched_getaffinity(0))
        with self._stopping.threads(size, "test") as threads:
            crew: Crew[int, None] = Crew(threads, done=self._done)
            for batch in self._batches():
                if self._archive.is_direct:
                    crew.hand(len(batch), self._read, batch)
                else:
                    self._read(batch)
                    self._done(len(batch), None)
            crew.finish()

    def _batches(self) -> Iterator[list[Member]]:
        """Give the files: one by one where each has to be read before the next, else several that are small."""
        batch: list[Member] = []
        size = 0
        for member in self._archive.members():
            self._stopping.check()
            self._budget.enter(self._opened.path_of(member))
            if member.kind is not MemberKind.FILE:
                continue
            batch.append(member)
            size += SMALL_BYTES if member.size is None else member.size
            if not self._archive.is_direct or len(batch) >= BATCH_FILES or size >= SMALL_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _read(self, batch: list[Member]) -> None:
        for member in batch:
            whole = None if self._whole is None else self._whole.open_whole(member)
            for piece in self._archive.open(member) if whole is None else (whole,):
                self._stopping.check()
                self._budget.produce(member.name, len(piece), consumed=self._archive.consumed)
                if not self._archive.is_direct:
                    self._progress.tick()

    def _done(self, files: int, _nothing: None) -> None:
        self._progress.entries += files
        self._progress.tick()

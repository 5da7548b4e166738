"""The actor `test-archive`: reads all that is in an archive, holds it against its checksums, and writes nothing.

The limits are those of `extract`, counted on what really comes out. Names are not judged: one that cannot be unpacked
says nothing about whether the archive is whole.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from actors.archives.reading import Member, MemberKind
from actors.datasources.opening import open_storage
from actors.finding import find_datasource
from actors.params import Result
from actors.registry import actor
from actors.run import Run
from actors.threads import Crew, Threads
from actors.unpacking.budgets import Budget
from actors.unpacking.opening import Opened, opened_archive
from actors.unpacking.order import LimitedParams, archive_path_of
from actors.unpacking.progress import Progress
from rota.errors import Interrupted


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
    with closing(open_storage(find_datasource(run, params.datasource), check=run.check)) as storage:
        storage.verify()
        with opened_archive(run, params, storage, path) as opened:
            archive = opened.archive
            progress = Progress(run, done=lambda: archive.consumed, total=opened.file.size, deed="tested")
            _test(run, opened, budget, progress)
            opened.file.confirm()
            progress.report(ended=True)
    return TestArchiveResult(format=opened.format, entries=budget.entries, bytes=budget.bytes)


def _test(run: Run, opened: Opened, budget: Budget, progress: Progress) -> None:
    archive = opened.archive
    stopping = threading.Event()
    size = len(os.sched_getaffinity(0))

    def check() -> None:
        run.check()
        if stopping.is_set():
            raise Interrupted

    def read(member: Member) -> None:
        for piece in archive.open(member):
            check()
            budget.produce(member.name, len(piece), consumed=archive.consumed)
            if not archive.is_direct:
                progress.tick()

    def done(_member: int, _nothing: None) -> None:
        progress.entries += 1
        progress.tick()

    with ThreadPoolExecutor(size, thread_name_prefix="test") as pool, ExitStack() as leaving:
        leaving.callback(pool.shutdown, wait=False, cancel_futures=True)
        leaving.callback(stopping.set)
        crew: Crew[int, None] = Crew(Threads(pool=pool, size=size, check=check), done=done)
        for member in archive.members():
            check()
            budget.enter(opened.path_of(member))
            if member.kind is not MemberKind.FILE:
                continue
            if archive.is_direct:
                crew.hand(member.number, read, member)
            else:
                read(member)
                done(member.number, None)
        crew.finish()

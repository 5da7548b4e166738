"""What the parts of a run that reads contents share: storages that are open, threads, and a reader."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from actors.datasources.globs import Selection
from actors.datasources.opening import open_storage
from actors.datasources.paths import is_own, path_of, text_of
from actors.datasources.retrying import Repeats
from actors.datasources.storage import Datasource, Storage
from actors.hashing.reading import Reader
from actors.hashing.tally import Tally
from actors.run import Run
from actors.threads import Stopping, Threads
from actors.walking import Place, in_order
from rota.errors import PermanentError

_SMALL_AT_ONCE = 64
_MOST_LOCAL_THREADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One run at work."""

    run: Run
    storages: Sequence[Storage]
    """As many as datasources, in their order."""
    threads: Threads
    reader: Reader
    repeats: Repeats
    """How often a file is begun again after a temporary failure."""
    tally: Tally
    at_once: int
    """The most files that a thread is handed together: many where a file takes less time than handing it over."""


@contextmanager
def working(run: Run, datasources: Sequence[Datasource], tally: Tally) -> Iterator[Setting]:
    """Open these datasources and make the threads, for the time of the block."""
    stopping = Stopping(run.check)
    check = stopping.check
    is_local = all(each.kind == "local" for each in datasources)
    size = _threads(datasources)
    with ExitStack() as stack:
        storages = [stack.enter_context(closing(open_storage(each, check=check))) for each in datasources]
        ahead = None
        if not is_local:
            ahead = stack.enter_context(ThreadPoolExecutor(size, thread_name_prefix="read"))
        threads = stack.enter_context(stopping.threads(size, "hash"))
        yield Setting(
            run=run,
            storages=storages,
            threads=threads,
            reader=Reader(check=check, moved=tally.moved, ahead=ahead),
            repeats=Repeats(retries=max(map(_retries, datasources)), check=check),
            tally=tally,
            at_once=_SMALL_AT_ONCE if is_local else 1,
        )


def scope_of(paths: Sequence[str]) -> list[bytes]:
    """Give the paths that are asked for, none within another; everything if there are none.

    Raises PermanentError for what is no path, or is Rota's own.
    """
    found = in_order([path_of(path) for path in paths] or [b""])
    for path in found:
        refuse_private(path)
    return found


def refuse_private(path: bytes) -> None:
    """Raise PermanentError for a path that is Rota's own."""
    if is_own(path):
        raise PermanentError(f"{text_of(path)!r} is Rota's own: give another path")


def roots_of(storage: Storage, paths: Sequence[bytes], selection: Selection) -> list[Place]:
    """Look for the folders and files that are asked for; raises PermanentError where one is not there."""
    roots = []
    for path in paths:
        row = storage.stat(path)
        if row is None:
            raise PermanentError(f"{text_of(path)!r} is not there")
        if path and not selection.takes_whole(path, row.kind):
            raise PermanentError(f"{text_of(path)!r} is left out by the patterns of the datasource")
        roots.append(Place(path, row))
    return roots


def _threads(datasources: Sequence[Datasource]) -> int:
    """Give how many files are read at once: as many as all storages take, on this machine one for each processor."""
    most = [int(each.options.get("in_flight", 8)) for each in datasources if each.kind != "local"]
    return min(most, default=max(2, min(os.cpu_count() or 1, _MOST_LOCAL_THREADS)))


def _retries(datasource: Datasource) -> int:
    return 0 if datasource.kind == "local" else int(datasource.options.get("retries", 4))

"""What the parts of a `compress` share: both storages open, threads, and what counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace

from actors.archives.tuning import many_threads
from actors.compressing.order import CompressParams
from actors.compressing.tally import Tally
from actors.datasources.globs import Selection
from actors.datasources.opening import open_storage
from actors.datasources.paths import join
from actors.datasources.retrying import Repeats
from actors.datasources.storage import Datasource, Storage
from actors.run import Run
from actors.threads import Stopping, Threads
from actors.transferring.pace import retries_between, threads_between
from actors.transferring.places import place_of

MOST_THREADS = 8
"""More would take more memory, and hardly be faster."""
_REMOTE_THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One archive at work."""

    run: Run
    params: CompressParams
    source: Storage
    """It shows nothing that is excluded."""
    target: Storage
    """The same object as the source's where it is the same datasource."""
    rules: Selection
    """Of the source's datasource."""
    path_there: Callable[[bytes], bytes | None]
    """Gives which path of the target an entry of the source has, if it lies in both."""
    is_remote: bool
    """Whether the source answers after a while only."""
    threads: Threads
    repeats: Repeats
    tally: Tally

    def check(self) -> None:
        """Raise when the work shall end; for every thread."""
        self.threads.check()


@contextmanager
def working(run: Run, params: CompressParams, source: Datasource, target: Datasource) -> Iterator[Setting]:
    """Open both and make the threads, for the time of the block."""
    stopping = Stopping(run.check)
    check = stopping.check
    exclude = (*source.rules.exclude, *params.exclude)
    narrowed = replace(source, rules=source.rules.model_copy(update={"exclude": exclude}))
    size = _threads(source, target)
    with ExitStack() as stack:
        stack.enter_context(many_threads())
        opened = stack.enter_context(closing(open_storage(narrowed, check=check)))
        is_one = source.name == target.name
        there = opened if is_one else stack.enter_context(closing(open_storage(target, check=check)))
        threads = stack.enter_context(stopping.threads(size, "pack"))
        yield Setting(
            run=run,
            params=params,
            source=opened,
            target=there,
            rules=Selection.of(source.rules),
            path_there=path_between(place_of(source), place_of(target)),
            is_remote=source.kind != "local",
            threads=threads,
            repeats=Repeats(retries=retries_between(source, target), check=check),
            tally=Tally(run),
        )


def path_between(source: tuple[str, ...], target: tuple[str, ...]) -> Callable[[bytes], bytes | None]:
    """Give how a path in one place is called in another, None for what is not in both; see `place_of`."""

    def joined(parts: tuple[str, ...]) -> bytes:
        return "/".join(parts).encode("utf-8", "surrogateescape")

    if source[: len(target)] == target:
        above = joined(source[len(target) :])
        return lambda path: join(above, path)
    if target[: len(source)] != source:
        return lambda _: None
    below = joined(target[len(source) :]) + b"/"
    return lambda path: path[len(below) :] if path.startswith(below) else None


def _threads(source: Datasource, target: Datasource) -> int:
    """Give how many threads read and compress: one for each processor, and more where reading is mostly waiting."""
    processors = max(1, min(os.cpu_count() or 1, MOST_THREADS))
    if source.kind == target.kind == "local":
        return processors
    return min(max(processors, _REMOTE_THREADS), threads_between(source, target, spare=1))

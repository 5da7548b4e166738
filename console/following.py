"""Waits for the end of a run and shows how far it is; reads its log as it grows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from console.client import Client, segment
from console.exits import CommandFailed, ExitCode
from console.output import animated, printable

ENDED = ("succeeded", "failed", "cancelled", "skipped")
_FIRST_PAUSE = 0.05  # most small runs are over by then
_LONGEST_PAUSE = 1.0


def wait_for_end(client: Client, run_id: str, *, timeout: float | None = None) -> dict[str, Any]:
    """Return the run once it has ended; a progress bar is drawn on a terminal meanwhile.

    CommandFailed with exit code 124 is raised after `timeout` seconds; the run itself goes on.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    pause = _FIRST_PAUSE
    with progress_bar() as bar:
        while True:
            run: dict[str, Any] = client.get(f"/runs/{segment(run_id)}")
            bar.show(run)
            if run["state"] in ENDED:
                return run
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise CommandFailed(
                    f"run {run_id} is still {run['state']} after {timeout:g} s; it goes on", ExitCode.TIMED_OUT
                )
            time.sleep(pause if left is None else min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)


def follow_log(client: Client, run_id: str, **query: object) -> Iterator[dict[str, Any]]:
    """Yield the lines of a run's log as they come, until the run has ended and all were read."""
    after = 0
    pause = _FIRST_PAUSE
    while True:
        # Asked before the log: a line of an ended run is never missed.
        ended = client.get(f"/runs/{segment(run_id)}")["state"] in ENDED
        lines = client.get(f"/runs/{segment(run_id)}/log", after=after, limit=500, **query)["items"]
        yield from lines
        if lines:
            after = lines[-1]["seq"]
            pause = _FIRST_PAUSE
        elif ended:
            return
        else:
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)


class Bar(Protocol):
    """Draws how far a run is."""

    def show(self, run: dict[str, Any]) -> None:
        """Draw it, by its `state` and `progress`."""


class _NoBar:
    """The twin that draws nothing, where nobody looks."""

    def show(self, run: dict[str, Any]) -> None:
        """Do nothing."""


class _RichBar:
    """A bar on stderr, so that stdout stays data."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._task = progress.add_task("queued", total=None)

    def show(self, run: dict[str, Any]) -> None:
        """Draw how far the run is."""
        told = run["progress"] or {}
        words = " ".join(str(word) for word in (run["state"], told.get("text"), told.get("unit")) if word)
        self._progress.update(
            self._task, description=printable(words), total=told.get("total"), completed=told.get("done") or 0
        )


@contextmanager
def progress_bar() -> Iterator[Bar]:
    """Yield what draws how far something is: a bar on a terminal, nothing elsewhere."""
    if not animated():
        yield _NoBar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _RichBar(progress)

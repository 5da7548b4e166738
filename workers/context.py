"""The real `Run`: what an actor is handed by a worker, in its thread or in a process of its own."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rota.errors import PermanentError
from rota.events import Event
from rota.ids import new_id
from rota.runs import SYSTEM_OWNER, Progress, cut_middle, plain_text
from rota.sealing import KEPT_SECONDS, Sealed, id_of, unseal

if TYPE_CHECKING:
    from actors.bin_records import BinRecords
    from actors.catalog import Catalog
    from actors.datasources.storage import Datasource
    from actors.history import History
    from actors.search_index import SearchIndex
    from rota.clock import Clock
    from rota.messages import Level, TaskMessage

MAX_PROGRESS_TEXT_BYTES = 1024
MAX_UNIT_BYTES = 64


class Link(Protocol):
    """How a run reaches the worker: directly, or through a pipe."""

    def progress(self, progress: Progress) -> None:
        """Pass on how far the work is; never waits, never raises."""

    def log(self, level: Level, message: str) -> None:
        """Pass a line on; never waits, never raises."""

    def checkpoint(self, state: Any) -> None:
        """Pass a state on; never waits, never raises."""

    def check(self) -> None:
        """Raise Interrupted if the attempt shall end."""

    def confirm(self) -> None:
        """Ask Redis, and raise LeaseLost unless the lease still stands; BusUnavailable when it cannot be asked."""

    def emit(self, event: Event) -> None:
        """Publish an event; raises LeaseLost or BusUnavailable."""

    def sealed(self, sealed_id: str) -> bytes | None:
        """Give the ciphertext of this id, None once its time is over; raises BusUnavailable."""


class Datasources(Protocol):
    """The datasources as one run sees them."""

    def names(self) -> Sequence[str]:
        """Give the names of the datasources that are switched on, sorted."""

    def datasource(self, name: str) -> Datasource:
        """Give a datasource; raises NotFound."""

    def catalog(self, name: str) -> Catalog:
        """Give a catalog; raises NotFound."""

    def index(self, name: str) -> SearchIndex:
        """Give the index of a datasource; raises NotFound."""

    def bin(self, name: str) -> BinRecords:
        """Give what is known of the bin of a datasource; raises NotFound."""

    def history(self) -> History:
        """Give the history of all runs."""

    def sealing_key(self, sealed_id: str) -> str | None:
        """Give the key of what was sealed for this run; None if the run has none of this id."""


class Places(Protocol):
    """Where the datasources of a run are found."""

    def of(self, run: str, task: str) -> Datasources:
        """Give the datasources as one task of a run sees them."""


class RunLog:
    """The log of a run."""

    __slots__ = ("_link",)

    def __init__(self, link: Link) -> None:
        self._link = link

    def debug(self, message: str) -> None:
        """Tell what only the author of the actor wants to know."""
        self._link.log("debug", message)

    def info(self, message: str) -> None:
        """Tell what was done."""
        self._link.log("info", message)

    def warning(self, message: str) -> None:
        """Tell what was odd although the work goes on."""
        self._link.log("warning", message)

    def error(self, message: str) -> None:
        """Tell what failed although the work goes on."""
        self._link.log("error", message)


class WorkerRun:
    """One attempt of a task, seen from the actor; see `actors.run.Run` for the promises."""

    __slots__ = ("_clock", "_link", "_places", "_task", "log", "state")

    def __init__(self, task: TaskMessage, state: Any, *, link: Link, places: Places, clock: Clock) -> None:
        self._task = task
        self._link = link
        self._places = places
        self._clock = clock
        self.state = state
        self.log = RunLog(link)

    @property
    def id(self) -> str:
        """The run's id."""
        return self._task.run

    @property
    def task(self) -> str:
        """The task's id."""
        return self._task.task

    @property
    def job(self) -> str:
        """The job's name."""
        return self._task.job

    @property
    def owner(self) -> str:
        """Whose job it is."""
        return self._task.owner

    @property
    def person(self) -> str | None:
        """Whose doing the run is: who started it, or else the owner of the job; None where that is `system`."""
        whose = self._task.started_by or self._task.owner
        return None if whose in {"", SYSTEM_OWNER} else whose

    @property
    def attempt(self) -> int:
        """Which try of the task this is, from 1."""
        return self._task.attempt

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters as the message carried them."""
        return self._task.params

    def progress(self, done: float, total: float | None, unit: str, text: str = "") -> None:
        """Report how far the work is; numbers that are none are left out."""
        self._link.progress(
            Progress(
                done=_number(done) or 0,
                total=_number(total),
                unit=cut_middle(plain_text(str(unit)), MAX_UNIT_BYTES),
                text=cut_middle(plain_text(str(text)), MAX_PROGRESS_TEXT_BYTES),
            )
        )

    def checkpoint(self, state: Any) -> None:
        """Remember a JSON value where the next attempt continues."""
        self._link.checkpoint(state)

    def check(self) -> None:
        """Raise Interrupted if the attempt shall end."""
        self._link.check()

    def confirm(self) -> None:
        """Ask Redis whether this attempt still owns the task; LeaseLost if not.

        `check` believes what the worker knows, this asks: right before an effect that must not happen twice.
        """
        self._link.confirm()

    def emit(self, type: str, data: Any, subject: str | None = None) -> None:  # noqa: A002 -- CloudEvents' own word
        """Publish an event that names this run as its source and carries the run's chain."""
        self._link.emit(
            Event(
                id=new_id(),
                source=f"rota/jobs/{self._task.job}",
                type=type,
                time=self._clock.now_ms(),
                subject=subject,
                data=data,
                chain=(*self._task.chain, self._task.job),
            )
        )

    def publish(self, draft: str | Path, target: str | Path, *, folder: int | None = None) -> None:
        """Give a finished draft its name, whole or not at all, and only as the task's owner.

        Both lie on one file system; relative paths count from the open folder `folder`, if there is one. After a crash
        the target is what it was or what the draft is, and the draft may be left behind. Raises LeaseLost.
        """
        _sync(draft, os.O_RDONLY, folder)
        self._link.confirm()
        os.rename(draft, target, src_dir_fd=folder, dst_dir_fd=folder)
        # The name is in the folder: without this a power cut could take it back after the success was recorded.
        _sync(Path(target).parent, os.O_RDONLY | os.O_DIRECTORY, folder)

    def datasources(self) -> Sequence[str]:
        """Give the names of all datasources that are switched on, sorted."""
        return self._stored().names()

    def datasource(self, name: str) -> Datasource:
        """Give the datasource of that name; raises NotFound."""
        return self._stored().datasource(name)

    def catalog(self, name: str) -> Catalog:
        """Give the catalog of the datasource of that name; raises NotFound."""
        return self._stored().catalog(name)

    def index(self, name: str) -> SearchIndex:
        """Give the index of the datasource of that name; raises NotFound."""
        return self._stored().index(name)

    def bin(self, name: str) -> BinRecords:
        """Give what is known of the bin of the datasource of that name; raises NotFound."""
        return self._stored().bin(name)

    def history(self) -> History:
        """Give the history of all runs."""
        return self._stored().history()

    def secret(self, reference: str) -> str:
        """Give the secret behind a reference; PermanentError if there is none, which never tells it."""
        from actors.datasources.credentials import secret

        sealed_id = id_of(reference)
        return secret(reference, what="the secret") if sealed_id is None else self._unsealed(sealed_id)

    def _unsealed(self, sealed_id: str) -> str:
        key = self._stored().sealing_key(sealed_id)
        if key is None:
            raise PermanentError("the secret was not typed for this run: start it with one of its own")
        ciphertext = self._link.sealed(sealed_id)
        if ciphertext is None:
            days = KEPT_SECONDS // 86_400
            raise PermanentError(f"what was typed for this run is gone, {days} days is all it is kept: start it anew")
        try:
            return unseal(Sealed(sealed_id, key, ciphertext))
        except ValueError as error:
            raise PermanentError(str(error)) from error

    def _stored(self) -> Datasources:
        return self._places.of(self._task.run, self._task.task)


def _sync(path: str | Path, flags: int, folder: int | None) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _number(value: float | None) -> float | None:
    try:
        return value if value is not None and math.isfinite(value) else None
    except (TypeError, OverflowError):
        return None

"""What an actor is handed: its only way to the outside.

An actor imports neither the bus nor the database. It reports, asks and continues through its `Run`, and so the same
body runs in a worker, in a child process and in a test (`actors.testing.RecordingRun`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from actors.bin_records import BinRecords
    from actors.catalog import Catalog
    from actors.datasources.storage import Datasource
    from actors.history import History
    from actors.search_index import SearchIndex


class Log(Protocol):
    """The log of a run: lines that people read beside it.

    Lines are finished text. They are buffered and may be cut; none of the methods waits for the network or raises.
    Never hand over a secret.
    """

    def debug(self, message: str) -> None:
        """Tell what only the author of the actor wants to know."""

    def info(self, message: str) -> None:
        """Tell what was done."""

    def warning(self, message: str) -> None:
        """Tell what was odd although the work goes on."""

    def error(self, message: str) -> None:
        """Tell what failed although the work goes on."""


class Run(Protocol):
    """One attempt of a task, seen from the actor.

    Promises of every real form:

    - All methods may be called from any thread of the actor, as often as it likes.
    - `progress`, `checkpoint` and `log` are buffered: they cost microseconds, never wait and never raise. Of several
      progress reports in a second the last one counts.
    - `emit` is not buffered: when it returns, the event is in the bus. It raises TemporaryError when the bus is away.
    - `check` is cheap enough for every folder of a walk. After it raised, nothing the actor does is recorded any more,
      so the actor lets the exception through.
    - Delivery is at least once: the same task may run again, at the same time as an attempt that was taken for dead. An
      actor finds its work done, or does it again with the same end.
    """

    @property
    def id(self) -> str:
        """The run's id."""

    @property
    def task(self) -> str:
        """The task's id: the same in each attempt, so it serves as an idempotency key towards others."""

    @property
    def job(self) -> str:
        """The job's name."""

    @property
    def owner(self) -> str:
        """Whose job it is; `system` for what ships with Rota."""

    @property
    def person(self) -> str | None:
        """Whose doing the run is: who started it, or else the owner of the job; None where that is `system`."""

    @property
    def attempt(self) -> int:
        """Which try of the task this is, from 1."""

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters as the message carried them, before the actor's model read them."""

    @property
    def log(self) -> Log:
        """The log of the run."""

    @property
    def state(self) -> Any:
        """The last checkpoint of an earlier attempt of this task, or None."""

    def progress(self, done: float, total: float | None, unit: str, text: str = "") -> None:
        """Report how far the work is; `total` is None while it is not known."""

    def checkpoint(self, state: Any) -> None:
        """Remember a JSON value of at most 32 KB where the next attempt continues.

        It is kept a moment later than the call, so work done just before a crash may be found undone in it.
        """

    def check(self) -> None:
        """Raise Interrupted if the attempt shall end: cancelled, paused, timed out, shut down, or its lease lost."""

    def confirm(self) -> None:
        """Ask whether this attempt still owns the task, and raise LeaseLost if not.

        `check` believes what the worker knows; this one asks the bus. For right before an effect that cannot be
        repeated; BusUnavailable when the bus is away.
        """

    def emit(self, type: str, data: Any, subject: str | None = None) -> None:  # noqa: A002 -- CloudEvents' own word
        """Publish an event with JSON data; it carries the run's chain, so that jobs don't start each other for ever."""

    def publish(self, draft: str | Path, target: str | Path, *, folder: int | None = None) -> None:
        """Give a finished draft its name: whole or not at all, and only while this attempt owns the task.

        Both lie on one file system; relative paths count from the open folder `folder`, if there is one. A crash may
        leave the draft behind, never half a target. Raises LeaseLost.
        """

    def datasources(self) -> Sequence[str]:
        """Give the names of all datasources that are switched on, sorted."""

    def datasource(self, name: str) -> Datasource:
        """Give the datasource of that name; raises NotFound."""

    def catalog(self, name: str) -> Catalog:
        """Give the catalog of the datasource of that name; raises NotFound."""

    def index(self, name: str) -> SearchIndex:
        """Give the index of the datasource of that name; raises NotFound."""

    def bin(self, name: str) -> BinRecords:
        """Give what is known of the bin of the datasource of that name; raises NotFound."""

    def secret(self, reference: str) -> str:
        """Give the secret behind a reference; raises PermanentError, which never tells it.

        `env:NAME` and `file:/PATH` are looked up on this worker; `sealed:…` is what a person typed when the run was
        started, kept for 7 days. It may raise TemporaryError where it cannot be asked for now.
        """

    def history(self) -> History:
        """Give the history of all runs."""

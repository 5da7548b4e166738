"""The actor `probe`: tries to reach a datasource, as a sync on this worker would, and tells how that went.

The plan: open the storage, verify it, list its root, write a small file of a private name and remove it again. When
asked to, it marks the root: it writes the marker file, or takes over the one that is there, and from then on a storage
without it is taken for absent.

That a storage cannot be reached is the answer, no failure of the run. Nothing is tried twice: somebody is waiting.

A crash may leave the small file behind, which the next probe overwrites and no listing shows, or a marker that nobody
remembers, which the next one takes over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any, Literal

from pydantic import Field

from actors.datasources.opening import hurried, open_storage
from actors.datasources.storage import MARKER, Datasource, Storage, Unlisted
from actors.finding import find_datasource
from actors.params import Params, Result
from actors.registry import actor
from actors.run import Run
from rota.errors import BusUnavailable, PermanentError, StoreUnavailable, TemporaryError
from rota.ids import new_id

TRIAL = b".rota-trial"
"""Name of the file that a probe writes and removes; one that is killed in between leaves it."""
_MARKER_BYTES = 4096
_MOST_SECONDS = 15.0
_FAULTS = (OSError, PermanentError, TemporaryError)
# Ours, not the storage's: the task is tried again.
_OURS = (StoreUnavailable, BusUnavailable)


class ProbeParams(Params):
    """What to try."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    mark: bool = Field(
        default=False, description="Write the marker file, so that any other folder in its place is noticed."
    )


class ProbeResult(Result):
    """How it went; what could not be found out is null."""

    reachable: bool
    milliseconds: int
    entries: int | None = None
    """How many entries the root has."""
    writable: bool | None = None
    marker: Literal["none", "right", "new"] | None = None
    """No marker is expected, the expected one is there, or it was written or taken over just now."""
    capabilities: dict[str, Any] | None = None
    message: str


@actor("probe", queue="sync", timeout="PT5M")
def probe(run: Run, params: ProbeParams) -> ProbeResult:
    """Try to reach a datasource, and tell how that went."""
    datasource = find_datasource(run, params.datasource)
    began = time.monotonic()

    def passed() -> int:
        return max(1, round((time.monotonic() - began) * 1000))

    try:
        with closing(open_storage(_tried(datasource, mark=params.mark), check=run.check)) as storage:
            return _look(run, params, datasource, storage, passed)
    except _OURS:
        raise
    except _FAULTS as error:
        message = "; ".join([_words_of(error), *_advice(datasource, error)])
        run.log.warning(message)
        return ProbeResult(reachable=False, milliseconds=passed(), message=message)


def _look(
    run: Run, params: ProbeParams, datasource: Datasource, storage: Storage, passed: Callable[[], int]
) -> ProbeResult:
    storage.verify()
    listing = storage.list_folder(b"")
    milliseconds = passed()
    if isinstance(listing, Unlisted):
        raise PermanentError(f"its root cannot be listed: {listing.reason}")
    refusal = _mark(run, datasource, storage) if params.mark else _try_to_write(storage)
    marked = params.mark and refusal is None
    count = len(listing.rows)
    told = f"reachable in {milliseconds} ms, {count:,} {'entry' if count == 1 else 'entries'} at the top, "
    told += "writable" if refusal is None else f"not writable ({refusal})"
    if params.mark:
        told += ", marked" if marked else " and so not marked"
    run.log.info(told)
    return ProbeResult(
        reachable=True,
        milliseconds=milliseconds,
        entries=count,
        writable=refusal is None,
        marker="new" if marked else None if params.mark else "none" if datasource.marker is None else "right",
        capabilities=asdict(storage.capabilities),
        message=told,
    )


def _tried(datasource: Datasource, *, mark: bool) -> Datasource:
    """Give the datasource as it is opened: without patience, and without its old marker if it gets a new one."""
    return hurried(replace(datasource, marker=None) if mark else datasource, seconds=_MOST_SECONDS)


def _try_to_write(storage: Storage) -> str | None:
    """Write and remove a small file; say what refused that, or None."""
    try:
        storage.write(TRIAL, [b"written to find out whether it can be\n"])
        storage.delete(TRIAL)
    except _FAULTS as error:
        return _words_of(error)
    return None


def _mark(run: Run, datasource: Datasource, storage: Storage) -> str | None:
    """Make the root have a marker and remember it; say what refused that, or None.

    One that is there already is kept: another datasource of the same folder may rely on it.
    """
    try:
        marker = _marker_in(storage)
        if not marker:
            marker = new_id()
            storage.write(MARKER, [marker.encode() + b"\n"], confirm=run.confirm)
    except _OURS:
        raise
    except _FAULTS as error:
        return _words_of(error)
    run.catalog(datasource.name).remember_marker(marker)
    return None


def _marker_in(storage: Storage) -> str:
    try:
        with storage.open_file(MARKER) as file:
            return file.read(_MARKER_BYTES).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return ""


def _words_of(error: BaseException) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)


def _advice(datasource: Datasource, error: BaseException) -> tuple[str, ...]:
    """Say what to look at where the error does not; a driver that refuses something says itself what is to be done."""
    if isinstance(error, TemporaryError):
        return ("try again in a moment, and check the address and the network",)
    if datasource.kind == "local":
        return ("the folder must be mounted and readable under this path where the workers of its queue run",)
    return () if isinstance(error, PermanentError) else ("check what its account may do there",)

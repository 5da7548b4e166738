"""Opens the storages and the archive, unpacks it, and tells what was made."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from actors.datasources.abilities import Planting
from actors.datasources.opening import open_storage
from actors.datasources.paths import split, text_of
from actors.datasources.retrying import is_temporary
from actors.datasources.storage import Datasource
from actors.finding import find_datasource
from actors.run import Run
from actors.syncing.meter import sized
from actors.transferring.pace import threads_between
from actors.transferring.telling import ChangedFolders, telling
from actors.unpacking.budgets import Budget
from actors.unpacking.folder import unpack_folder
from actors.unpacking.made import Kept, Made
from actors.unpacking.notes import Notes
from actors.unpacking.opening import opened_archive
from actors.unpacking.order import ExtractParams, Order
from actors.unpacking.setting import Extraction
from actors.unpacking.single import unpack_single
from rota.archives import SINGLE
from rota.errors import PermanentError, TemporaryError


def extract_archive(run: Run, params: ExtractParams) -> tuple[Made, Notes]:
    """Unpack what was asked for; gives what was made, and what was noted."""
    order = Order.of(params)
    source = find_datasource(run, params.datasource)
    target = find_datasource(run, params.target_datasource or params.datasource, whole=True)
    changed, notes, kept = ChangedFolders(), Notes(run), Kept(run)
    budget = Budget(order.limits)

    def check() -> None:
        run.check()
        budget.watch()

    with telling(run, target.name, changed), ExitStack() as stack, _told():
        storage = stack.enter_context(closing(open_storage(target, check=run.check)))
        origin = stack.enter_context(closing(open_storage(source, check=run.check))) if order.is_elsewhere else storage
        origin.verify()
        storage.verify()
        made = kept.made_before(storage)
        if made is None:
            extraction = Extraction(
                run=run,
                order=order,
                storage=storage,
                threads=_threads_of(source, target),
                budget=budget,
                kept=kept,
                notes=notes,
                changed=changed,
            )
            # Folders of this machine can have names of any bytes; many other storages cannot.
            keeps_bytes = isinstance(storage, Planting)
            with opened_archive(run, params, origin, order.path, check=check, keeps_bytes=keeps_bytes) as opened:
                made = (unpack_single if opened.format in SINGLE else unpack_folder)(extraction, opened)
        else:
            changed.add(split(made.path.encode("utf-8", "surrogateescape"))[0])
    run.log.info(
        f"unpacked {made.entries:,} entries with {sized(made.bytes)} to {made.path!r} in {target.name};"
        f" {made.skipped:,} were there already, {notes.count:,} notes"
    )
    return made, notes


def _threads_of(source: Datasource, target: Datasource) -> int:
    """Give how many files are written at once: one for each processor between local folders, else as many as go."""
    cores = len(os.sched_getaffinity(0))
    if source.kind == target.kind == "local":
        return cores
    return max(1, threads_between(source, target, spare=1))


@contextmanager
def _told() -> Iterator[None]:
    """Tell what a storage answers as the error that says whether another attempt may help."""
    try:
        yield
    except OSError as error:
        path = f"{text_of(error.filename)!r}: " if isinstance(error.filename, bytes) else ""
        kind = TemporaryError if is_temporary(error) else PermanentError
        raise kind(f"{path}{error.strerror or error}") from error

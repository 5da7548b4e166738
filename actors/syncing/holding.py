"""One sync at a time writes to a catalog: waits for its turn, and stays the holder while it works."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from actors.catalog import Catalog
from actors.holding import kept
from actors.run import Run
from rota.errors import TemporaryError

WAIT_SECONDS = 600.0
"""How long a sync waits while another one is at work."""

_POLL_SECONDS = 0.5


@contextmanager
def held(run: Run, catalog: Catalog, datasource: str) -> Iterator[None]:
    """Hold a catalog for the time of the block.

    Raises TemporaryError when another task held it all the time.
    """
    _wait(run, catalog, datasource)
    with kept(catalog):
        yield


def _wait(run: Run, catalog: Catalog, datasource: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    told = False
    while (holder := catalog.hold(run.task)) is not None:
        if time.monotonic() >= deadline:
            raise TemporaryError(
                f"datasource {datasource!r}: task {holder} has been syncing it for {WAIT_SECONDS / 60:.0f} minutes"
            )
        if not told:
            run.log.info(f"{datasource}: waiting, task {holder} is syncing it")
            told = True
        run.check()
        time.sleep(_POLL_SECONDS)

"""One sync at a time writes to a catalog: waits for its turn, and stays the holder while it works."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from actors.catalog import Catalog
from actors.run import Run
from rota.errors import StoreUnavailable, TemporaryError

WAIT_SECONDS = 600.0
"""How long a sync waits while another one is at work."""

_POLL_SECONDS = 0.5
_KEEP_SECONDS = 15.0  # a quarter of what a holder is believed without a word: three of them may be late


@contextmanager
def held(run: Run, catalog: Catalog, datasource: str) -> Iterator[None]:
    """Hold a catalog for the time of the block.

    Raises TemporaryError when another task held it all the time. It is renewed in the background, because a listing may
    take long and writes nothing; whoever has lost it notices at the next transaction.
    """
    _wait(run, catalog, datasource)
    stopped = threading.Event()
    keeper = threading.Thread(target=_keep, args=(catalog, stopped), name="hold", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopped.set()
        keeper.join()
        # If the store is away nobody else can take it either, and a minute after it came back anybody can.
        with suppress(StoreUnavailable):
            catalog.release()


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


def _keep(catalog: Catalog, stopped: threading.Event) -> None:
    while not stopped.wait(_KEEP_SECONDS):
        try:
            catalog.keep()
        except StoreUnavailable:
            continue  # tried again; the transaction that needs it fails by itself
        except TemporaryError:
            return

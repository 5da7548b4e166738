"""Staying the only one that writes to something, by saying so now and then in the background."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from rota.errors import StoreUnavailable, TemporaryError

KEEP_SECONDS = 15.0
"""A quarter of what a holder is believed without a word: three of them may be late."""


class Held(Protocol):
    """What is held."""

    def keep(self) -> None:
        """Stay the holder; raises TemporaryError when somebody else is by now."""

    def release(self) -> None:
        """Let others write."""


@contextmanager
def kept(held: Held) -> Iterator[None]:
    """Stay the holder of what was taken for the time of the block, and release it then.

    It is renewed in the background, because reading may take long and writes nothing; whoever has lost it notices at
    the next transaction.
    """
    stopped = threading.Event()
    keeper = threading.Thread(target=_keep, args=(held, stopped), name="hold", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopped.set()
        keeper.join()
        # If the store is away nobody else can take it either, and a minute after it came back anybody can.
        with suppress(StoreUnavailable):
            held.release()


def _keep(held: Held, stopped: threading.Event) -> None:
    while not stopped.wait(KEEP_SECONDS):
        try:
            held.keep()
        except StoreUnavailable:
            continue  # tried again; the transaction that needs it fails by itself
        except TemporaryError:
            return

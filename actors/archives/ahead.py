"""Works ahead of its reader in a thread of its own: what is next is made while the last one is used."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """An iterator over the items of another one, which is run in a thread, a few items ahead.

    What it raises is raised by `next`, behind the items that came before. For one reader, who closes it.
    """

    def __init__(self, items: Iterator[T], *, most: int) -> None:
        """Begin at once; `most` items wait for the reader."""
        self._items = items
        self._free = threading.Semaphore(most)
        self._made: SimpleQueue[tuple[T] | BaseException] = SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        made = self._made.get()
        if isinstance(made, BaseException):
            self._made.put(made)  # for whoever asks again
            raise made
        self._free.release()
        return made[0]

    def close(self) -> None:
        """Stop working and wait for the thread; twice is fine."""
        self._is_closed = True
        self._free.release()
        self._thread.join()
        self._made.put(ValueError("it is closed"))  # nobody would come to wake up a reader

    def _work(self) -> None:
        try:
            while self._free.acquire() and not self._is_closed:
                self._made.put((next(self._items),))
        except BaseException as error:
            self._made.put(error)

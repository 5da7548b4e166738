"""An event loop in a thread of its own, for a library that knows no other way, called from ordinary threads."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from threading import RLock, Thread
from typing import Any, TypeVar

from rota.errors import TemporaryError

T = TypeVar("T")


class LoopThread:
    """Runs coroutines of any thread; it begins with the first one and ends with `close`."""

    def __init__(self, name: str, *, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Prepare it; `farewell` is what the loop runs last."""
        self._name = name
        self._farewell = farewell
        # Taken again by the same thread when a file that nobody closed is collected in the middle of `submit`.
        self._lock = RLock()
        self._closed = False
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin a coroutine; raises OSError (EBADF) after `close`."""
        with self._lock:
            if self._closed:
                coroutine.close()
                raise OSError(errno.EBADF, "the storage is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # A daemon: a storage that nobody closed must not keep the process alive.
                self._thread = Thread(target=self._serve, args=(self._loop,), name=self._name, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Give what a coroutine gives; it bounds its own time. Raises TemporaryError if `close` came in between."""
        return self.wait(self.submit(coroutine))

    @staticmethod
    def wait(future: Future[T]) -> T:
        """Give what a coroutine that was begun gives; it is cancelled if the caller is interrupted."""
        try:
            return future.result()
        except CancelledError:
            raise TemporaryError("the storage was closed meanwhile") from None
        finally:
            future.cancel()

    def close(self) -> None:
        """Say farewell, cancel what still runs, end the loop and wait for the thread; twice is fine."""
        with self._lock:
            if not self._closed and self._loop is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
            self._closed = True
        if self._thread is not None:
            self._thread.join()

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        async def until_stopped() -> None:
            await self._stop.wait()
            await self._farewell()

        # The runner cancels all tasks, waits for them and closes the loop, whatever happened.
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(until_stopped())

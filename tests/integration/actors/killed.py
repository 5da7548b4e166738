"""A module of tests that runs an actor in a process of its own, to be killed wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.forking import Forking
from tests.integration.actors.paced import Reins
from tests.waiting import wait_until

_PATIENCE_SECONDS = 120


@contextmanager
def warm(module: str) -> Iterator[Forking]:
    """Give what forks the processes of a module of this folder."""
    forking = Forking(f"tests.integration.actors.{module}", environment={})
    try:
        yield forking
    finally:
        forking.close()


class KilledProcess:
    """Starts the attempts of one task, one process after the other, and kills some."""

    def __init__(self, forking: Forking, folder: Path, given: dict[str, Any], *, each_bytes: int) -> None:
        """`given` goes to the module; what is to be killed is about so many bytes ahead of what is known of it, at most."""
        self._forking = forking
        self._given = given
        self._each_bytes = each_bytes
        self._reins = Reins(folder / "reins")

    def kill_when(self, fact: Callable[[], object], *, after: float = 0.0) -> bool:
        """Start it, and kill it when something is so, or somewhat later; says whether it had not ended by then."""

        def is_time() -> bool:
            if self._forking.has_ended() or fact():
                return True
            reins.loosen()
            return False

        with self._reins as reins:
            self._forking.begin(given={**self._given, "pace": [str(reins.place), self._each_bytes]})
            try:
                wait_until(is_time, timeout=_PATIENCE_SECONDS)
                self._forking.has_ended(within=after)
            finally:
                self._forking.kill()
                ending = self._forking.end()
        assert not ending.error, ending.error
        return ending.killed

    def finish(self) -> dict[str, Any]:
        """Let it go on to the end and give the result."""
        ending = self._forking.ask(given=self._given)
        assert not ending.error, ending.error
        done: dict[str, Any] = ending.answer
        return done

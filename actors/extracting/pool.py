"""Reads the text out of many files in a few child processes.

A file may take its process down: it loops, eats memory, crashes. Then this file is told as failed, another process is
started, and the files that were to come after it are handed to that one. A crash alone proves nothing, because what a
process read before may have left it damaged; so a file is blamed when the second process ends with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

from actors.extracting.crew import Crew
from actors.extracting.extractor import Limits
from actors.extracting.feeding import Key, Source
from actors.extracting.outcomes import Extracted, Failed
from actors.extracting.reading import Reading
from actors.extracting.registry import Registry, load_extractors

__all__ = ["Extractors", "Source"]


class Extractors:
    """Some reading processes, started when there is something to read; closing ends them at once.

    Use it from one thread: the kernel ends the processes with the thread that started them.
    """

    def __init__(self, *, processes: int = 2, limits: Limits | None = None, registry: Registry | None = None) -> None:
        """`registry` is what `load_extractors` gives, unless told otherwise."""
        self.limits = limits or Limits()
        self.registry = registry or load_extractors()
        self._crew = Crew(self.registry, self.limits, processes=processes)

    def __enter__(self) -> Extractors:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def confinement(self) -> str:
        """How the processes are confined, for people; empty until one has started."""
        return self._crew.confinement

    def begin(self) -> None:
        """Start a process ahead of the first file; raises TemporaryError if that is not possible."""
        self._crew.begin()

    def extract(
        self, sources: Iterable[Source[Key]], check: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[Key, Extracted | Failed]]:
        """Read all of these files and give what came of each, once, in any order; few are opened ahead.

        A file of no known type gives an empty text. `check` is called twice a second. What it raises, and what opening
        a file raises other than OSError, goes up, and the processes that still read are ended; so they are when the
        iterator is closed early. Raises TemporaryError when processes cannot be started, or nothing can be opened. One
        call at a time.
        """
        reading = Reading(self._crew, self.registry, self.limits, sources=sources, check=check)
        try:
            yield from reading.outcomes()
        finally:
            reading.close()

    def close(self) -> None:
        """End the processes, whatever they do; twice is fine."""
        self._crew.close()

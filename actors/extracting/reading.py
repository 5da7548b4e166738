"""One pass over many files: hands them to the reading processes, and tells what came of each."""

from __future__ import annotations

import select
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Generic

from actors.extracting.crew import Crew
from actors.extracting.extractor import Limits
from actors.extracting.feeding import Errand, Key, Source, errand_of
from actors.extracting.outcomes import Extracted, Failed, Reason
from actors.extracting.reader import Death, Ended, Reader
from actors.extracting.registry import Registry

# A batch is handed over when one of these is reached: many small files share a call, and few large ones do not wait
# behind each other while another process has nothing to do.
_BATCH_FILES = 32
_BATCH_BYTES = 128 * 1024
_BATCH_DESCRIPTORS = 2
_BATCH_SECONDS = 0.05
_CHECK_SECONDS = 0.5
_MOST_DEATHS = 2
# How libraries in C end when they get no more memory, and the kernel when it has none.
_OUT_OF_MEMORY = frozenset({signal.SIGABRT, signal.SIGTRAP, signal.SIGILL, signal.SIGKILL})
_MUCH_MEMORY = 0.5


class Reading(Generic[Key]):
    """The files of one call and where they are; whoever has it closes it."""

    def __init__(
        self,
        crew: Crew,
        registry: Registry,
        limits: Limits,
        *,
        sources: Iterable[Source[Key]],
        check: Callable[[], None],
    ) -> None:
        """Nothing is opened yet."""
        self._crew = crew
        self._registry = registry
        self._limits = limits
        self._sources = iter(sources)
        self._has_sources = True
        self._again: deque[list[Errand[Key]]] = deque()
        self._open: set[Errand[Key]] = set()
        self._check = check
        self._checked = 0.0

    def outcomes(self) -> Iterator[tuple[Key, Extracted | Failed]]:
        """Read all of them; gives each once."""
        while True:
            while self._crew.has_room and (self._again or self._has_sources):
                batch = self._again.popleft() if self._again else (yield from self._gathered())
                if batch:
                    self._crew.hand(batch)
                # Where files come slowly, what is told meanwhile waits for none of them, and what hangs is seen.
                yield from self._told(wait=0)
            if not self._open:
                return
            yield from self._told(wait=_CHECK_SECONDS)

    def close(self) -> None:
        """Let go of all files, and end the processes that still read one."""
        for reader in self._crew.readers:
            if reader.unanswered:
                self._crew.remove(reader)
        for errand in self._open:
            errand.close()
        self._open.clear()

    def _gathered(self) -> Generator[tuple[Key, Extracted | Failed], None, list[Errand[Key]]]:
        """Take files for one batch; those that need not be read are told meanwhile."""
        batch: list[Errand[Key]] = []
        size = descriptors = 0
        until = time.monotonic() + _BATCH_SECONDS
        while len(batch) < _BATCH_FILES and size < _BATCH_BYTES and descriptors < _BATCH_DESCRIPTORS:
            self._look_up()
            source = next(self._sources, None)
            if source is None:
                self._has_sources = False
                break
            errand = errand_of(source, self._registry, self._limits, self._look_up)
            if isinstance(errand, Errand):
                self._open.add(errand)
                batch.append(errand)
                size += errand.inline_bytes
                descriptors += errand.content is None
            else:
                yield source.key, errand
            # Where files come slowly, nobody waits for a batch to be full.
            if time.monotonic() > until:
                break
        return batch

    def _told(self, *, wait: float) -> Iterator[tuple[Key, Extracted | Failed]]:
        """Wait for the processes, at most so many seconds, and give what they have told."""
        ready, overdue = self._crew.ready(wait)
        self._look_up()
        for reader in overdue:
            yield from self._lost(reader, _too_slow(self._limits))
        for reader, event in ready:
            yield from self._told_by(reader, event)

    def _told_by(self, reader: Reader, event: int) -> Iterator[tuple[Key, Extracted | Failed]]:
        had_started, has_told, is_spent = reader.has_started, False, False
        try:
            if event & select.POLLOUT:
                reader.send_more()
            if event & ~select.POLLOUT:
                for errand, outcome in reader.receive():
                    has_told = True
                    is_spent = is_spent or (isinstance(outcome, Failed) and outcome.reason is Reason.MEMORY)
                    yield self._settled(errand, outcome)
        except Ended as ended:
            yield from self._lost(reader, Failed(Reason.CRASHED, str(ended)) if str(ended) else None)
            return
        if reader.has_started and not had_started:
            self._crew.has_started(reader)
        if is_spent:
            # What it holds of its memory now, the next file would miss.
            self._replace(reader)
        elif not has_told and self._crew.is_overdue(reader):
            # It tells something, but so slowly that nothing comes of it.
            yield from self._lost(reader, _too_slow(self._limits))

    def _lost(self, reader: Reader, failed: Failed | None) -> Iterator[tuple[Key, Extracted | Failed]]:
        """End a process that is gone or stuck; `failed` is what it means for the file, if not its exit code tells."""
        has_started = reader.has_started
        errand: Errand[Key] | None = reader.unanswered.popleft() if has_started and reader.unanswered else None
        death = self._replace(reader)
        if not has_started:
            self._crew.could_not_start(death)
        if errand is None:
            return
        failed = failed or cause_of(death, self._limits)
        if failed.reason is Reason.CRASHED:
            errand.deaths += 1
            if errand.deaths < _MOST_DEATHS:
                self._again.append([errand])
                return
        yield self._settled(errand, failed)

    def _replace(self, reader: Reader) -> Death:
        """End a process and have others read what it has left."""
        if reader.unanswered:
            self._again.append(list(reader.unanswered))
        return self._crew.remove(reader)

    def _settled(self, errand: Errand[Key], outcome: Extracted | Failed) -> tuple[Key, Extracted | Failed]:
        self._open.discard(errand)
        errand.close()
        return errand.key, outcome

    def _look_up(self) -> None:
        now = time.monotonic()
        if now - self._checked >= _CHECK_SECONDS:
            self._checked = now
            self._check()


def cause_of(death: Death, limits: Limits) -> Failed:
    """Give what the end of its process means for a file."""
    code = death.code
    if code is None:
        return Failed(Reason.TIMEOUT, "the process that read it hangs and cannot be ended")
    if code >= 0:
        return Failed(Reason.CRASHED, f"the process that read it ended by itself (exit code {code})")
    if code == -signal.SIGXCPU:
        return _too_slow(limits)
    if -code in _OUT_OF_MEMORY and death.peak_bytes > limits.memory * _MUCH_MEMORY:
        return Failed(Reason.MEMORY, "reading it needs more memory than a file may use")
    return Failed(Reason.CRASHED, f"the process that read it was ended by {_name_of(-code)}")


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _too_slow(limits: Limits) -> Failed:
    return Failed(Reason.TIMEOUT, f"reading it took longer than {limits.seconds:g} s")

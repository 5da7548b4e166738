"""Who digs in a folder of this machine: threads of this process, and helper processes for what turns out large.

Where the disk makes each of them wait, many threads wait together. Where the file system is quick they cannot delete
together, because the interpreter's lock is held between two system calls; processes can. Their start takes as long as
deleting ten thousand files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from actors.datasources.digging import CHECK_SECONDS, ThreadDiggers
from actors.datasources.graves import Answer, Cleared, Laid, Task
from actors.datasources.local.digging import Setup
from actors.datasources.local.graves import Ground, LocalDigger
from actors.datasources.local.helpers import Helper, Helpers
from actors.datasources.openat2 import Opener, open_by_steps

_THREADS = 8
_LIST_ENTRIES = 4_000  # some 30 ms of work
_MOST_ASKED = 4  # lists that a helper has at most
_GLANCE_SECONDS = 0.02
_STEP_COSTS = 20  # see `burials`
_ALONE = 20_000  # a tenth of a second of work or two; starting helpers would take half as long
_MODULE = "actors.datasources.local.digging"
_DUTY = "deletes what is in a bin"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Answer]).decode


class LocalDiggers:
    """Those who dig in one bin; it lets go of the ground when it is closed."""

    list_entries = _LIST_ENTRIES

    def __init__(self, ground: Ground, opener: Opener, *, processes: int) -> None:
        """Begin with threads; with one process there are never any others."""
        self._ground = ground
        self._setup = Setup(by_steps=opener is open_by_steps)
        self._processes = processes
        digger = LocalDigger(ground, opener)
        self._threads = ThreadDiggers(digger.dig, threads=_THREADS, list_entries=_LIST_ENTRIES, at_once=False)
        self._helpers: Helpers[_HelpingDigger] | None = None
        self._seen = 0
        self._is_closed = False

    @property
    def room(self) -> int:
        """How many lists can be asked for now."""
        if self._helpers is not None and self._helpers.have_started:
            return sum(_MOST_ASKED - helper.asked for helper in self._helpers)
        return self._threads.room

    def ask(self, tasks: Sequence[Task]) -> None:
        """Let somebody do these tasks."""
        if self._helpers is None and self._processes > 1 and self._seen >= _ALONE:
            self._helpers = Helpers(self._start, count=self._processes, duty=_DUTY)
        if self._helpers is not None and self._helpers.have_started:
            min(self._helpers, key=lambda helper: helper.asked).ask(tasks)
        else:
            self._threads.ask(tasks)

    def told(self, check: Callable[[], None]) -> Iterator[Answer]:
        """Wait until something is answered, and give all that has come."""
        if self._helpers is None:
            for answer in self._threads.told(check):
                self._seen += _cost(answer)
                yield answer
            return
        while self._threads.are_busy:
            # The last list of a thread may be a folder of a million files: the helpers are not kept waiting for it.
            answers = self._threads.finished(_GLANCE_SECONDS)
            answers += self._read(self._helpers.heard(_GLANCE_SECONDS))
            if answers:
                yield from answers
                return
            check()
        while not (answers := self._read(self._helpers.speaking(check, seconds=CHECK_SECONDS))):
            pass
        yield from answers

    def _read(self, helpers: Iterable[_HelpingDigger]) -> list[Answer]:
        return [answer for helper in helpers for answer in helper.answers()]

    def close(self) -> None:
        """Stop them, whatever they do; twice is fine."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if self._helpers is not None:
                self._helpers.close()
            self._threads.close()
        finally:
            self._ground.close()

    def _start(self) -> _HelpingDigger:
        return _HelpingDigger(self._ground, self._setup)


class _HelpingDigger(Helper):
    """One helper process."""

    def __init__(self, ground: Ground, setup: Setup) -> None:
        super().__init__(_MODULE, ground, _encode(setup), duty=_DUTY)
        self.asked = 0
        """How many lists are not answered yet."""

    def ask(self, tasks: Sequence[Task]) -> None:
        self.asked += 1
        self.put(_encode(tasks))

    def answers(self) -> Iterator[Answer]:
        for frame in self.frames():
            self.asked -= 1
            yield from _decode(frame)


def _cost(answer: Answer) -> int:
    if isinstance(answer, Cleared):
        return sum(remains.entries + _STEP_COSTS for remains in answer.remains)
    return _STEP_COSTS + (answer.remains.entries if isinstance(answer, Laid) else answer.entries)

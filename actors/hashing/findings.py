"""What a verification found: counted, the first ones named, each told in the log as far as there is room."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from actors.datasources.paths import text_of
from actors.hashing.tally import Counts, Tally
from actors.run import Run
from rota.errors import PermanentError

_MOST_LINES = 1000
# All of them go into a checkpoint and into the text of an error.
_MOST_NAMED = 10
_MOST_NAME_CHARACTERS = 100
_MOST_POSITION_CHARACTERS = 8 * 1024
_KEEP_SECONDS = 10.0


class Fault(StrEnum):
    """In what way something is not what it should be."""

    DIFFERENT = "different"  # a file has another content
    MISSING = "missing"  # a file is not there
    EXTRA = "extra"  # a file is there that should not be
    UNREADABLE = "unreadable"  # a file or folder could not be read, or changes all the time
    BAD_LINE = "bad lines"  # a line of the manifest says nothing that can be verified


@dataclass(frozen=True, slots=True)
class Verified:
    """A file is what it should be."""

    size: int


@dataclass(frozen=True, slots=True)
class Differs:
    """Something is not what it should be."""

    fault: Fault
    why: str


@dataclass(frozen=True, slots=True)
class Unread:
    """Something could not be read."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something is left alone on purpose."""

    why: str


Came = Verified | Differs | Unread | Skipped
"""What came of one file."""


class Findings:
    """What was found, all attempts together; for one thread."""

    def __init__(self, run: Run, tally: Tally, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._tally = tally
        self._clock = clock
        self._kept = clock()
        self.counts: dict[Fault, int] = dict.fromkeys(Fault, 0)
        self._named: dict[Fault, list[str]] = {fault: [] for fault in Fault}

    def take(self, path: bytes | str, came: Came) -> None:
        """Count and tell what came of a path, or of a line of the manifest."""
        raw, name = (path, repr(text_of(path))) if isinstance(path, bytes) else (path.encode(), path)
        match came:
            case Verified(size):
                self._tally.add(files=1, verified=1, bytes=size)
            case Skipped(why):
                self._tally.skip(raw, why)
            case Unread(error):
                self._remember(Fault.UNREADABLE, name)
                self._tally.fail(raw, error)
            case Differs(fault, why):
                self._remember(fault, name)
                if self.counts[fault] <= _MOST_LINES:
                    self._run.log.error(f"{name}: {why}")

    def keep(self, position: Any) -> None:
        """Remember now and then that everything up to a position is done."""
        now = self._clock()
        if now - self._kept < _KEEP_SECONDS or len(str(position)) > _MOST_POSITION_CHARACTERS:
            return
        self._kept = now
        counts = {name: count for name, count in asdict(self._tally.counts).items() if name != "folders"}
        found = [[fault.name, self.counts[fault], self._named[fault]] for fault in Fault if self.counts[fault]]
        self._run.checkpoint({"position": position, "counts": counts, "failed": self._tally.failed, "found": found})

    def resume(self, state: Mapping[str, Any] | None) -> Any:
        """Count on from a checkpoint, and give its position; None if there is none."""
        if not state:
            return None
        self._tally.begin(Counts(**state["counts"]), failed=state["failed"])
        for name, count, named in state["found"]:
            self.counts[Fault[name]], self._named[Fault[name]] = count, named
        return state["position"]

    def raise_faults(self, against: str) -> None:
        """Raise for what was found: TemporaryError if there are only files that may be readable later."""
        if not any(self.counts[fault] for fault in Fault if fault is not Fault.UNREADABLE):
            self._tally.raise_failures()
        found = {fault: count for fault, count in self.counts.items() if count}
        if found:
            counts = ", ".join(f"{count:,} {fault}" for fault, count in found.items())
            named = "; ".join(f"{fault}: {self._names(fault)}" for fault in found)
            verified = self._tally.counts.verified
            raise PermanentError(f"not everything is as {against}: {counts}; {verified:,} files are right. {named}")

    def _names(self, fault: Fault) -> str:
        more = self.counts[fault] - len(self._named[fault])
        return ", ".join(self._named[fault]) + (f" and {more:,} more" if more else "")

    def _remember(self, fault: Fault, name: str) -> None:
        self.counts[fault] += 1
        if len(self._named[fault]) < _MOST_NAMED:
            self._named[fault].append(_shortened(name))


def _shortened(name: str) -> str:
    half = _MOST_NAME_CHARACTERS // 2
    return name if len(name) <= _MOST_NAME_CHARACTERS else f"{name[:half]}…{name[-half:]}"

"""Counts what a restore does, and lists what it can list of it."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from dataclasses import dataclass

from actors.datasources.paths import text_of
from actors.params import Result
from actors.run import Run
from actors.syncing.meter import sized
from actors.transferring.tally import Counts, Tally

_MOST_LISTED_BYTES = 20_000
"""Of paths, and as much again of what stayed: a result has 64 KB."""


class KeptItem(Result):
    """An item that stays in the bin."""

    path: str
    """Where it was."""
    why: str


@dataclass(slots=True)
class RestoreCounts(Counts):
    """What a restore counts."""

    restored: int = 0
    entries: int = 0


class RestoreTally(Tally[RestoreCounts]):
    """The counts of a restore, its failures, and its progress."""

    deed = "restored"

    def __init__(self, run: Run, *, total: int) -> None:
        """Begin to count; `total` is how many items there are."""
        super().__init__(run, counts=RestoreCounts())
        self._total = total
        self._done = 0
        self._room = {"kept": _MOST_LISTED_BYTES, "paths": _MOST_LISTED_BYTES}
        self.kept: list[KeptItem] = []
        self.paths: list[str] = []
        self.more = 0

    def settled(self, path: bytes) -> None:
        """Count an item that is at this path now."""
        text = text_of(path)
        if self._has_room("paths", text):
            self.paths.append(text)
        self._next()

    def stays(self, path: bytes, why: str) -> None:
        """Count and tell an item that stays in the bin."""
        text = text_of(path)
        self.run.log.warning(f"{text!r} stays in the bin: {why}")
        if self._has_room("kept", text + why):
            self.kept.append(KeptItem(path=text, why=why))
        self._next()

    def report(self, *, ended: bool = False) -> None:
        """Tell how far it is."""
        text = f"{self.counts.entries:,} entries with {sized(self.counts.bytes)} restored"
        self.run.progress(self._total if ended else self._done, self._total, "items", text)

    def _has_room(self, name: str, text: str) -> bool:
        self._room[name] -= len(text.encode()) + 20
        if self._room[name] < 0:
            self._room[name] = 0
            self.more += 1
            return False
        return True

    def _next(self) -> None:
        self._done += 1
        self.tick()

"""What is told about members that were left out or changed, although the rest was unpacked."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import threading

from actors.datasources.paths import text_of
from actors.params import Result
from actors.run import Run

_MOST_KEPT = 50
_MOST_LINES = 1000
_MOST_CHARACTERS = 8_000  # in all paths together; a result is 64 KB at most, and some characters take six bytes there


class Note(Result):
    """What became of one member."""

    path: str
    note: str


class Notes:
    """The notes of one archive: all are counted, some are logged, a few are kept. Safe in several threads."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._characters = 0
        self.count = 0
        self.kept: list[Note] = []

    def add(self, path: bytes, note: str) -> None:
        """Note something about a member."""
        text = text_of(path)
        with self._lock:
            self.count += 1
            tells = self.count <= _MOST_LINES
            if len(self.kept) < _MOST_KEPT and self._characters + len(text) <= _MOST_CHARACTERS:
                self._characters += len(text)
                self.kept.append(Note(path=text, note=note))
        if tells:
            self._run.log.warning(f"{text!r}: {note}")

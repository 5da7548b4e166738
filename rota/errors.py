"""Errors, named by what the caller must do about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class RotaError(Exception):
    """The root of all errors that Rota raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a definition: where it is, and what is allowed there.

    `path` names the field as a person would write it (`steps[0].with.older_than`); it is empty for the whole text.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidDefinition(RotaError):
    """Raised when a job definition or a setting cannot be accepted; correct every problem it lists and try again."""

    def __init__(self, problems: Iterable[Problem], *, source: str = "") -> None:
        self.problems = tuple(problems)
        self.source = source
        super().__init__(self.problems)

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return f"{self.source or 'definition'} is not valid:\n{listed}"


class InvalidEvent(RotaError):
    """Raised when a published event is not a CloudEvents 1.0 envelope within our bounds; set it aside."""


class InvalidMessage(RotaError):
    """Raised when bytes from the bus are not what they should be; set them aside, reading again will not help."""


class NotFound(RotaError):
    """Raised when what was asked for does not exist."""


class InvalidQuery(RotaError):
    """Raised when a search is not written as it must be; the message says what is allowed there.

    `position` is where it goes wrong in the text, in characters from 0, and `length` how much of it is meant.
    """

    def __init__(self, message: str, position: int, length: int = 1) -> None:
        self.position = position
        self.length = length
        super().__init__(message)


class TooBroad(RotaError):
    """Raised when a search would take too long; ask for something narrower."""


class Conflict(RotaError):
    """Raised when somebody else changed or made the same thing first; read again, then decide."""


class Refused(RotaError):
    """Raised when a request is understood and not granted; `reason` says why to a person."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class QuotaExceeded(Refused):
    """Raised when somebody has as much under way as they may; wait for it, cancel some of it, or ask for less."""

    def __init__(self, reason: str, *, runs: Iterable[str]) -> None:
        self.runs = tuple(runs)
        """Those that are under way, the oldest first."""
        super().__init__(reason)


class TemporaryError(RotaError):
    """Raised when the same attempt may succeed later; `delay_ms` says how much later, if the raiser knows."""

    def __init__(self, message: str = "", *, delay_ms: int | None = None) -> None:
        self.delay_ms = delay_ms
        super().__init__(message)


class PermanentError(RotaError):
    """Raised when trying again cannot help; the task fails at once, whatever retries are left."""


class SearchUnavailable(TemporaryError):
    """Raised when the search's engine cannot be reached or opened; what the catalog has is not touched by it."""


class StoreUnavailable(TemporaryError):
    """Raised when the database cannot be reached or does not answer in time; nothing was written."""


class BusUnavailable(TemporaryError):
    """Raised when Redis cannot be reached or does not answer in time; a script may or may not have run."""


class StreamFull(BusUnavailable):
    """Raised when as many events wait as may, so that none is lost silently; publish again later."""


class StaleEpoch(RotaError):
    """Raised when a scheduler emits under an epoch that is no longer the newest; step down at once."""


class Interrupted(RotaError):
    """Raised inside an actor that has to stop now; let it pass, the worker knows what to report."""


class Cancelled(Interrupted):
    """Raised when a person cancelled the run; the task ends as cancelled."""


class Paused(Interrupted):
    """Raised when a person paused the run; the task continues from its checkpoint when resumed."""


class LeaseLost(Interrupted):
    """Raised when the worker no longer owns the task; another one does, so nothing may be published or reported."""


class ShuttingDown(Interrupted):
    """Raised when the worker stops; the task is handed back and continues elsewhere from its checkpoint."""


class TimedOut(Interrupted):
    """Raised when the attempt used up its time limit; it counts as a failed attempt."""

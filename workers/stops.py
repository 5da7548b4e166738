"""Why an attempt shall end before its body is done."""

from __future__ import annotations

from enum import StrEnum

from rota.errors import Cancelled, Interrupted, LeaseLost, Paused, ShuttingDown, TimedOut


class Stop(StrEnum):
    """A reason to end, in the order of weight: a later one replaces an earlier one, never the other way round."""

    PAUSED = "paused"
    """A person paused the run."""
    SHUTTING_DOWN = "shutting_down"
    """The worker stops or is replaced; the task continues elsewhere."""
    TIMED_OUT = "timed_out"
    """The attempt used up its time limit."""
    CANCELLED = "cancelled"
    """A person cancelled the run."""
    LEASE_LOST = "lease_lost"
    """Another worker has the task, or may have it: nothing may be published or reported any more."""

    def outweighs(self, other: Stop | None) -> bool:
        """Return whether this reason replaces the other one."""
        return other is None or _WEIGHT[self] > _WEIGHT[other]

    def error(self) -> Interrupted:
        """Return what a body is told."""
        error, text = _ERRORS[self]
        return error(text)


class Interruption(BaseException):
    """Raised in the middle of a body that did not look whether it shall end.

    Not an Exception, so that a body that survives the error of one item doesn't survive this too.
    """


_WEIGHT = {stop: weight for weight, stop in enumerate(Stop)}
_ERRORS: dict[Stop, tuple[type[Interrupted], str]] = {
    Stop.PAUSED: (Paused, "the run was paused"),
    Stop.SHUTTING_DOWN: (ShuttingDown, "the worker stops; the task continues elsewhere"),
    Stop.TIMED_OUT: (TimedOut, "the attempt used up its time limit"),
    Stop.CANCELLED: (Cancelled, "the run was cancelled"),
    Stop.LEASE_LOST: (LeaseLost, "the worker no longer owns the task"),
}
_STOPS = {error: stop for stop, (error, _) in _ERRORS.items()}


def stop_of(error: BaseException) -> Stop | None:
    """Return the reason that an error stands for, None for any other error."""
    return next((stop for kind, stop in _STOPS.items() if isinstance(error, kind)), None)

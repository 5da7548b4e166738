"""Who is there: so that one process learns that it is the first, and the system has started."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bus.scripts import Scripts


class Presence:
    """Keeps the members that are alive, by the server's clock; a member that is silent for its time has gone.

    Every method raises BusUnavailable, and may be called again when its answer was lost.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def join(self, member: str, ttl_ms: int, *, alone: bool = False) -> bool:
        """Come, to be believed for `ttl_ms`; return whether nobody else was there.

        Who knows to be `alone` takes those who are still believed for dead.
        `member` is one process's own name. What it says is so for exactly one, which hears it again until it leaves, or
        until another finds nobody there.
        """
        return bool(self._scripts.run("presence", ["join", member, ttl_ms, int(alone)]))

    def stay(self, member: str, ttl_ms: int) -> None:
        """Be believed for another `ttl_ms`; who comes back after its time was over founds nothing anew."""
        self._scripts.run("presence", ["stay", member, ttl_ms, 0])

    def leave(self, member: str) -> None:
        """Go; safe to call twice."""
        self._scripts.run("presence", ["leave", member, 0, 0])

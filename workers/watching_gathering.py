"""What has changed in watched folders and is not told yet, and when it is to be told. Pure; times are monotonic.

Each datasource by itself: a storm in one does not hold up what changes in another.
"""

from __future__ import annotations

from collections.abc import Iterable

from rota.changes import MOST_PATHS, fewer, sayable

#: How long changes are gathered before they are told; the job that hears of them gathers on.
GATHER_SECONDS = 0.5
#: After many events at once as much longer is gathered, up to this: a storm of changes shall not be a run each second.
MOST_GATHER_SECONDS = 10.0


class Gathering:
    """The changed paths of each datasource, in bounds."""

    def __init__(self, *, seconds: float = GATHER_SECONDS) -> None:
        self._seconds = seconds
        self._changed: dict[str, set[bytes]] = {}
        self._due: dict[str, float] = {}
        self._rests_until: dict[str, float] = {}

    @property
    def due_at(self) -> float | None:
        """When the next of it is to be told; None if there is nothing."""
        return min(self._due.values(), default=None)

    def add(self, name: str, paths: Iterable[bytes], *, now: float) -> None:
        """Note that something changed at these paths of a datasource."""
        changed = self._changed.setdefault(name, set())
        changed.update(paths)
        if len(changed) > 10 * MOST_PATHS:
            self._changed[name] = set(fewer(map(sayable, changed)))
        self._due.setdefault(name, max(now + self._seconds, self._rests_until.get(name, now)))

    def forget(self, name: str) -> None:
        """Drop what is known of a datasource."""
        for known in (self._changed, self._due, self._rests_until):
            known.pop(name, None)

    def due(self, now: float) -> dict[str, set[bytes]]:
        """Return what is to be told by now."""
        return {name: self._changed[name] for name, at in self._due.items() if at <= now}

    def told(self, name: str, *, events: int, now: float) -> None:
        """Note that a datasource's changes were told, in so many events."""
        del self._changed[name], self._due[name]
        self._rests_until[name] = now + min(self._seconds * events, MOST_GATHER_SECONDS)

    def put_off(self, until: float) -> None:
        """Tell nothing before this time."""
        self._due = {name: max(at, until) for name, at in self._due.items()}

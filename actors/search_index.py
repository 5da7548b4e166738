"""The index of one datasource, as the actors that keep it see it through their run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from store.records import IndexRecord, StaleFolder
from store.search.engine import Shape, Statistics, Writer


class Unread(NamedTuple):
    """A file that gave no text."""

    document: int
    path: bytes
    reason: str
    """A word from the closed set `actors.extracting.outcomes.Reason`."""
    message: str


class SearchIndex(Protocol):
    """The index of one datasource, for one attempt.

    Promises: only who holds it may write to it, and each call that writes first asks whether this one still holds it;
    StoreUnavailable when the store is away.
    """

    def hold(self, task: str) -> str | None:
        """Become the only one that writes to the index, for a minute; or say which task is.

        The task's own next attempt takes over at once.
        """

    def keep(self) -> None:
        """Stay the holder for another minute; raises TemporaryError when somebody else is by now."""

    def release(self) -> None:
        """Let others write to the index; nothing happens if somebody else does already."""

    def record(self) -> IndexRecord:
        """Give what is remembered of the index; made if it is the first time."""

    def stale(self, *, after: bytes | None = None, limit: int = 1_000) -> Sequence[StaleFolder]:
        """Give the next folders that changed since they were indexed, by path, behind `after`."""

    def settle(self, folders: Sequence[StaleFolder]) -> None:
        """These are indexed as they were when they had these marks; call it after the commit, never before."""

    def mark(self, folders: Iterable[bytes]) -> None:
        """Have these folders indexed again."""

    def begin(self, shape: Shape) -> int:
        """Begin another generation and give its number; it is searched at once if none is so far."""

    def go_live(self, generation: int) -> None:
        """Let the generation that was built be searched from now on."""

    def forget(self) -> None:
        """Let nothing of the datasource be searched any more, and forget what is stale and unread."""

    def writer(self, generation: int, shape: Shape) -> Writer:
        """Open a generation for writing; raises TemporaryError while somebody else does."""

    def statistics(self, generation: int) -> Statistics:
        """Give the size of a generation."""

    def drop_others(self) -> Sequence[int]:
        """Remove the generations that are neither live nor being built, and give their numbers."""

    def drop_leftovers(self) -> Sequence[str]:
        """Remove what the engine keeps of datasources that are gone, whichever they were, and give their names."""

    def settle_unread(self, found: Sequence[Unread], gone: Iterable[int]) -> None:
        """Remember files that gave no text, and forget documents that are gone or gave theirs by now."""

    def unread(self) -> Iterable[Unread]:
        """Give all files that gave no text, by document, read bit by bit."""

    def record_run(self, summary: Mapping[str, Any], size: Statistics) -> None:
        """Remember what this run did, and how large the live generation is."""

    def record_check(self, findings: Mapping[str, Any]) -> None:
        """Remember what this run's check found."""

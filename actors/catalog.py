"""What Rota knows of a datasource, as a sync reads and writes it.

The catalog has a row per entry, and per folder a digest of its last complete listing. A folder whose rows were not all
written has no digest, so the next sync looks into it again: that is the whole of crash recovery.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from actors.syncing.difference import Change, Entry, KnownRow
from rota.errors import TemporaryError

BATCH = 5_000
"""The most changed rows that one transaction writes."""


class Folder(NamedTuple):
    """A folder as the catalog knows it."""

    id: int
    path: bytes
    token: str
    digest: bytes
    """Empty while its rows may be incomplete."""
    entries: int
    """How many rows it had when it was last written whole."""
    prints: bytes = b""
    """Of those rows; empty if there are none or they were not asked for."""


class FolderState(NamedTuple):
    """What is known of a folder once all rows of a complete listing are written."""

    path: bytes
    token: str
    digest: bytes
    entries: int
    bytes: int
    prints: builtins.bytes = b""


class Totals(NamedTuple):
    """How much a catalog has: entries, and the sizes of files."""

    entries: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one transaction writes.

    Folders whose entries go, move away or become something else lose their row with them; `closed` are those that lose
    it although no entry led to them. A folder in which anything changes has no digest afterwards, unless it is among
    `folders`.
    """

    created: Sequence[Entry] = ()
    updated: Sequence[Change] = ()
    touched: Sequence[Change] = ()
    moved: Sequence[Change] = ()
    deleted: Sequence[Entry] = ()
    closed: Sequence[bytes] = ()
    folders: Sequence[FolderState] = ()

    def __len__(self) -> int:
        return (
            len(self.created) + len(self.updated) + len(self.touched) + len(self.moved) + len(self.deleted)
            + len(self.closed) + len(self.folders)
        )  # fmt: skip


def taken_over(datasource: str) -> TemporaryError:
    """Make the error of a writer that somebody else took over from."""
    return TemporaryError(
        f"datasource {datasource!r}: another sync took over from this one, which was silent for too long"
    )


class Catalog(Protocol):
    """The catalog of one datasource, for one pass over it.

    Promises of every form: only who holds it may write to it; `apply` is one transaction, and safe to repeat; folders
    are told as they are when asked for; StoreUnavailable when the store is away.
    """

    def hold(self, task: str) -> str | None:
        """Become the only one that writes to the catalog, for a minute; or say which task is.

        The task's own next attempt takes over at once.
        """

    def keep(self) -> None:
        """Stay the holder for another minute; raises TemporaryError when somebody else is by now."""

    def release(self) -> None:
        """Let others write to the catalog; nothing happens if somebody else does already."""

    def totals(self) -> Totals:
        """Count what is known, by what each folder had when it was last written whole.

        So a folder that was written in part, or changed by a sync of something in it, counts as it was before.
        """

    def last_folder(self) -> int:
        """Give the highest number that a folder has; those that are made from now on have higher ones."""

    def folders(self, paths: Sequence[bytes]) -> Mapping[bytes, Folder]:
        """Give those of these folders that are known."""

    def folders_below(self, path: bytes, *, after: bytes | None = None) -> Iterator[Folder]:
        """Give a folder, if it is known, and all folders below it, by path; read bit by bit, prints not always.

        With `after` only those behind that path, in the order of bytes.
        """

    def rows(self, folders: Sequence[Folder]) -> Mapping[bytes, Sequence[KnownRow]]:
        """Give the rows of these folders by the folder's path, in any order."""

    def rows_in_order(self, folder: Folder) -> Iterator[KnownRow]:
        """Give the rows of one folder by name, read bit by bit; others may be written meanwhile up to where it is."""

    def entry(self, path: bytes) -> KnownRow | None:
        """Give the row at a path, if it is known."""

    def rows_named(self, names: Iterable[tuple[Folder, Sequence[bytes]]]) -> Mapping[bytes, Sequence[KnownRow]]:
        """Give those of these rows that are known by the folder's path, in any order."""

    def apply(self, changes: Changes, *, before_commit: Callable[[], None]) -> None:
        """Write changes and call `before_commit` inside the transaction; if it raises, nothing is written.

        Raises TemporaryError when somebody else holds the catalog by now.
        """

    def record_sync(self, summary: Mapping[str, Any]) -> None:
        """Remember when the datasource was last synced, and what was found."""

    def doubt(self) -> Mapping[str, Any] | None:
        """Give the deletions that wait until somebody confirms them."""

    def record_doubt(self, doubt: Mapping[str, Any] | None) -> None:
        """Remember deletions that were held back, with the run and the time, or that none are."""

    def record_unreachable(self, reason: str, *, before_commit: Callable[[int], None]) -> None:
        """Remember that the datasource cannot be reached.

        If it was reachable so far, `before_commit` is called inside the transaction with the time (ms).
        """

    def record_reached(self) -> None:
        """Remember that the datasource can be reached."""

    def remember_marker(self, marker: str) -> None:
        """Remember what the marker file in the root says."""

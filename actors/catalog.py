"""What Rota knows of a datasource, as a sync reads and writes it.

The catalog has a row per entry, and per folder a digest of its last complete listing. A folder whose rows were not all
written keeps its old digest, so the next sync looks into it again: that is the whole of crash recovery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from actors.syncing.difference import Change, Entry

BATCH = 5_000
"""The most changed rows that one transaction writes."""


class Folder(NamedTuple):
    """A folder as the catalog knows it."""

    id: int
    path: bytes
    token: str
    digest: bytes


class FolderState(NamedTuple):
    """What is known of a folder once all rows of a complete listing are written."""

    path: bytes
    token: str
    digest: bytes
    entries: int
    bytes: int


class Totals(NamedTuple):
    """How much a catalog has: entries, and the sizes of files."""

    entries: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one transaction writes.

    Folders whose entries go, move away or become something else lose their row with them.
    """

    created: Sequence[Entry] = ()
    updated: Sequence[Change] = ()
    touched: Sequence[Change] = ()
    moved: Sequence[Change] = ()
    deleted: Sequence[Entry] = ()
    folders: Sequence[FolderState] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.created or self.updated or self.touched or self.moved or self.deleted or self.folders)

    def in_batches(self) -> Iterator[Changes]:
        """Cut what is too much for one transaction; the folders' digests come last, when all their rows are written."""
        kinds = {
            "created": self.created,
            "updated": self.updated,
            "touched": self.touched,
            "moved": self.moved,
            "deleted": self.deleted,
        }
        if sum(map(len, kinds.values())) <= BATCH:
            yield self
            return
        for kind, rows in kinds.items():
            for start in range(0, len(rows), BATCH):
                part: dict[str, Any] = {kind: rows[start : start + BATCH]}
                yield Changes(**part)
        yield Changes(folders=self.folders)


class Catalog(Protocol):
    """The catalog of one datasource, for one pass over it.

    Promises of every form: `apply` is one transaction; folders may be told as they were when the pass began, entries
    are told as they are; what another sync wrote meanwhile may be written over, never doubled; StoreUnavailable when
    the store is away.
    """

    def totals(self) -> Totals:
        """Count what is known, by what each folder had when it was last written whole.

        So a folder that was written in part, or changed by a sync of something in it, counts as it was before.
        """

    def folders(self, paths: Sequence[bytes]) -> Mapping[bytes, Folder]:
        """Give those of these folders that are known."""

    def folders_below(self, path: bytes) -> Sequence[Folder]:
        """Give a folder, if it is known, and all folders below it, sorted by path."""

    def entries(self, folders: Sequence[Folder]) -> Mapping[bytes, Sequence[Entry]]:
        """Give the entries of these folders by the folder's path, in any order."""

    def entry(self, path: bytes) -> Entry | None:
        """Give the entry at a path, if it is known."""

    def apply(self, changes: Changes, *, before_commit: Callable[[], None]) -> None:
        """Write changes and call `before_commit` inside the transaction; if it raises, nothing is written."""

    def record_sync(self, summary: Mapping[str, Any]) -> None:
        """Remember when the datasource was last synced, and what was found."""

"""Writes changes to a catalog, batch by batch, each announced inside its own transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from actors.catalog import BATCH, Catalog, Changes, FolderState
from actors.datasources.paths import text_of
from actors.run import Run
from actors.syncing.announcing import announce
from actors.syncing.difference import Change, Entry
from actors.syncing.resume import Counts

MOST_EXAMPLES = 20
"""So many changes of each kind are kept as examples."""

Example = dict[str, str]

_MOST_PRINT_BYTES = 4_000_000  # many folders of thousands of entries


class Writer:
    """Gathers changes, writes them in the order in which they came, counts them and keeps some as examples.

    A batch is announced just before it is committed: a crash in between announces it again next time and forgets
    nothing. The digests of folders go with the last of what was gathered. A dry run only counts.
    """

    def __init__(
        self,
        run: Run,
        datasource: str,
        catalog: Catalog,
        *,
        counts: Counts,
        dry_run: bool,
        on_written: Callable[[], None],
    ) -> None:
        self._run = run
        self._datasource = datasource
        self._catalog = catalog
        self._counts = counts
        self._dry_run = dry_run
        self._on_written = on_written
        self._rows: list[tuple[str, Any]] = []
        self._states: list[FolderState] = []
        self._print_bytes = 0
        self.examples: dict[str, list[Example]] = {}
        """The first changes of each kind."""
        self.transactions = 0
        """How many were committed so far."""

    def create(self, entry: Entry) -> None:
        """Write a new entry."""
        self._add("created", entry)

    def create_all(self, entries: Iterable[Entry]) -> None:
        """Write new entries."""
        for entry in entries:
            self._add("created", entry)

    def update(self, change: Change) -> None:
        """Write an entry whose content changed."""
        self._add("updated", change)

    def touch(self, change: Change) -> None:
        """Write an entry of which nothing changed that anybody should hear of."""
        self._add("touched", change)

    def move(self, change: Change) -> None:
        """Write an entry that has another path."""
        self._add("moved", change)

    def delete(self, entry: Entry) -> None:
        """Take an entry out."""
        self._add("deleted", entry)

    def close_folder(self, path: bytes) -> None:
        """Take out a folder that no entry leads to."""
        self._add("closed", path)

    def complete(self, state: FolderState) -> None:
        """Write the digest of a folder, after all rows that were gathered so far."""
        self._states.append(state)
        self._print_bytes += len(state.prints)
        if len(self._states) >= BATCH or self._print_bytes >= _MOST_PRINT_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write all that was gathered."""
        while self._rows or self._states:
            self._write_some()

    def _add(self, kind: str, item: Any) -> None:
        self._rows.append((kind, item))
        if len(self._rows) >= BATCH:
            self._write_some()

    def _write_some(self) -> None:
        rows, self._rows = self._rows[:BATCH], self._rows[BATCH:]
        parts: dict[str, list[Any]] = {}
        for kind, item in rows:
            parts.setdefault(kind, []).append(item)
        if not self._rows:
            parts["folders"], self._states = self._states, []
            self._print_bytes = 0
        self._apply(Changes(**parts))

    def _apply(self, changes: Changes) -> None:
        self._run.check()
        if not self._dry_run:
            self._catalog.apply(changes, before_commit=partial(announce, self._run, self._datasource, changes))
        self.transactions += 1
        self._counts.created += len(changes.created)
        self._counts.updated += len(changes.updated)
        self._counts.moved += len(changes.moved)
        self._counts.deleted += len(changes.deleted)
        # Before anything can end this attempt: what it wrote is counted by the next one too.
        self._on_written()
        for kind in ("created", "updated", "moved", "deleted"):
            self._remember(kind, getattr(changes, kind))

    def _remember(self, kind: str, items: Sequence[Entry | Change]) -> None:
        kept = self.examples.setdefault(kind, []) if items else []
        kept += [_example(item) for item in items[: MOST_EXAMPLES - len(kept)]]


def _example(item: Entry | Change) -> Example:
    entry = item.new if isinstance(item, Change) else item
    example = {"path": text_of(entry.path), "kind": str(entry.row.kind)}
    if isinstance(item, Change) and item.old.path != entry.path:
        example["came_from"] = text_of(item.old.path)
    return example

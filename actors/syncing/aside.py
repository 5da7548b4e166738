"""What waits for the end of a pass, because a gone and a new entry may be one that moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from actors.catalog import FolderState
from actors.datasources.storage import Row
from actors.syncing.difference import Change, Entry
from store.spill import EntryTuple, Spill


class Aside(Spill):
    """The spill in the words of a sync; however much waits, it takes little memory."""

    def gone(self, entries: Iterable[Entry]) -> None:
        """Put aside what the storage no longer has."""
        self.add_gone(map(_flat, entries))

    def new(self, entries: Iterable[Entry]) -> None:
        """Put aside what the catalog does not have yet."""
        self.add_new(map(_flat, entries))

    def replaced(self, change: Change) -> None:
        """Put aside a folder that became something else."""
        self.add_replaced(_flat(change.old), _flat(change.new))

    def complete(self, state: FolderState) -> None:
        """Put aside the new state of a folder that has something put aside."""
        self.add_state(state)

    def arriving(self) -> Iterator[Entry | Change]:
        """Give what is new, and the files and links that moved, by path."""
        for new, old in self.arrivals():
            entry = entry_of(new)
            if old is None:
                yield entry
            else:
                before = entry_of(old)
                yield Change(before, entry._replace(hash=entry.hash or before.hash))

    def leaving(self) -> Iterator[Entry | Change]:
        """Give what is deleted, and the folders that moved or were replaced; what is below first."""
        for old, new in self.departures():
            yield entry_of(old) if new is None else Change(entry_of(old), entry_of(new))


def entry_of(flat: EntryTuple) -> Entry:
    """Make an entry of its columns."""
    return Entry(flat[0], Row._make(flat[1:-1]), flat[-1])


def _flat(entry: Entry) -> EntryTuple:
    return (entry.folder, *entry.row, entry.hash)

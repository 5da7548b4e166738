"""The end of a sync: what was put aside is paired into moves, guarded, looked at again, and written.

Order matters, because a crash may come between any two transactions and the next sync must find what is left: first
what arrives, then what goes, children before the folder that leads to them, and the digests of the folders
concerned last. Until its digest is written, a folder is compared again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from actors.catalog import BATCH, Changes, FolderState
from actors.datasources.guards import doubt_about_deletions
from actors.datasources.paths import text_of
from actors.datasources.storage import Kind, Storage
from actors.syncing.difference import Change, Entry, pair_moves
from actors.syncing.writer import Writer

# New entries wait because they may be moves; beyond this many, those without a pair so far are taken for new.
MOST_WAITING = 200_000


class Settlement:
    """What waits for the end of a pass, and what becomes of it."""

    def __init__(self, storage: Storage, writer: Writer) -> None:
        self._storage = storage
        self._writer = writer
        self._created: list[Entry] = []
        self._created_folders: list[Entry] = []
        self._removals: list[Entry | Change] = []
        self._folders: list[FolderState] = []
        self._kept: set[bytes] = set()
        self.failures: list[str] = []
        """What could not be looked at a second time."""

    def remove(self, item: Entry | Change) -> None:
        """Put aside what is gone, or a folder that became something else; a folder before what was in it."""
        self._removals.append(item)

    def create(self, entries: Sequence[Entry]) -> None:
        """Put aside what is new."""
        for entry in entries:
            (self._created_folders if entry.row.kind == Kind.FOLDER else self._created).append(entry)

    def complete(self, folder: FolderState) -> None:
        """Put aside the new state of a folder that has something put aside."""
        self._folders.append(folder)

    def relieve(self) -> None:
        """Write what is new if there is too much of it; folders go on waiting, they have to be moved last."""
        if len(self._created) > MOST_WAITING:
            moved, created, _ = pair_moves(self._gone(), self._created)
            self._created = []
            self._arrive(moved, created)

    def settle(self, *, known: int, root_is_empty: bool, allow_deletions: bool) -> str | None:
        """Write all that waits; give the doubt that keeps deletions back, if there is one.

        `known` is how many entries the whole datasource had.
        """
        moved, created, deleted = pair_moves(self._gone(), [*self._created_folders, *self._created])
        folders = {change.old.path: change for change in moved if change.new.row.kind == Kind.FOLDER}
        files = [change for change in moved if change.old.path not in folders]
        doubt = None
        if not allow_deletions:
            doubt = doubt_about_deletions(deleted=len(deleted), known=known, root_is_empty=root_is_empty)
        if doubt:
            # What was in these folders stays where it was, so they have to stay as well.
            created += [change.new for change in folders.values()]
        self._arrive(files, created)
        if not doubt:
            self._leave(folders)
            self._writer.write(Changes(folders=[state for state in self._folders if state.path not in self._kept]))
        return doubt

    def _gone(self) -> list[Entry]:
        return [item for item in self._removals if isinstance(item, Entry)]

    def _arrive(self, moved: Sequence[Change], created: list[Entry]) -> None:
        left: list[Change] = []
        for change in moved:
            # Two names of one file: the old one was only missed, so the new one is new.
            if self._is_there(change.old, same=True):
                created.append(change.new)
            else:
                left.append(change)
        self._writer.write(Changes(created=created, moved=left))
        settled = {change.old.path for change in moved}
        self._removals = [item for item in self._removals if isinstance(item, Change) or item.path not in settled]

    def _leave(self, folders: dict[bytes, Change]) -> None:
        backwards = reversed(self._removals)
        while some := list(islice(backwards, BATCH)):
            deleted: list[Entry] = []
            moved: list[Change] = []
            updated: list[Change] = []
            for item in some:
                if isinstance(item, Change):
                    updated.append(item)
                elif item.path in folders:
                    moved.append(folders[item.path])
                elif not self._is_there(item, same=False):
                    deleted.append(item)
            self._writer.write(Changes(deleted=deleted, moved=moved, updated=updated))

    def _is_there(self, entry: Entry, *, same: bool) -> bool:
        """Look a second time: a listing may miss what is renamed while it is read.

        With `same` only the very same file counts, not another one at its place.
        """
        try:
            row = self._storage.stat(entry.path)
        except OSError as error:
            self.failures.append(f"cannot look at {text_of(entry.path)}: {error.strerror or error}")
        else:
            if row is None or (same and row.inode != entry.row.inode):
                return False
        # Its row stays, so its folder has to be compared again next time.
        self._kept.add(entry.folder)
        return True

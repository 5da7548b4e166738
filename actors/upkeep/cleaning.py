"""What the parts of a clean-up share, and how they remove something."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from dataclasses import dataclass, field

from actors.datasources.paths import text_of
from actors.datasources.storage import Kind, Row, Storage
from actors.datasources.trees import remove
from actors.run import Run
from actors.transferring.telling import ChangedFolders
from actors.upkeep.leftovers import Ages
from rota.errors import TemporaryError

_MOST_LINES = 1000


@dataclass(slots=True)
class Counts:
    """What a clean-up found."""

    drafts: int = 0
    uploads: int = 0
    infos: int = 0
    bytes: int = 0
    restored: int = 0
    kept: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """One clean-up of a storage; for one thread."""

    run: Run
    datasource: str
    storage: Storage
    ages: Ages
    dry_run: bool
    counts: Counts = field(default_factory=Counts)
    changed: ChangedFolders = field(default_factory=ChangedFolders)

    def remove(self, path: bytes, row: Row) -> bool:
        """Delete a file or an empty folder if it still is what it was when it was listed; says whether it is gone.

        What cannot be deleted is told and counted.
        """
        self.run.check()
        try:
            there = self.storage.stat(path)
            if there is None:
                return False
            if (there.kind, there.size, there.modified_ns) != (row.kind, row.size, row.modified_ns):
                self.counts.kept += 1
                return False
            if not self.dry_run:
                self.storage.delete(path)
        except (OSError, TemporaryError) as error:
            self.fail(path, error)
            return False
        self.counts.bytes += row.size if row.kind == Kind.FILE else 0
        self.say(f"{text_of(path)!r} {'would be' if self.dry_run else 'is'} removed")
        return True

    def remove_tree(self, path: bytes) -> bool:
        """Delete a tree with all that is in it; says whether it is gone. What cannot be deleted is told and counted."""
        self.run.check()
        try:
            if not self.dry_run:
                self.counts.bytes += remove(self.storage, path, check=self.run.check)
        except (OSError, TemporaryError) as error:
            self.fail(path, error)
            return False
        self.say(f"{text_of(path)!r} {'would be' if self.dry_run else 'is'} removed with all that is in it")
        return True

    def fail(self, path: bytes, error: OSError | TemporaryError | str) -> None:
        """Count and tell what could not be looked at or removed; the rest goes on."""
        self.counts.failed += 1
        if self.counts.failed <= _MOST_LINES:
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            self.run.log.error(f"{text_of(path)!r} stays: {reason}")

    def say(self, message: str) -> None:
        """Tell what was done; of thousands the first ones."""
        counts = self.counts
        if counts.drafts + counts.uploads + counts.infos + counts.restored < _MOST_LINES:
            self.run.log.info(message)

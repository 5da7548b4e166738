"""Removes drafts that nobody writes any more, and puts back what was set aside for one that never came."""

from __future__ import annotations

from typing import NamedTuple

from actors.datasources.drafts import DraftKind, DraftName
from actors.datasources.paths import join, text_of
from actors.datasources.storage import Kind, Listing, Row, Unlisted
from actors.upkeep.cleaning import Cleaning
from actors.upkeep.leftovers import RESTORED_AFTER_MS, draft_at
from rota.errors import TemporaryError

_BATCH = 200


class _Found(NamedTuple):
    folder: bytes
    row: Row
    draft: DraftName


class Drafts:
    """Goes through the drafts of a storage as the folders are listed that they are in."""

    def __init__(self, cleaning: Cleaning) -> None:
        self._cleaning = cleaning
        self._storage = cleaning.storage
        self._counts = cleaning.counts
        self._asked: list[_Found] = []
        """Drafts that tasks keep: whether these have ended is asked for many at once."""
        self.wanted: set[str] = set()
        """The digests of those paths for which an open task keeps a draft."""

    def visit(self, listing: Listing) -> None:
        """Clean one folder, but for the drafts of tasks; `finish` does those."""
        for row in listing.rows:
            draft = draft_at(row)
            if draft is None:
                continue
            found = _Found(listing.path, row, draft)
            if draft.kind is DraftKind.ASIDE:
                self._visit_aside(found)
            elif draft.kind is DraftKind.WRITTEN:
                self._remove(found)
            else:
                self._asked.append(found)
                if len(self._asked) >= _BATCH:
                    self.finish()

    def finish(self) -> None:
        """Clean up after the tasks that have ended."""
        asked, self._asked = self._asked, []
        if not asked:
            return
        is_open = set(self._cleaning.run.history().open_tasks([found.draft.id for found in asked]))
        for found in asked:
            if found.draft.id in is_open:
                self.wanted.add(found.draft.digest)
                self._counts.kept += 1
            else:
                self._remove(found)

    def _remove(self, found: _Found) -> None:
        if not self._cleaning.ages.is_old(found.draft.started_ms, found.row.modified_ns):
            self._counts.kept += 1
        elif found.draft.kind is DraftKind.TREE:
            self._counts.drafts += self._cleaning.remove_tree(join(found.folder, found.row.name))
        elif self._cleaning.remove(join(found.folder, found.row.name), found.row):
            self._counts.drafts += 1

    def _visit_aside(self, found: _Found) -> None:
        """Look into a folder in which a file was set aside, and remove the folder once nothing is in it."""
        aside = join(found.folder, found.row.name)
        if not self._is_older(found, RESTORED_AFTER_MS):
            self._counts.kept += 1
            return
        try:
            listing = self._storage.list_folder(aside)
            if isinstance(listing, Unlisted):
                self._cleaning.fail(aside, listing.reason)
                return
            # Each is looked at, whatever became of the others.
            left = [row for row in listing.rows if not self._settle(found, aside, row)]
            if left or listing.special:
                self._counts.kept += 1
            elif not self._cleaning.dry_run:
                self._storage.delete(aside)
        except (OSError, TemporaryError) as error:
            self._cleaning.fail(aside, error)

    def _settle(self, found: _Found, aside: bytes, row: Row) -> bool:
        """Put a file back to its place, or remove it where another one has that; says whether it is gone from here."""
        path, target = join(aside, row.name), join(found.folder, row.name)
        if row.kind == Kind.FOLDER:
            return False
        if self._storage.stat(target) is not None:
            # The new content came; this is the old one.
            is_gone = self._is_older(found) and self._cleaning.remove(path, row)
            self._counts.drafts += is_gone
            return is_gone
        self._cleaning.run.check()
        if not self._cleaning.dry_run:
            self._storage.rename(path, target)
            self._cleaning.changed.add(found.folder)
        self._counts.restored += 1
        self._cleaning.say(f"{text_of(target)!r} {'would be' if self._cleaning.dry_run else 'is'} put back")
        return True

    def _is_older(self, found: _Found, than_ms: int | None = None) -> bool:
        return self._cleaning.ages.is_old(found.draft.started_ms, found.row.modified_ns, than_ms=than_ms)

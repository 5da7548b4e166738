"""Removes the plans of renamings that nobody comes back for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from actors.datasources.paths import join
from actors.datasources.storage import Kind, Row, Unlisted, Why
from actors.renaming.kept import FOLDER
from actors.upkeep.cleaning import Cleaning
from rota.ids import made_at

_AT_ONCE = 500


class Plans:
    """Goes through the plans that tasks keep in a storage while they rename."""

    def __init__(self, cleaning: Cleaning) -> None:
        self._cleaning = cleaning

    def clean(self) -> None:
        """Remove the old ones of tasks that have ended."""
        found = self._cleaning.storage.list_folder(FOLDER)
        if isinstance(found, Unlisted):
            if found.why is not Why.VANISHED:
                self._cleaning.fail(FOLDER, found.reason)
            return
        plans = _of_tasks(found.rows)
        while some := list(islice(plans, _AT_ONCE)):
            is_open = set(self._cleaning.run.history().open_tasks([row.name.decode() for row in some]))
            for row in some:
                if row.name.decode() in is_open or not self._is_old(row):
                    self._cleaning.counts.kept += 1
                elif self._cleaning.remove(join(FOLDER, row.name), row):
                    self._cleaning.counts.drafts += 1

    def _is_old(self, row: Row) -> bool:
        return self._cleaning.ages.is_old(made_at(row.name.decode()) or 0, row.modified_ns)


def _of_tasks(rows: Iterable[Row]) -> Iterator[Row]:
    """Give those that have the name of a task; another one's files are left alone."""
    for row in rows:
        if row.kind == Kind.FILE and row.name.isascii() and made_at(row.name.decode()) is not None:
            yield row

"""Writes changes to a catalog, batch by batch, each announced inside its own transaction."""

from __future__ import annotations

from functools import partial

from actors.catalog import Catalog, Changes
from actors.run import Run
from actors.syncing.announcing import announce
from actors.syncing.resume import Counts


class Writer:
    """Writes and counts.

    A batch is announced just before it is committed: a crash in between announces it again next time and forgets
    nothing. A dry run only counts.
    """

    def __init__(self, run: Run, datasource: str, catalog: Catalog, *, counts: Counts, dry_run: bool) -> None:
        self._run = run
        self._datasource = datasource
        self._catalog = catalog
        self._counts = counts
        self._dry_run = dry_run

    def write(self, changes: Changes) -> None:
        """Write, announce and count changes; stops between two batches when the run shall end."""
        for batch in changes.in_batches():
            self._run.check()
            if not self._dry_run and not batch.is_empty:
                self._catalog.apply(batch, before_commit=partial(announce, self._run, self._datasource, batch))
            self._counts.created += len(batch.created)
            self._counts.updated += len(batch.updated)
            self._counts.moved += len(batch.moved)
            self._counts.deleted += len(batch.deleted)

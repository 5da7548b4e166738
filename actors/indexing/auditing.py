"""Compares an index with its catalog from end to end, in both directions, and says and mends what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from actors.catalog import Catalog, Folder
from actors.indexing.choosing import Chooser
from actors.indexing.comparing import Comparison
from actors.indexing.draining import Draining
from actors.indexing.side import Side
from actors.run import Run
from actors.search_index import SearchIndex
from store.batches import batches

_FOLDERS_AT_ONCE = 200


@dataclass(slots=True)
class Findings:
    """What differed."""

    missing: int = 0
    """Entries that the index did not have."""
    surplus: int = 0
    """Documents that the catalog had no entry for."""
    folders: int = 0
    """Folders in which something differed."""
    repaired: int = 0
    """Of them, those that were mended."""
    unread: int = 0
    """Files that gave no text, as far as they are there."""

    def to_json(self) -> dict[str, Any]:
        """Give them as what is remembered of a check."""
        return asdict(self)


class Audit:
    """One comparison of one generation with the catalog.

    What changes meanwhile is no difference: it is noted as stale in the transaction of the change, so a folder that is
    stale after it was compared proves nothing, and is left to those who bring changes in.
    """

    def __init__(
        self,
        run: Run,
        catalog: Catalog,
        index: SearchIndex,
        side: Side,
        *,
        chooser: Chooser,
        draining: Draining,
        repairs: bool,
        on_difference: Callable[[bytes, int, int], None],
        on_rows: Callable[[int], None],
    ) -> None:
        """`on_difference` is told the folder, and how much is missing and surplus in it."""
        self._run = run
        self._catalog = catalog
        self._index = index
        self._side = side
        self._chooser = chooser
        self._draining = draining
        self._repairs = repairs
        self._on_difference = on_difference
        self._on_rows = on_rows
        self.findings = Findings()

    def compare(self) -> Findings:
        """Go through all folders of the catalog, and then through those that only the index has."""
        self._draining.drain()
        for folders in batches(self._catalog.folders_below(b""), _FOLDERS_AT_ONCE):
            self._look_at([folder.path for folder in folders])
            self._on_rows(sum(folder.entries for folder in folders))
        for paths in batches(self._side.folders(), _FOLDERS_AT_ONCE):
            there = self._catalog.folders(paths)
            self._look_at([path for path in paths if path not in there])
        return self.findings

    def _look_at(self, paths: Sequence[bytes]) -> None:
        self._run.check()
        if not any(True for _ in self._differing(paths)):
            return
        # Some of it may be changes of just now.
        self._draining.drain()
        found = list(self._differing(paths))
        stale = self._stale()
        wrong = [each for each in found if each[0] not in stale]
        for path, missing, surplus in wrong:
            self.findings.folders += 1
            self.findings.missing += missing
            self.findings.surplus += surplus
            self._on_difference(path, missing, surplus)
        if wrong and self._repairs:
            self._index.mark([path for path, _, _ in wrong])
            self._draining.drain()
            self.findings.repaired += len(wrong)

    def _differing(self, paths: Sequence[bytes]) -> Iterator[tuple[bytes, int, int]]:
        """Give the folders that differ now, with how much is missing and surplus."""
        folders = self._catalog.folders(paths)
        known = self._side.known(paths)
        for path in paths:
            comparison = Comparison(path, known[path], self._chooser)
            missing = sum(1 for _ in comparison.missing(self._rows(folders.get(path))))
            if missing or comparison.gone:
                yield path, missing, len(comparison.gone)

    def _rows(self, folder: Folder | None) -> Iterable[Any]:
        return () if folder is None else self._catalog.rows_in_order(folder)

    def _stale(self) -> set[bytes]:
        """Give the folders that changed since they were brought in."""
        found: set[bytes] = set()
        after: bytes | None = None
        while page := self._index.stale(after=after):
            found |= {each.path for each in page}
            after = page[-1].path
        return found

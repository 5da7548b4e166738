"""Verifies files against the hashes that the catalog has of them."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from actors.catalog import Catalog
from actors.datasources.paths import split
from actors.datasources.storage import Kind
from actors.hashing.algorithms import ALGORITHMS
from actors.hashing.checking import digests, judged, verdict
from actors.hashing.findings import Came, Differs, Fault, Findings, Skipped
from actors.hashing.ordering import InOrder
from actors.hashing.setting import Setting
from actors.syncing.difference import Entry, known_entry
from rota.errors import PermanentError


class _Task(NamedTuple):
    number: int
    """Which of the paths that were asked for it belongs to."""
    entry: Entry


class AgainstCatalog:
    """Reads every file of which the catalog has a hash, and that still looks as it did when that was made.

    A file that was changed since, or that is new, is the next sync's matter: what is looked for here is content that
    became another one although nobody wrote it.
    """

    def __init__(self, setting: Setting, findings: Findings, *, catalog: Catalog, paths: Sequence[bytes]) -> None:
        self._setting = setting
        self._findings = findings
        self._catalog = catalog
        self._paths = paths
        self._storage = setting.storages[0]
        self._digest = digests(setting, self._storage)
        self._last: tuple[int, bytes] | None = None
        self._unknown = 0

    def execute(self, position: object) -> None:
        """Verify all entries behind a position: the number of a path that was asked for, and a folder in it."""
        crew: InOrder[_Task, Came] = InOrder(
            self._setting.threads, self._check, done=self._done, at_once=self._setting.at_once
        )
        is_known = position is not None
        for task in self._tasks(position):
            is_known = True
            crew.give(task, size=task.entry.row.size)
        crew.finish()
        if self._unknown:
            self._setting.run.log.warning(f"the catalog has no hash of {self._unknown:,} files")
        if not is_known:
            raise PermanentError("the catalog has no hash of these files: a sync that reads contents makes them")

    def _tasks(self, position: object) -> Iterator[_Task]:
        first, after = (position[0], bytes.fromhex(position[1])) if isinstance(position, list) else (0, None)
        for number, path in enumerate(self._paths[first:], start=first):
            for entry in self._entries(path, after):
                if entry.row.kind != Kind.FILE:
                    continue
                if (entry.hash or "").partition(":")[0] in ALGORITHMS:
                    yield _Task(number, entry)
                else:
                    self._unknown += 1
            after = None

    def _entries(self, path: bytes, after: bytes | None) -> Iterator[Entry]:
        known = self._catalog.entry(path) if path else None
        if known is not None and known[1] == Kind.FILE:
            yield known_entry(split(path)[0], known)
            return
        for folder in self._catalog.folders_below(path, after=after):
            for row in self._catalog.rows_in_order(folder):
                yield known_entry(folder.path, row)

    def _check(self, task: _Task) -> Came:
        entry = task.entry
        return verdict(lambda: self._compared(entry))

    def _compared(self, entry: Entry) -> Came:
        row = self._setting.repeats.call(lambda: self._storage.stat(entry.path))
        if row is None:
            return Differs(Fault.MISSING, "it is not there")
        if (row.kind, row.size) != (entry.row.kind, entry.row.size) or not _is_same(entry, row.etag, row.modified_ns):
            return Skipped("changed since it was synced")
        algorithm, _, expected = (entry.hash or "").partition(":")
        return judged(self._digest(entry.path, row, algorithm), expected)

    def _done(self, task: _Task, came: Came) -> None:
        place = (task.number, task.entry.folder)
        if self._last is not None and self._last != place:
            # They come in order, so all of the folder before is done.
            self._findings.keep([self._last[0], self._last[1].hex()])
        self._last = place
        self._findings.take(task.entry.path, came)


def _is_same(entry: Entry, etag: str, modified_ns: int) -> bool:
    """Say whether a file still is what was synced: by its etag, or by its time where there is none."""
    return entry.row.etag == etag if entry.row.etag and etag else entry.row.modified_ns == modified_ns

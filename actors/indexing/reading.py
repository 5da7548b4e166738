"""Reads the text out of files of a datasource, and notices files that are not there any more or are not what they were.

The storage is opened when the first file is read, and reading processes are started when it is known that one will be:
a run that needs no text needs neither.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import io
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import BinaryIO

from actors.datasources.opening import open_storage
from actors.datasources.paths import join, text_of
from actors.datasources.storage import Datasource, Storage
from actors.extracting.outcomes import Extracted, Failed
from actors.extracting.pool import Extractors, Source
from actors.extracting.registry import Registry
from actors.indexing.comparing import Wanted
from actors.indexing.fetching import fetched_ahead
from actors.run import Run
from rota.errors import PermanentError, TemporaryError

_MOST_PROCESSES = 4
_MOST_LINES = 20
_MOST_CHANGED = 1_000


class Reader:
    """Reads files for one run; close it."""

    def __init__(self, run: Run, datasource: Datasource, registry: Registry) -> None:
        self._run = run
        self._datasource = datasource
        self._registry = registry
        self._storage: Storage | None = None
        self._extractors: Extractors | None = None
        self._lines = 0
        self.changed: set[bytes] = set()
        """Folders in which files are gone, or are not what the catalog says; the root for too many."""

    def begin(self) -> None:
        """Start a process that reads, because files will come: it takes a while, and meanwhile there is other work."""
        if self._extractors is None:
            processes = min(_MOST_PROCESSES, len(os.sched_getaffinity(0)))
            self._extractors = Extractors(processes=processes, registry=self._registry)
            self._extractors.begin()

    def read(self, wanted: Iterable[Wanted]) -> Iterator[tuple[Wanted, Extracted | Failed]]:
        """Read the files of these entries and give what came of each, in any order; they are asked for as needed.

        Raises TemporaryError when the storage as a whole is away.
        """
        storage, extractors = self._opened()
        sources: Generator[Source[Wanted], None, None] = (
            Source(each, each.row[0], each.row[2], partial(self._open, storage, each)) for each in wanted
        )
        if self._datasource.kind != "local":
            sources = fetched_ahead(sources, in_flight=storage.capabilities.in_flight)
        with closing(sources):
            for each, outcome in extractors.extract(sources, self._run.check):
                if isinstance(outcome, Failed):
                    self._tell(each, outcome)
                yield each, outcome

    def close(self) -> None:
        """Let go of the storage and end the reading processes; twice is fine."""
        extractors, self._extractors = self._extractors, None
        storage, self._storage = self._storage, None
        try:
            if extractors is not None:
                if extractors.confinement:
                    self._run.log.debug(extractors.confinement)
                extractors.close()
        finally:
            if storage is not None:
                storage.close()

    def _opened(self) -> tuple[Storage, Extractors]:
        if self._storage is None:
            try:
                self._storage = open_storage(self._datasource, check=self._run.check)
            except PermanentError as error:
                raise _away(error) from error
            self._verify(self._storage)
        self.begin()
        assert self._extractors is not None
        return self._storage, self._extractors

    def _verify(self, storage: Storage) -> None:
        """Make sure that it is the right one: of a folder that nothing is mounted on every file would be gone."""
        try:
            storage.verify()
        except PermanentError as error:
            raise _away(error) from error

    def _open(self, storage: Storage, wanted: Wanted) -> BinaryIO:
        path = join(wanted.folder, wanted.row[0])
        try:
            file = storage.open_file(path)
        except (FileNotFoundError, NotADirectoryError):
            self._verify(storage)
            self._note_change(wanted.folder)
            raise
        except PermanentError as error:
            raise _away(error) from error
        if _differs(file, wanted):
            # What it has now is worth more than nothing; the catalog is to follow.
            self._note_change(wanted.folder)
        return file

    def _note_change(self, folder: bytes) -> None:
        self.changed.add(folder)
        if len(self.changed) > _MOST_CHANGED:
            self.changed = {b""}

    def _tell(self, wanted: Wanted, failed: Failed) -> None:
        self._lines += 1
        if self._lines <= _MOST_LINES:
            path = text_of(join(wanted.folder, wanted.row[0]))
            self._run.log.warning(f"{path}: no text, {failed.reason}: {failed.message}")
        if self._lines == _MOST_LINES:
            self._run.log.warning("further files without text are listed with the datasource")


def _differs(file: BinaryIO, wanted: Wanted) -> bool:
    """Say whether a file of this machine is surely not what the catalog says; of others it is not known."""
    raw = file.raw if isinstance(file, io.BufferedReader) else file
    if not isinstance(raw, io.FileIO):
        return False
    status = os.fstat(raw.fileno())
    return (status.st_size, status.st_mtime_ns) != (wanted.row[2], wanted.row[3])


def _away(error: PermanentError) -> TemporaryError:
    """Make an error that is tried again: what was read is in the index, and what was not is still known as stale."""
    return TemporaryError(str(error))

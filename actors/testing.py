"""Twins for testing actors without a server: a run that records, and a catalog in memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from actors.bin_records import BinRecords
from actors.catalog import Catalog, Changes, Folder, FolderState, Totals, taken_over
from actors.datasources.bins import Recycled
from actors.datasources.paths import split
from actors.datasources.storage import Datasource, Kind
from actors.history import History
from actors.search_index import SearchIndex
from actors.syncing.difference import Entry, KnownRow
from actors.testing_bin import MemoryBin
from rota.errors import Interrupted, NotFound, PermanentError


class Said(NamedTuple):
    """One event that was emitted."""

    type: str
    data: Any
    subject: str | None


class Progressed(NamedTuple):
    """One report of progress."""

    done: float
    total: float | None
    unit: str
    text: str


class RecordingLog:
    """A log that keeps its lines as `(level, message)`."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def debug(self, message: str) -> None:
        """Keep a line."""
        self.lines.append(("debug", message))

    def info(self, message: str) -> None:
        """Keep a line."""
        self.lines.append(("info", message))

    def warning(self, message: str) -> None:
        """Keep a line."""
        self.lines.append(("warning", message))

    def error(self, message: str) -> None:
        """Keep a line."""
        self.lines.append(("error", message))


class RecordingRun:
    """A run that keeps what an actor reports; `interrupt` makes its next `check` raise.

    Checkpoints and events go through JSON, as they do in a worker, so what has no JSON form fails here too.
    """

    def __init__(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        state: Any = None,
        datasources: Sequence[Datasource] = (),
        catalogs: Callable[[str], Catalog] | None = None,
        indexes: Callable[[str], SearchIndex] | None = None,
        bins: Callable[[str], BinRecords] | None = None,
        history: History | None = None,
        secrets: Mapping[str, str] | None = None,
        attempt: int = 1,
        task: str = "01900000-0000-7000-8000-000000000002",
        id: str = "01900000-0000-7000-8000-000000000001",  # noqa: A002 -- the attribute's name
    ) -> None:
        self.id = id
        self.task = task
        self.job = "test"
        self.owner = "system"
        self.person: str | None = None
        self.attempt = attempt
        self.params: Mapping[str, Any] = params or {}
        self.state = state
        self.log = RecordingLog()
        self.reports: list[Progressed] = []
        self.checkpoints: list[Any] = []
        self.events: list[Said] = []
        self.recycled: list[tuple[str, Recycled]] = []
        self.checks = 0
        self.on_check: Callable[[int], None] | None = None
        """Called with the number of the check, for tests that act or interrupt at one moment."""
        self._datasources = {datasource.name: datasource for datasource in datasources}
        self._catalogs = catalogs
        self._indexes = indexes
        self._bins = bins
        self._history = history
        self._secrets = secrets or {}
        self._kept: dict[str, MemoryCatalog] = {}
        self._kept_bins: dict[str, MemoryBin] = {}
        self._interruption: Interrupted | None = None

    def interrupt(self, reason: Interrupted) -> None:
        """Make every later `check` raise this."""
        self._interruption = reason

    def progress(self, done: float, total: float | None, unit: str, text: str = "") -> None:
        """Keep a report."""
        self.reports.append(Progressed(done, total, unit, text))

    def checkpoint(self, state: Any) -> None:
        """Keep a checkpoint."""
        self.checkpoints.append(msgspec.json.decode(msgspec.json.encode(state)))

    def check(self) -> None:
        """Raise what `interrupt` was given."""
        self.checks += 1
        if self.on_check is not None:
            self.on_check(self.checks)
        if self._interruption is not None:
            raise self._interruption

    def confirm(self) -> None:
        """Raise what `interrupt` was given."""
        if self._interruption is not None:
            raise self._interruption

    def emit(self, type: str, data: Any, subject: str | None = None) -> None:  # noqa: A002 -- CloudEvents' own word
        """Keep an event."""
        self.events.append(Said(type, msgspec.json.decode(msgspec.json.encode(data)), subject))

    def publish(self, draft: str | Path, target: str | Path, *, folder: int | None = None) -> None:
        """Give a draft its name, unless interrupted."""
        self.confirm()
        os.rename(draft, target, src_dir_fd=folder, dst_dir_fd=folder)

    def datasources(self) -> Sequence[str]:
        """Give the names of the datasources it was made with."""
        return sorted(self._datasources)

    def datasource(self, name: str) -> Datasource:
        """Give one of the datasources it was made with."""
        if name not in self._datasources:
            raise NotFound(f"there is no datasource {name!r}")
        return self._datasources[name]

    def catalog(self, name: str) -> Catalog:
        """Give the catalog of a datasource: one in memory, unless it was made with others."""
        self.datasource(name)
        if self._catalogs is not None:
            return self._catalogs(name)
        return MemoryCatalog(self._kept.setdefault(name, MemoryCatalog()))

    def index(self, name: str) -> SearchIndex:
        """Give the index of a datasource, as the test that made this run keeps it."""
        self.datasource(name)
        if self._indexes is None:
            raise NotFound(f"this run was made without an index of {name!r}")
        return self._indexes(name)

    def bin(self, name: str) -> BinRecords:
        """Give the records of a bin: some in memory, unless it was made with others; `recycled` has what was added."""
        self.datasource(name)
        if self._bins is not None:
            return self._bins(name)
        kept = self._kept_bins.setdefault(name, MemoryBin())
        return MemoryBin(kept, run=self.id, task=self.task, on_add=lambda item: self.recycled.append((name, item)))

    def secret(self, reference: str) -> str:
        """Give one of the secrets that it was made with."""
        if reference not in self._secrets:
            raise PermanentError("there is no such secret")
        return self._secrets[reference]

    def history(self) -> History:
        """Give the history that it was made with."""
        if self._history is None:
            raise NotFound("this run was made without a history")
        return self._history


@dataclass(slots=True)
class _MemoryFolder:
    id: int
    rows: dict[bytes, KnownRow]
    state: FolderState


@dataclass(slots=True)
class _Shelf:
    """What the catalogs of one datasource share."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    folders: dict[bytes, _MemoryFolder] = field(default_factory=dict)
    last_id: int = 0
    holder: str | None = None
    fence: int = 0
    syncs: list[dict[str, Any]] = field(default_factory=list)
    doubt: dict[str, Any] | None = None
    unreachable: dict[str, Any] | None = None
    marker: str | None = None


class MemoryCatalog:
    """A catalog in memory; the twin of `StoredCatalog`, under the same tests.

    Its holder never loses it by silence.
    """

    def __init__(self, beside: MemoryCatalog | None = None) -> None:
        """Make an empty one, or one with the same content as another."""
        self._shelf: _Shelf = beside._shelf if beside else _Shelf()  # noqa: SLF001 -- its own kind
        self._fence: int | None = None

    @property
    def syncs(self) -> list[dict[str, Any]]:
        """What was recorded of each sync."""
        return self._shelf.syncs

    @property
    def unreachable(self) -> dict[str, Any] | None:
        """Since when and why the datasource cannot be reached."""
        return self._shelf.unreachable

    @property
    def marker(self) -> str | None:
        """What the marker file says."""
        return self._shelf.marker

    def hold(self, task: str) -> str | None:
        """Become the only one that writes to the catalog, or say which task is."""
        shelf = self._shelf
        with shelf.lock:
            if shelf.holder not in {None, task}:
                return shelf.holder
            shelf.holder = task
            shelf.fence += 1
            self._fence = shelf.fence
            return None

    def keep(self) -> None:
        """Stay the holder."""
        if self._fence is None:
            raise RuntimeError("a catalog has to be held before it is written to")
        if self._shelf.holder is None or self._fence != self._shelf.fence:
            raise taken_over("in memory")

    def release(self) -> None:
        """Let others write to the catalog."""
        with self._shelf.lock:
            if self._fence == self._shelf.fence:
                self._shelf.holder = None
            self._fence = None

    def totals(self) -> Totals:
        """Count what is known."""
        states = [folder.state for folder in self._shelf.folders.values()]
        return Totals(sum(state.entries for state in states), sum(state.bytes for state in states))

    def last_folder(self) -> int:
        """Give the highest number that a folder has had."""
        return self._shelf.last_id

    def folders(self, paths: Sequence[bytes]) -> Mapping[bytes, Folder]:
        """Give those of these folders that are known."""
        return {path: self._folder(path) for path in paths if path in self._shelf.folders}

    def folders_below(self, path: bytes, *, after: bytes | None = None) -> Iterator[Folder]:
        """Give a folder, if it is known, and all folders below it, sorted by path."""
        below = path + b"/" if path else b""
        known = sorted(known for known in self._shelf.folders if known == path or known.startswith(below))
        return (self._folder(each) for each in known if after is None or each > after)

    def rows(self, folders: Sequence[Folder]) -> Mapping[bytes, Sequence[KnownRow]]:
        """Give the rows of these folders by the folder's path."""
        known = self._shelf.folders
        return {folder.path: list(known[folder.path].rows.values()) for folder in folders if folder.path in known}

    def rows_in_order(self, folder: Folder) -> Iterator[KnownRow]:
        """Give the rows of one folder by name."""
        known = self._shelf.folders.get(folder.path)
        return iter(sorted(known.rows.values())) if known else iter(())

    def entry(self, path: bytes) -> KnownRow | None:
        """Give the row at a path, if it is known."""
        folder, name = split(path)
        known = self._shelf.folders.get(folder)
        return known.rows.get(name) if known else None

    def rows_named(self, names: Iterable[tuple[Folder, Sequence[bytes]]]) -> Mapping[bytes, Sequence[KnownRow]]:
        """Give those of these rows that are known by the folder's path."""
        found: dict[bytes, list[KnownRow]] = {}
        for folder, some in names:
            rows = self._shelf.folders[folder.path].rows
            found[folder.path] = [rows[name] for name in some if name in rows]
        return found

    def apply(self, changes: Changes, *, before_commit: Callable[[], None]) -> None:
        """Write changes, unless `before_commit` raises."""
        with self._shelf.lock:
            self.keep()
            before_commit()
            self._apply(changes)

    def record_sync(self, summary: Mapping[str, Any]) -> None:
        """Keep what was found."""
        self.keep()
        self._shelf.syncs.append(dict(summary))
        self._shelf.unreachable = None

    def doubt(self) -> Mapping[str, Any] | None:
        """Give the deletions that wait until somebody confirms them."""
        return self._shelf.doubt

    def record_doubt(self, doubt: Mapping[str, Any] | None) -> None:
        """Keep deletions that were held back, or that none are."""
        self.keep()
        self._shelf.doubt = None if doubt is None else {"run": "run", "at": 0, **doubt}

    def record_unreachable(self, reason: str, *, before_commit: Callable[[int], None]) -> None:
        """Keep that the datasource cannot be reached, and tell it if it is new."""
        if self._shelf.unreachable is None:
            before_commit(0)
        self._shelf.unreachable = {"run": "run", "since": 0, "at": 0, "reason": reason}

    def record_reached(self) -> None:
        """Keep that the datasource can be reached."""
        self._shelf.unreachable = None

    def remember_marker(self, marker: str) -> None:
        """Keep what the marker file says."""
        self._shelf.marker = marker

    def _apply(self, changes: Changes) -> None:
        for entry in (*changes.deleted, *(change.old for change in changes.moved)):
            self._remove(entry)
        for old, new in changes.updated:
            if old.row.kind == Kind.FOLDER and new.row.kind != Kind.FOLDER:
                self._shelf.folders.pop(old.path, None)
        for path in changes.closed:
            self._shelf.folders.pop(path, None)
        for entry in changes.created:
            self._put(entry)
        for change in (*changes.updated, *changes.touched, *changes.moved):
            self._put(change.new)
        for state in changes.folders:
            self._ensure(state.path).state = state

    def _folder(self, path: bytes) -> Folder:
        known = self._shelf.folders[path]
        return Folder(known.id, path, known.state.token, known.state.digest, len(known.rows), known.state.prints)

    def _ensure(self, path: bytes) -> _MemoryFolder:
        known = self._shelf.folders.get(path)
        if known is None:
            self._shelf.last_id += 1
            known = _MemoryFolder(self._shelf.last_id, {}, FolderState(path, "", b"", 0, 0))
            self._shelf.folders[path] = known
        return known

    def _put(self, entry: Entry) -> None:
        self._open(self._ensure(entry.folder)).rows[entry.row.name] = (*entry.row, entry.hash)

    def _remove(self, entry: Entry) -> None:
        folder = self._shelf.folders.get(entry.folder)
        if folder is not None:
            self._open(folder).rows.pop(entry.row.name, None)
        if entry.row.kind == Kind.FOLDER:
            self._shelf.folders.pop(entry.path, None)

    def _open(self, folder: _MemoryFolder) -> _MemoryFolder:
        folder.state = folder.state._replace(token="", digest=b"", prints=b"")
        return folder

"""Twins for testing actors without a server: a run that records, and a catalog in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from actors.catalog import Catalog, Changes, Folder, FolderState, Totals
from actors.datasources.paths import split
from actors.datasources.storage import Datasource, Kind
from actors.syncing.difference import Entry
from rota.errors import Interrupted, NotFound


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
        attempt: int = 1,
    ) -> None:
        self.id = "01900000-0000-7000-8000-000000000001"
        self.task = "01900000-0000-7000-8000-000000000002"
        self.job = "test"
        self.owner = "system"
        self.attempt = attempt
        self.params: Mapping[str, Any] = params or {}
        self.state = state
        self.log = RecordingLog()
        self.reports: list[Progressed] = []
        self.checkpoints: list[Any] = []
        self.events: list[Said] = []
        self.checks = 0
        self.on_check: Callable[[int], None] | None = None
        """Called with the number of the check, for tests that act or interrupt at one moment."""
        self._datasources = {datasource.name: datasource for datasource in datasources}
        self._catalogs = catalogs
        self._kept: dict[str, Catalog] = {}
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
        return self._kept.setdefault(name, MemoryCatalog())


@dataclass(slots=True)
class _MemoryFolder:
    id: int
    entries: dict[bytes, Entry]
    state: FolderState


class MemoryCatalog:
    """A catalog in memory; the twin of `StoredCatalog`, under the same tests."""

    def __init__(self) -> None:
        self.syncs: list[dict[str, Any]] = []
        self._folders: dict[bytes, _MemoryFolder] = {}
        self._last_id = 0

    def totals(self) -> Totals:
        """Count what is known."""
        states = [folder.state for folder in self._folders.values()]
        return Totals(sum(state.entries for state in states), sum(state.bytes for state in states))

    def folders(self, paths: Sequence[bytes]) -> Mapping[bytes, Folder]:
        """Give those of these folders that are known."""
        return {path: self._folder(path) for path in paths if path in self._folders}

    def folders_below(self, path: bytes) -> Sequence[Folder]:
        """Give a folder, if it is known, and all folders below it, sorted by path."""
        below = path + b"/" if path else b""
        return [self._folder(known) for known in sorted(self._folders) if known == path or known.startswith(below)]

    def entries(self, folders: Sequence[Folder]) -> Mapping[bytes, Sequence[Entry]]:
        """Give the entries of these folders by the folder's path."""
        return {
            folder.path: list(self._folders[folder.path].entries.values())
            for folder in folders
            if folder.path in self._folders
        }

    def entry(self, path: bytes) -> Entry | None:
        """Give the entry at a path, if it is known."""
        folder, name = split(path)
        known = self._folders.get(folder)
        return known.entries.get(name) if known else None

    def apply(self, changes: Changes, *, before_commit: Callable[[], None]) -> None:
        """Write changes, unless `before_commit` raises."""
        before_commit()
        for entry in changes.deleted:
            self._remove(entry)
        for change in changes.moved:
            self._remove(change.old)
        for change in (*changes.updated, *changes.touched):
            self._remove(change.old, keep_folder=change.new.row.kind == Kind.FOLDER)
        for entry in changes.created:
            self._put(entry)
        for change in (*changes.moved, *changes.updated, *changes.touched):
            self._put(change.new)
        for state in changes.folders:
            self._ensure(state.path).state = state

    def record_sync(self, summary: Mapping[str, Any]) -> None:
        """Keep what was found."""
        self.syncs.append(dict(summary))

    def _folder(self, path: bytes) -> Folder:
        known = self._folders[path]
        return Folder(known.id, path, known.state.token, known.state.digest)

    def _ensure(self, path: bytes) -> _MemoryFolder:
        known = self._folders.get(path)
        if known is None:
            self._last_id += 1
            known = _MemoryFolder(self._last_id, {}, FolderState(path, "", b"", 0, 0))
            self._folders[path] = known
        return known

    def _put(self, entry: Entry) -> None:
        self._ensure(entry.folder).entries[entry.row.name] = entry

    def _remove(self, entry: Entry, *, keep_folder: bool = False) -> None:
        folder = self._folders.get(entry.folder)
        if folder is not None:
            folder.entries.pop(entry.row.name, None)
        if entry.row.kind == Kind.FOLDER and not keep_folder:
            self._folders.pop(entry.path, None)

"""Datasources and catalogs as the store has them: what a worker's run hands to its actors."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from actors.catalog import Changes, Folder, FolderState, Totals
from actors.datasources.storage import Datasource, Kind, Row
from actors.syncing.difference import Entry
from rota.datasources import Rules
from rota.errors import Conflict, NotFound, TemporaryError
from store.engine import Store
from store.queries import catalog as queries
from store.queries import datasources
from store.records import EntryChange, EntryRecord, FolderChange, FolderDigest


class StoredDatasources:
    """The datasources of a store, for one run."""

    def __init__(self, store: Store, *, run: str) -> None:
        self._store = store
        self._run = run

    def names(self) -> Sequence[str]:
        """Give the names of the datasources that are switched on, sorted."""
        with self._store.reading() as conn:
            return datasources.names(conn)

    def datasource(self, name: str) -> Datasource:
        """Give one datasource; raises NotFound."""
        with self._store.reading() as conn:
            record = datasources.get(conn, name)
        return Datasource(
            name=record.name,
            kind=record.kind,
            root=record.root,
            options=record.options,
            rules=Rules.model_validate(record.rules),
            marker=record.marker,
        )

    def catalog(self, name: str) -> StoredCatalog:
        """Give the catalog of a datasource; raises NotFound."""
        return StoredCatalog(self._store, self.datasource(name).name, run=self._run)


class StoredCatalog:
    """The catalog of one datasource in the store; see `Catalog` for the promises.

    It reads the digests of all folders once, when it is first asked for one: some 350 bytes of memory a folder, and no
    question per folder.
    """

    def __init__(self, store: Store, datasource: str, *, run: str) -> None:
        self._store = store
        self._datasource = datasource
        self._run = run
        self._loaded: dict[bytes, FolderDigest] | None = None
        self._sorted: list[bytes] = []
        self._opened: set[bytes] = set()
        """Folders that got their row from us, with or without their digest."""

    def totals(self) -> Totals:
        """Count what is known."""
        with self._store.reading() as conn:
            found = queries.counts(conn, self._datasource)
        return Totals(found.entries, found.bytes)

    def folders(self, paths: Sequence[bytes]) -> Mapping[bytes, Folder]:
        """Give those of these folders that are known."""
        known = self._known()
        return {path: _folder(path, known[path]) for path in paths if path in known}

    def folders_below(self, path: bytes) -> Sequence[Folder]:
        """Give a folder, if it is known, and all folders below it, sorted by path."""
        known = self._known()
        if not path:
            return [_folder(each, known[each]) for each in self._sorted]
        # "0" is the character after "/".
        start, end = bisect_left(self._sorted, path + b"/"), bisect_left(self._sorted, path + b"0")
        own = [path] if path in known else []
        return [_folder(each, known[each]) for each in (*own, *self._sorted[start:end])]

    def entries(self, folders: Sequence[Folder]) -> Mapping[bytes, Sequence[Entry]]:
        """Give the entries of these folders by the folder's path."""
        if not folders:
            return {}
        with self._store.reading() as conn:
            found = queries.entries_of(conn, [folder.id for folder in folders])
        return {folder.path: [_entry(folder.path, record) for record in found[folder.id]] for folder in folders}

    def entry(self, path: bytes) -> Entry | None:
        """Give the entry at a path, if it is known."""
        with self._store.reading() as conn:
            found = queries.find_entry(conn, self._datasource, path)
        return None if found is None else _entry(path.rpartition(b"/")[0], found)

    def apply(self, changes: Changes, *, before_commit: Callable[[], None]) -> None:
        """Write changes and call `before_commit` inside the transaction; if it raises, nothing is written."""
        written = [*changes.created, *(change.new for change in changes.updated)]
        written += [change.new for change in (*changes.touched, *changes.moved)]
        removed = [*changes.deleted, *(change.old for change in changes.moved)]
        closed = [entry.path for entry in removed if entry.row.kind == Kind.FOLDER]
        closed += [
            old.path for old, new in changes.updated if old.row.kind == Kind.FOLDER and new.row.kind != Kind.FOLDER
        ]
        states = [_folder_change(state) for state in changes.folders]
        opened = self._missing_folders(written, beside={state.path for state in states})
        try:
            with self._store.writing() as conn:
                queries.apply_changes(
                    conn,
                    self._datasource,
                    run=self._run,
                    changed_folders=[*opened, *states],
                    changed_entries=[_entry_change(entry) for entry in written],
                    removed_entries=[(entry.folder, entry.row.name) for entry in removed],
                    removed_folders=closed,
                )
                before_commit()
        except (NotFound, Conflict) as error:
            raise TemporaryError(f"another sync changed the catalog of {self._datasource!r} meanwhile") from error
        self._opened.update(folder.path for folder in (*opened, *states))
        self._opened.difference_update(closed)

    def record_sync(self, summary: Mapping[str, Any]) -> None:
        """Remember when the datasource was last synced, and what was found."""
        said = {"run": self._run, "at": self._store.clock.now_ms(), **summary}
        with self._store.writing() as conn:
            datasources.set_last_sync(conn, self._datasource, said)

    def _known(self) -> dict[bytes, FolderDigest]:
        if self._loaded is None:
            with self._store.reading() as conn:
                self._loaded = queries.folder_digests(conn, self._datasource)
            self._sorted = sorted(self._loaded)
        return self._loaded

    def _missing_folders(self, written: Sequence[Entry], *, beside: set[bytes]) -> list[FolderChange]:
        """Give those folders of the entries that need a row first; no digest means that they are not complete."""
        known = self._known()
        needed = {entry.folder for entry in written} - beside - self._opened
        return [FolderChange(path=path, digest=b"") for path in sorted(needed) if path not in known]


def _folder(path: bytes, known: FolderDigest) -> Folder:
    return Folder(known.id, path, known.token or "", known.digest)


def _folder_change(state: FolderState) -> FolderChange:
    return FolderChange(
        path=state.path, digest=state.digest, token=state.token, entry_count=state.entries, bytes=state.bytes
    )


def _entry(folder: bytes, record: EntryRecord) -> Entry:
    row = Row(record.name, record.kind, record.size, record.modified_ns, record.inode or 0, record.device or 0)
    return Entry(folder, row, record.hash)


def _entry_change(entry: Entry) -> EntryChange:
    row = entry.row
    return EntryChange(
        folder=entry.folder,
        name=row.name,
        kind=row.kind,
        size=row.size,
        modified_ns=row.modified_ns,
        inode=row.inode or None,
        device=row.device or None,
        hash=entry.hash,
    )

"""Datasources and catalogs as the store has them: what a worker's run hands to its actors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from actors.catalog import Changes, Folder, FolderState, Totals, taken_over
from actors.datasources.storage import Datasource, Kind
from actors.stored_bin import StoredBin
from actors.stored_history import StoredHistory
from actors.stored_hold import StoredHold
from actors.stored_index import StoredIndex
from actors.syncing.difference import Entry, KnownRow
from rota.datasources import Rules
from rota.errors import PermanentError
from rota.sealing import key_in
from store.engine import Store
from store.queries import catalog as queries
from store.queries import datasources, runs
from store.records import DatasourceRecord, EntryChange, FolderChange
from store.search.engine import Engine

_CHUNK_FOLDERS = 2_000
_CHUNK_ROWS = 5_000


def datasource_of(record: DatasourceRecord) -> Datasource:
    """Return a datasource as actors are handed it."""
    return Datasource(
        name=record.name,
        kind=record.kind,
        root=record.root,
        options=record.options,
        rules=Rules.model_validate(record.rules),
        marker=record.marker,
    )


class StoredDatasources:
    """The datasources of a store, for one task of a run."""

    def __init__(self, store: Store, *, run: str, task: str, engine: Callable[[], Engine] | None = None) -> None:
        self._store = store
        self._engine = engine
        self._run = run
        self._task = task

    def names(self) -> Sequence[str]:
        """Give the names of the datasources that are switched on, sorted."""
        with self._store.reading() as conn:
            return datasources.names(conn)

    def datasource(self, name: str) -> Datasource:
        """Give one datasource; raises NotFound."""
        with self._store.reading() as conn:
            return datasource_of(datasources.get(conn, name))

    def catalog(self, name: str) -> StoredCatalog:
        """Give the catalog of a datasource; raises NotFound."""
        return StoredCatalog(self._store, self.datasource(name).name, run=self._run)

    def index(self, name: str) -> StoredIndex:
        """Give the index of a datasource; raises NotFound."""
        if self._engine is None:
            raise PermanentError("there is no search engine here")
        return StoredIndex(self._store, self._engine, self.datasource(name).name, run=self._run)

    def bin(self, name: str) -> StoredBin:
        """Give what is known of the bin of a datasource; raises NotFound."""
        return StoredBin(self._store, self.datasource(name).name, run=self._run, task=self._task)

    def history(self) -> StoredHistory:
        """Give the history of all runs."""
        return StoredHistory(self._store)

    def sealing_key(self, sealed_id: str) -> str | None:
        """Give the key of what was sealed for this run; None if the run has none of this id."""
        with self._store.reading() as conn:
            return key_in(runs.get_run(conn, self._run).params, sealed_id)


class StoredCatalog(StoredHold):
    """The catalog of one datasource in the store; see `Catalog` for the promises."""

    def __init__(self, store: Store, datasource: str, *, run: str) -> None:
        super().__init__(store, datasources.holds, datasource, ensure=datasources.get, lost=taken_over)
        self._datasource = datasource
        self._run = run

    def totals(self) -> Totals:
        """Count what is known."""
        with self._store.reading() as conn:
            found = queries.counts(conn, self._datasource)
        return Totals(found.entries, found.bytes)

    def last_folder(self) -> int:
        """Give the highest number that a folder has."""
        with self._store.reading() as conn:
            return queries.last_folder(conn, self._datasource)

    def folders(self, paths: Sequence[bytes]) -> Mapping[bytes, Folder]:
        """Give those of these folders that are known."""
        with self._store.reading() as conn:
            found = queries.folders_at(conn, self._datasource, paths)
        return {folder[1]: _folder(folder) for folder in found}

    def folders_below(self, path: bytes, *, after: bytes | None = None) -> Iterator[Folder]:
        """Give a folder, if it is known, and all folders below it, sorted by path."""
        if after is None:
            yield from self.folders([path]).values()
        while True:
            with self._store.reading() as conn:
                found = queries.folders_after(conn, self._datasource, below=path, after=after, limit=_CHUNK_FOLDERS)
            yield from map(_folder, found)
            if len(found) < _CHUNK_FOLDERS:
                return
            after = found[-1][1]

    def rows(self, folders: Sequence[Folder]) -> Mapping[bytes, Sequence[KnownRow]]:
        """Give the rows of these folders by the folder's path."""
        if not folders:
            return {}
        with self._store.reading() as conn:
            found = queries.rows_of(conn, [folder.id for folder in folders])
        return {folder.path: found[folder.id] for folder in folders}

    def rows_in_order(self, folder: Folder) -> Iterator[KnownRow]:
        """Give the rows of one folder by name, read bit by bit."""
        after = b""
        while True:
            with self._store.reading() as conn:
                found = queries.rows_after(conn, folder.id, after=after, limit=_CHUNK_ROWS)
            yield from found
            if len(found) < _CHUNK_ROWS:
                return
            after = found[-1][0]

    def entry(self, path: bytes) -> KnownRow | None:
        """Give the row at a path, if it is known."""
        with self._store.reading() as conn:
            return queries.find_row(conn, self._datasource, path)

    def rows_named(self, names: Iterable[tuple[Folder, Sequence[bytes]]]) -> Mapping[bytes, Sequence[KnownRow]]:
        """Give those of these rows that are known by the folder's path."""
        found: dict[int, list[KnownRow]] = {}
        by_path: dict[bytes, list[KnownRow]] = {}
        places: list[tuple[int, bytes]] = []
        for folder, some in names:
            by_path[folder.path] = found[folder.id] = []
            places += [(folder.id, name) for name in some]
        with self._store.reading() as conn:
            for row in queries.find_rows(conn, places):
                found[row[-1]].append(row)
        return by_path

    def apply(self, changes: Changes, *, before_commit: Callable[[], None]) -> None:
        """Write changes and call `before_commit` inside the transaction; if it raises, nothing is written."""
        written = [_entry_change(entry) for entry in changes.created]
        for kind in (changes.updated, changes.touched, changes.moved):
            written += [_entry_change(change.new) for change in kind]
        removed = [*changes.deleted, *(change.old for change in changes.moved)]
        closed = [*changes.closed, *(entry.path for entry in removed if entry.row.kind == Kind.FOLDER)]
        closed += [
            old.path for old, new in changes.updated if old.row.kind == Kind.FOLDER and new.row.kind != Kind.FOLDER
        ]
        with self._writing() as conn:
            queries.apply_changes(
                conn,
                self._datasource,
                run=self._run,
                at=self._store.clock.now_ms(),
                changed_folders=list(map(_folder_change, changes.folders)),
                changed_entries=written,
                removed_entries=[(entry.folder, entry.row.name) for entry in removed],
                removed_folders=closed,
            )
            before_commit()

    def record_sync(self, summary: Mapping[str, Any]) -> None:
        """Remember when the datasource was last synced, and what was found."""
        said = {"run": self._run, "at": self._store.clock.now_ms(), **summary}
        with self._writing() as conn:
            datasources.set_last_sync(conn, self._datasource, said)

    def doubt(self) -> Mapping[str, Any] | None:
        """Give the deletions that wait until somebody confirms them."""
        with self._store.reading() as conn:
            return datasources.get(conn, self._datasource).doubt

    def record_doubt(self, doubt: Mapping[str, Any] | None) -> None:
        """Remember deletions that were held back, or that none are."""
        said = None if doubt is None else {"run": self._run, "at": self._store.clock.now_ms(), **doubt}
        with self._writing() as conn:
            datasources.set_doubt(conn, self._datasource, said)

    def record_unreachable(self, reason: str, *, before_commit: Callable[[int], None]) -> None:
        """Remember that the datasource cannot be reached, and tell it if it is new."""
        now = self._store.clock.now_ms()
        with self._store.writing() as conn:
            known = datasources.get(conn, self._datasource).unreachable
            said = {"run": self._run, "since": known["since"] if known else now, "at": now, "reason": reason}
            datasources.set_unreachable(conn, self._datasource, said)
            if not known:
                before_commit(now)

    def record_reached(self) -> None:
        """Remember that the datasource can be reached."""
        with self._store.reading() as conn:
            known = datasources.get(conn, self._datasource).unreachable
        if known:
            with self._store.writing() as conn:
                datasources.set_unreachable(conn, self._datasource, None)

    def remember_marker(self, marker: str) -> None:
        """Remember what the marker file in the root says."""
        with self._store.writing() as conn:
            datasources.set_marker(conn, self._datasource, marker)


def _folder(found: queries.FolderTuple) -> Folder:
    number, path, token, digest, entries, prints = found
    return Folder(number, path, token or "", digest, entries, prints or b"")


def _folder_change(state: FolderState) -> FolderChange:
    return FolderChange(*state[:-1], state.prints or None)


def _entry_change(entry: Entry) -> EntryChange:
    return EntryChange(entry.folder, *entry.row, entry.hash)

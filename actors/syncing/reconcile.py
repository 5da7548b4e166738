"""One pass of a sync over one datasource: scan, compare, write what is certain, put aside the rest."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from actors.catalog import BATCH, Catalog, Changes, Folder, FolderState
from actors.datasources.digest import folder_digest
from actors.datasources.paths import is_private, join, text_of
from actors.datasources.storage import Kind, Listing, Storage, Unlisted, Why
from actors.run import Run
from actors.syncing.difference import Change, Difference, Entry, compare
from actors.syncing.hashing import content_hash
from actors.syncing.meter import Meter
from actors.syncing.resume import Branch, Resume
from actors.syncing.settlement import Settlement
from actors.syncing.writer import Writer
from rota.errors import PermanentError

_CHUNK_FOLDERS = 256
_CHUNK_ROWS = BATCH
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a pass is about."""

    datasource: str
    path: bytes = b""
    hash: bool = False
    allow_deletions: bool = False


class _Seen(NamedTuple):
    """A folder's listing beside what the catalog has of the folder."""

    listing: Listing
    branch: Branch
    state: FolderState
    known: Folder | None

    @property
    def differs(self) -> bool:
        """Whether its rows have to be compared.

        The token would not be needed for that, were it not for two syncs at a time: a digest that one of them wrote
        over the rows of the other does not stay believed, because the folder's token has moved on.
        """
        known = self.known
        return known is None or known.digest != self.state.digest or known.token != self.state.token


class Pass:
    """One pass over one datasource; made for one `execute`."""

    def __init__(
        self,
        run: Run,
        scope: Scope,
        *,
        storage: Storage,
        catalog: Catalog,
        writer: Writer,
        resume: Resume,
        meter: Meter,
        on_branch: Callable[[], None],
    ) -> None:
        self._run = run
        self._scope = scope
        self._storage = storage
        self._catalog = catalog
        self._writer = writer
        self._resume = resume
        self._meter = meter
        self._on_branch = on_branch
        self._settlement = Settlement(storage, writer)
        self._chunk: list[tuple[Listing, Branch]] = []
        self._chunk_rows = 0
        self._finished: list[Branch] = []
        self._failures: list[str] = []
        self._special = self._foreign = self._unread = 0

    def execute(self) -> None:
        """Bring the catalog to what the storage shows.

        Raises PermanentError when the storage is absent, a folder could not be listed, or deletions are doubtful;
        whatever is certain was written by then.
        """
        self._storage.verify()
        known = self._catalog.totals().entries
        if self._resume.from_empty is None:
            self._resume.from_empty = known == 0
        self._meter.total = known or None
        root_is_empty = self._scan()
        self._storage.verify()
        doubt = self._settlement.settle(
            known=known, root_is_empty=root_is_empty, allow_deletions=self._scope.allow_deletions
        )
        self._tell()
        failures = [*self._failures, *self._settlement.failures]
        if doubt:
            failures.insert(0, f"{doubt}; nothing was deleted. If this is right, run sync with allow_deletions: true")
        if failures:
            others = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
            raise PermanentError(f"datasource {self._scope.datasource!r}: {failures[0]}{others}")

    def _scan(self) -> bool:
        """Scan the scope; say whether the whole datasource turned out to have no entry."""
        outside = Branch(b"")
        if not self._reach_scope(outside):
            return False
        top = self._storage.list_folder(self._scope.path)
        if isinstance(top, Unlisted):
            where = text_of(top.path) or "its root"
            raise PermanentError(f"datasource {self._scope.datasource!r}: cannot list {where}: {top.reason}")
        self._take(top, outside)
        for row in top.rows:
            path = join(top.path, row.name)
            if row.kind == Kind.FOLDER and not self._resume.skips(path):
                self._scan_branch(Branch(path))
        self._flush()
        return not self._scope.path and not top.rows

    def _reach_scope(self, branch: Branch) -> bool:
        """Bring the entries on the way to the scope up to date; say whether it leads to a folder."""
        folder = b""
        for name in self._scope.path.split(b"/") if self._scope.path else ():
            path = join(folder, name)
            if is_private(name):
                raise PermanentError(f"{text_of(path)} is Rota's own and never in a catalog")
            try:
                row = self._storage.stat(path)
            except OSError as error:
                raise PermanentError(f"cannot reach {text_of(path)}: {error.strerror or error}") from error
            known = self._catalog.entry(path)
            found = compare(folder, [row] if row else [], [known] if known else [])
            created = self._sort(found, branch)
            self._writer.write(Changes(created=created, updated=found.updated, touched=found.touched))
            if row is None:
                return False
            if row.kind != Kind.FOLDER:
                self._meter.add(1, row.size)
                return False
            folder = path
        return True

    def _scan_branch(self, branch: Branch) -> None:
        for found in self._storage.scan(branch.path):
            self._run.check()
            if isinstance(found, Listing):
                self._take(found, branch)
            else:
                self._note(found, branch)
        self._finished.append(branch)

    def _take(self, listing: Listing, branch: Branch) -> None:
        self._special += listing.special
        self._chunk.append((listing, branch))
        self._chunk_rows += len(listing.rows)
        # Hashing one folder may take hours, so what comes of it is written at once.
        if self._scope.hash or self._chunk_rows >= _CHUNK_ROWS or len(self._chunk) >= _CHUNK_FOLDERS:
            self._flush()

    def _note(self, unlisted: Unlisted, branch: Branch) -> None:
        where = text_of(unlisted.path)
        if unlisted.why is Why.VANISHED:
            self._run.log.debug(f"{where} went away during the scan: {unlisted.reason}")
        elif unlisted.why is Why.FOREIGN:
            self._foreign += 1
            if self._foreign <= _MOST_TOLD:
                self._run.log.info(f"{where} lies on another file system and is left out")
        else:
            branch.held = True
            self._failures.append(f"cannot list {where}: {unlisted.reason}; what is known of it stays")
            if len(self._failures) <= _MOST_TOLD:
                self._run.log.error(self._failures[-1])

    def _flush(self) -> None:
        """Compare the folders listed so far with the catalog and write what is certain."""
        chunk, self._chunk, self._chunk_rows = self._chunk, [], 0
        finished, self._finished = self._finished, []
        known = self._catalog.folders([listing.path for listing, _ in chunk])
        seen = [_Seen(listing, branch, _state_of(listing), known.get(listing.path)) for listing, branch in chunk]
        for one in seen:
            one.branch.entries += one.state.entries
            one.branch.bytes += one.state.bytes
            self._meter.add(one.state.entries, one.state.bytes)
        self._compare(seen)
        for branch in finished:
            self._resume.finish(branch)
        if finished:
            self._on_branch()
        self._settlement.relieve()

    def _compare(self, seen: list[_Seen]) -> None:
        created: list[Entry] = []
        updated: list[Change] = []
        touched: list[Change] = []
        states: list[FolderState] = []
        differing = [one for one in seen if one.differs or self._scope.hash]
        known = self._catalog.entries([one.known for one in differing if one.known])
        for one in differing:
            hashes = self._read_contents(one.listing) if self._scope.hash else None
            path = one.listing.path
            found = compare(path, one.listing.rows, known.get(path, ()), hashes=hashes)
            certain = self._sort(found, one.branch)
            created += certain
            updated += found.updated
            touched += found.touched
            if found.gone or found.replaced or len(certain) < len(found.created):
                self._settlement.complete(one.state)
            elif one.differs:
                states.append(one.state)
        self._writer.write(Changes(created=created, updated=updated, touched=touched, folders=states))

    def _sort(self, found: Difference, branch: Branch) -> list[Entry]:
        """Put aside what is decided at the end, and give the new entries that are certain now."""
        for entry in found.gone:
            self._settlement.remove(entry)
            if entry.row.kind == Kind.FOLDER:
                self._remove_below(entry.path)
        for change in found.replaced:
            self._settlement.remove(change)
            self._remove_below(change.old.path)
        if found.gone or found.replaced:
            branch.held = True
        if self._resume.from_empty or not found.created:
            return found.created
        branch.held = True
        self._settlement.create(found.created)
        return []

    def _remove_below(self, path: bytes) -> None:
        folders = iter(self._catalog.folders_below(path))
        while some := list(islice(folders, _CHUNK_FOLDERS)):
            self._run.check()
            known = self._catalog.entries(some)
            for folder in some:
                for entry in known.get(folder.path, ()):
                    self._settlement.remove(entry)

    def _read_contents(self, listing: Listing) -> dict[bytes, str]:
        hashes: dict[bytes, str] = {}
        for row in listing.rows:
            if row.kind != Kind.FILE:
                continue
            self._run.check()
            path = join(listing.path, row.name)
            try:
                found = content_hash(self._run, self._storage, path)
            except OSError as error:
                self._run.log.debug(f"cannot read {text_of(path)}: {error.strerror or error}")
                found = None
            if found is None:
                self._unread += 1
            else:
                hashes[row.name] = found
            self._meter.add(0, 0)
        return hashes

    def _tell(self) -> None:
        log = self._run.log
        if self._special:
            log.info(f"{self._special:,} entries are neither file, folder nor link and were left out")
        if self._foreign > _MOST_TOLD:
            log.info(f"{self._foreign:,} folders in all lie on other file systems")
        if self._unread:
            log.warning(f"{self._unread:,} files could not be read or changed while they were read")


def _state_of(listing: Listing) -> FolderState:
    return FolderState(
        path=listing.path,
        token=listing.token,
        digest=folder_digest(listing.rows),
        entries=len(listing.rows),
        bytes=sum(row.size for row in listing.rows if row.kind == Kind.FILE),
    )

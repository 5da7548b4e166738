"""One pass of a sync over one datasource: scan, compare, write what is certain, put aside the rest, settle."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple, cast

from actors.catalog import BATCH, Catalog, Folder, FolderState
from actors.datasources.globs import Selection
from actors.datasources.paths import join, text_of
from actors.datasources.scanning import marked, scan
from actors.datasources.storage import Altered, End, Found, Kind, Listing, Row, Same, Storage, Unlisted
from actors.run import Run
from actors.syncing.altered import differences
from actors.syncing.aside import Aside
from actors.syncing.branches import Branches
from actors.syncing.difference import Difference, KnownRow, compare
from actors.syncing.findings import Findings
from actors.syncing.hashing import Hashes
from actors.syncing.meter import Meter
from actors.syncing.reaching import Reached, Way
from actors.syncing.resume import Branch, Resume
from actors.syncing.scope import Scope, collapse
from actors.syncing.second_look import SecondLook
from actors.syncing.settlement import Doubt, settle
from actors.syncing.slices import slices
from actors.syncing.sweeping import Numbers, sweep
from actors.syncing.writer import Writer
from rota.errors import PermanentError
from store.batches import batches

_CHUNK_FOLDERS = 256
_CHUNK_ROWS = 4 * BATCH  # those of the listings and those of the catalog together
_CHECKPOINT_SECONDS = 2.0
# With more folders than these at the top there is no telling them apart in a checkpoint: they are one branch.
_MOST_BRANCHES = 10_000
# What an entry of a folder with few differences takes, in rows: its print as it was, and as it is.
_PRINTS_A_ROW = 16


class _Told(NamedTuple):
    """What was told of a folder, and the branch that it is in."""

    found: Listing | Altered
    branch: Branch | None


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
        verify: Callable[[], None],
        on_checkpoint: Callable[[], None],
    ) -> None:
        self._run = run
        self._scope = scope
        self._storage = storage
        self._catalog = catalog
        self._writer = writer
        self._resume = resume
        self._meter = meter
        self._verify = verify
        self._on_checkpoint = on_checkpoint
        self._selection = Selection.of(scope.rules)
        self._hashes = Hashes(run, storage, meter)
        self._aside = Aside()
        self._seen = Numbers()
        self._branches = Branches((), ())
        self._tops: list[bytes] = []
        """Where what is gone has to be swept from the catalog."""
        self._ahead: dict[bytes, Folder | None] = {}
        """What the scan asked for and has not told yet."""
        self._chunk: list[_Told] = []
        self._chunk_rows = 0
        self._ended: list[Branch] = []
        self._checkpointed = time.monotonic()
        self._transactions = 0
        self.findings = Findings(run)

    def execute(self) -> Doubt | None:
        """Bring the catalog to what the storage shows, and give the doubt that kept deletions back, if there is one.

        Raises PermanentError when the root cannot be listed. Whatever is certain was written by then.
        """
        with closing(self._aside):
            known = self._catalog.totals().entries
            last = self._catalog.last_folder()
            if self._resume.from_empty is None:
                self._resume.from_empty = known == 0
            self._meter.total = known if known and self._scope.is_whole else None
            root_is_empty = self._scan_all()
            self._checkpoint()
            self._verify()
            sweep(
                self._run,
                self._catalog,
                self._aside,
                tops=collapse(self._tops),
                last=last,
                seen=self._seen,
                skips=self._branches.skips,
            )
            second_look = SecondLook(self._run, self._storage, self._selection, self._aside)
            doubt = settle(
                self._aside, second_look, self._writer, self._scope, known=known, root_is_empty=root_is_empty
            )
            self.findings.failures += second_look.failures
            self.findings.unread = self._hashes.unread
            return doubt

    def _scan_all(self) -> bool:
        """Scan the scope; say whether the whole datasource turned out to have no entry."""
        way = Way(self._run, self._storage, self._selection)
        branches: list[bytes] = []
        is_empty = False
        for path in self._scope.paths:
            folder = self._reach(way, path)
            if folder is None:
                continue
            top = self._storage.list_folder(folder)
            if isinstance(top, Unlisted):
                self._leave_out(top, None)
                continue
            below = [join(top.path, row.name) for row in top.rows if row.kind == Kind.FOLDER]
            if len(below) > _MOST_BRANCHES:
                branches.append(folder)
            else:
                self._take(top, None)
                branches += below
            is_empty = not folder and not top.rows
        skipped = self._skippable(branches)
        self._branches = Branches((path for path in branches if path not in skipped), skipped)
        self._scan_branches()
        return is_empty

    def _skippable(self, branches: Sequence[bytes]) -> set[bytes]:
        """Give the branches that an earlier attempt finished; one that came since then is not known whole."""
        passed = (path for path in branches if self._resume.skips(path))
        known = (folder for some in batches(passed) for folder in self._catalog.folders(some).values())
        return {folder.path for folder in known if folder.digest}

    def _reach(self, way: Way, path: bytes) -> bytes | None:
        """Bring the entries on the way to a path up to date; give it if it leads to a folder."""
        try:
            reached, steps = way.to(path)
        except OSError as error:
            self.findings.failures.append(f"cannot reach {text_of(path)}: {error.strerror or error}")
            return None
        for step in steps:
            self._bring(step)
        if not self._tops or self._tops[-1] != reached.path:
            self._tops.append(reached.path)
        return path if reached.is_folder else None

    def _bring(self, step: Reached) -> None:
        known = self._catalog.entry(step.path)
        folder = step.path.rpartition(b"/")[0]
        hashes = self._hashes.of(folder, [step.row]) if self._scope.hash and step.row else None
        found = compare(folder, [step.row] if step.row else [], [known] if known else [], hashes=hashes)
        self._sort(found, None)
        if step.row and not step.is_folder:
            self._meter.add(1, step.row.size)

    def _scan_branches(self) -> None:
        found = cast("Generator[Found]", scan(self._storage, self._branches.paths, self._known, check=self._run.check))
        with closing(found):
            for each in found:
                self._run.check()
                if isinstance(each, Same):
                    self._pass_over(each)
                elif isinstance(each, Listing | Altered):
                    self._take(each, self._branches.of(each.path))
                elif isinstance(each, Unlisted):
                    self._leave_out(each, self._branches.of(each.path))
                else:
                    self._end(each)
                if self._is_due():
                    self._checkpoint()

    def _known(self, paths: Sequence[bytes]) -> Mapping[bytes, Folder]:
        found = self._catalog.folders(paths)
        for path in paths:
            self._ahead[path] = found.get(path)
        # A hash is asked for although size and time are the same: then nothing is known well enough to be passed over.
        return {} if self._scope.hash else found

    def _pass_over(self, same: Same) -> None:
        folder = self._ahead.pop(same.path, None)
        if folder is not None:
            self._seen.add(folder.id)
        self.findings.special += same.special
        self._count(self._branches.of(same.path), same.entries, same.bytes)

    def _leave_out(self, unlisted: Unlisted, branch: Branch | None) -> None:
        self._ahead.pop(unlisted.path, None)
        if not unlisted.path:
            raise PermanentError(f"datasource {self._scope.datasource!r}: cannot list its root: {unlisted.reason}")
        self._aside.add_unlisted(unlisted.path)
        self.findings.unlisted_folder(unlisted)
        if branch:
            branch.held = True

    def _end(self, end: End) -> None:
        branch = self._branches.of(end.path)
        if branch:
            self._ended.append(branch)

    def _count(self, branch: Branch | None, entries: int, size: int) -> None:
        if branch:
            branch.entries += entries
            branch.bytes += size
        self._meter.add(entries, size)

    def _take(self, found: Listing | Altered, branch: Branch | None) -> None:
        self.findings.special += found.special
        self._chunk.append(_Told(found, branch))
        known = self._ahead.get(found.path)
        if isinstance(found, Altered):
            self._chunk_rows += len(found.rows) + len(found.missing) + found.entries // _PRINTS_A_ROW
        else:
            self._chunk_rows += len(found.rows) + (known.entries if known else 0)
        if len(self._chunk) >= _CHUNK_FOLDERS or self._chunk_rows >= _CHUNK_ROWS:
            self._compare_chunk()

    def _is_due(self) -> bool:
        return (
            self._writer.transactions > self._transactions
            or time.monotonic() - self._checkpointed > _CHECKPOINT_SECONDS
        )

    def _checkpoint(self) -> None:
        """Write what is certain and note the branches that are done."""
        self._compare_chunk()
        self._writer.flush()
        for branch in self._ended:
            self._resume.finish(branch)
        self._ended.clear()
        self._on_checkpoint()
        self._checkpointed = time.monotonic()
        self._transactions = self._writer.transactions

    def _compare_chunk(self) -> None:
        """Compare the folders told so far with the catalog."""
        chunk, self._chunk, self._chunk_rows = self._chunk, [], 0
        known = self._known_of([found.path for found, _ in chunk])
        listings = [*self._compare_altered(chunk, known)]
        seen = [(listing, branch, _state_of(listing)) for listing, branch in listings]
        differing = {state.path for _, _, state in seen if _differs(state, known.get(state.path))}
        looked_into = known.keys() if self._scope.hash else known.keys() & differing
        huge = {state.path for _, _, state in seen if _is_huge(state, known.get(state.path))}
        rows = self._catalog.rows([known[path] for path in looked_into if path not in huge])
        for listing, branch, state in seen:
            path = state.path
            self._count(branch, state.entries, state.bytes)
            if not self._scope.hash and path not in differing:
                continue
            parts = self._sliced(listing, known.get(path)) if path in huge else [(listing.rows, rows.get(path, ()))]
            if self._compare(path, parts, branch):
                self._aside.complete(state)
            elif path in differing:
                self._writer.complete(state)

    def _sliced(self, listing: Listing, known: Folder | None) -> Iterable[tuple[Sequence[Row], Sequence[KnownRow]]]:
        before = self._catalog.rows_in_order(known) if known else ()
        return slices(listing.rows, before, size=_CHUNK_ROWS // 2)

    def _compare(
        self, path: bytes, parts: Iterable[tuple[Sequence[Row], Sequence[KnownRow]]], branch: Branch | None
    ) -> bool:
        """Compare a folder, in one or several parts; say whether something was put aside."""
        waits = False
        for rows, known in parts:
            hashes = self._hashes.of(path, rows) if self._scope.hash else None
            waits |= self._sort(compare(path, rows, known, hashes=hashes), branch)
        return waits

    def _known_of(self, paths: Sequence[bytes]) -> dict[bytes, Folder]:
        """Give those of these folders that the catalog has, and note that they were seen."""
        asked = [path for path in paths if path not in self._ahead]
        known = dict(self._catalog.folders(asked)) if asked else {}
        for path in paths:
            folder = self._ahead.pop(path, None)
            if folder is not None:
                known[path] = folder
        for folder in known.values():
            self._seen.add(folder.id)
        return known

    def _compare_altered(
        self, chunk: Sequence[_Told], known: Mapping[bytes, Folder]
    ) -> Iterator[tuple[Listing, Branch | None]]:
        """Compare the folders of which few rows were told, and give the listings of all others.

        A folder whose rows the catalog has otherwise than its prints say is listed again.
        """
        differing = differences(self._catalog, [each for each, _ in chunk if isinstance(each, Altered)], known)
        for each, branch in chunk:
            if isinstance(each, Listing):
                yield each, branch
                continue
            difference = differing[each.path]
            if difference is None:
                again = self._storage.list_folder(each.path)
                if isinstance(again, Unlisted):
                    self._leave_out(again, branch)
                else:
                    yield again, branch
                continue
            self._count(branch, each.entries, each.bytes)
            complete = self._aside.complete if self._sort(difference, branch) else self._writer.complete
            complete(FolderState(each.path, each.token, each.digest, each.entries, each.bytes, each.prints))

    def _sort(self, found: Difference, branch: Branch | None) -> bool:
        """Write what is certain and put aside what is decided at the end; say whether there was such."""
        for change in found.updated:
            self._writer.update(change)
        for change in found.touched:
            self._writer.touch(change)
        waits = bool(found.gone or found.replaced)
        if found.gone:
            self._aside.gone(found.gone)
        for change in found.replaced:
            self._aside.replaced(change)
        if found.created and self._resume.from_empty:
            self._writer.create_all(found.created)
        elif found.created:
            self._aside.new(found.created)
            waits = True
        if waits and branch:
            branch.held = True
        return waits


def _differs(state: FolderState, known: Folder | None) -> bool:
    return known is None or (known.digest, known.token) != (state.digest, state.token)


def _is_huge(state: FolderState, known: Folder | None) -> bool:
    return state.entries + (known.entries if known else 0) > _CHUNK_ROWS


def _state_of(listing: Listing) -> FolderState:
    whole = marked(listing)
    return FolderState(
        path=listing.path,
        token=listing.token,
        digest=whole.digest,
        entries=len(listing.rows),
        bytes=sum(row.size for row in listing.rows if row.kind == Kind.FILE),
        prints=whole.prints,
    )

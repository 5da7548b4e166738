"""Deletes what somebody named: into the bin, and from there for good where the rules or the order say so."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from actors.datasources.bins import BIN, Bin, Recycled
from actors.datasources.folders import delete_folder
from actors.datasources.paths import join, split, text_of
from actors.datasources.storage import Datasource, Kind, Row, Storage, Unlisted, Why
from actors.recycling.measuring import below, measure
from actors.recycling.moment import arrival_of, wall_ms
from actors.run import Run
from actors.syncing.meter import sized
from actors.transferring.tally import Counts, Tally
from actors.transferring.telling import ChangedFolders
from rota.errors import TemporaryError


@dataclass(slots=True)
class DeleteCounts(Counts):
    """What a deletion counts, all attempts together."""

    removed: int = 0
    items: int = 0


class DeleteTally(Tally[DeleteCounts]):
    """The counts of a deletion, its failures, and its progress."""

    deed = "deleted"

    def __init__(self, run: Run, *, counts: DeleteCounts, total: int) -> None:
        """Begin to count; `total` is how many paths there are."""
        super().__init__(run, counts=counts)
        self._total = total
        self._done = 0

    def settled(self) -> None:
        """Count a path that is settled, whatever came of it."""
        self._done += 1
        self.tick()

    def report(self, *, ended: bool = False) -> None:
        """Tell how far it is."""
        counts = self.counts
        text = f"{counts.items:,} entries with {sized(counts.bytes)} deleted"
        self.run.progress(self._total if ended else self._done, self._total, "paths", text)


class Deleter:
    """Deletes paths of one datasource, one after the other."""

    def __init__(
        self, run: Run, datasource: Datasource, storage: Storage, *, tally: DeleteTally, changed: ChangedFolders
    ) -> None:
        """Take what it works with; the storage shows everything."""
        rules = datasource.rules.bin
        self._run = run
        self._rules = rules
        self._storage = storage
        self._records = run.bin(datasource.name)
        self._tally = tally
        self._changed = changed
        self._bin = Bin(
            storage,
            run=run.id,
            deleted_by=run.person,
            now_ms=lambda: arrival_of(run),
            rules=rules,
            task=run.task,
        )
        self.doomed: list[Recycled] = []
        """What went into the bin to go for good."""

    def delete(self, path: bytes, *, permanently: bool, check: Callable[[], None]) -> None:
        """Delete a path; what cannot be deleted is told and counted, and stays where it is."""
        for_good = permanently or not self._rules.takes(path.decode("utf-8", "surrogateescape"), self._run.person)
        self._bring(path, keep_until=wall_ms() if for_good else None, for_good=for_good, check=check)

    def keep(self, path: bytes, *, keep_until: int, check: Callable[[], None]) -> None:
        """Bring a path into the bin, where it is kept until then and goes then, whatever the rules say; else alike."""
        self._bring(path, keep_until=keep_until, for_good=False, check=check)

    def _bring(self, path: bytes, *, keep_until: int | None, for_good: bool, check: Callable[[], None]) -> None:
        try:
            recycled = self._delete(path, keep_until, check)
        except (OSError, TemporaryError) as error:
            self._tally.fail(path, error)
            return
        if recycled is None:
            return
        # A crash before this leaves the item with its information: the next attempt, or the next purge, records it.
        self._records.add([recycled])
        self._changed.add(split(path)[0])
        self._tally.add(removed=1, items=recycled.items, bytes=recycled.bytes)
        if for_good:
            self.doomed.append(recycled)

    def _delete(self, path: bytes, keep_until: int | None, check: Callable[[], None]) -> Recycled | None:
        """Bring a path into the bin; None if there was nothing to bring."""
        row = self._storage.stat(path)
        parts = row is not None and row.kind == Kind.FOLDER and not self._storage.capabilities.moves
        if not parts and (known := self._of_an_earlier_attempt(path, check)) is not None:
            if row is not None:
                self._run.confirm()
                self._bin.finish(path)
            return known
        if row is None:
            self._skip(path)
            return None
        if parts:
            self._run.confirm()
            return self._delete_parts(path, row, keep_until, check)
        size = measure(self._storage, path, row, check=check)
        # After the measuring, which may take minutes.
        self._run.confirm()
        try:
            return self._bin.put(path, row, items=size.entries, size=size.bytes, keep_until=keep_until)
        except FileNotFoundError as error:
            # Somebody was quicker; perhaps an attempt of this task that was taken for dead.
            known = self._of_an_earlier_attempt(path, check)
            if known is None:
                if self._storage.stat(path) is not None:
                    raise TemporaryError("it, or its place in the bin, was away for a moment") from error
                self._skip(path)
            return known

    def _skip(self, path: bytes) -> None:
        self._run.log.warning(f"{text_of(path)!r} is not there")
        self._tally.add(skipped=1)

    def _of_an_earlier_attempt(self, path: bytes, check: Callable[[], None]) -> Recycled | None:
        """Give what an earlier attempt of this task brought into the bin, and perhaps could not record."""
        found = self._bin.find(path)
        if found is None:
            return None
        recycled, row = found
        size = measure(self._storage, join(BIN, recycled.bin_path), row, check=check)
        return recycled._replace(items=size.entries, bytes=size.bytes)

    def _delete_parts(
        self, path: bytes, row: Row, keep_until: int | None, check: Callable[[], None]
    ) -> Recycled | None:
        """Bring the files and links of a folder into the bin one by one, and remove the folders that are empty then."""
        folders = [path]
        recycled = self._bin.put_parts(
            path, row, self._parts(path, folders, check), failed=self._tally.fail, keep_until=keep_until
        )
        for folder in sorted(folders, key=len, reverse=True):  # deepest first
            check()
            try:
                delete_folder(self._storage, folder)
            except OSError as error:
                self._tally.fail(folder, error)
        if recycled is None:
            recycled = self._of_an_earlier_attempt(path, check)
            if recycled is None and self._storage.stat(path) is None:
                # There was nothing in it but folders.
                self._changed.add(split(path)[0])
                self._tally.add(removed=1, items=len(folders))
            return recycled
        # What an earlier attempt brought there counts too.
        size = measure(self._storage, join(BIN, recycled.bin_path), row, check=check)
        return recycled._replace(items=size.entries, bytes=size.bytes)

    def _parts(self, path: bytes, folders: list[bytes], check: Callable[[], None]) -> Iterator[tuple[bytes, Row]]:
        """Give the files and links below a folder, and add the folders below it to `folders`."""
        for found in below(self._storage, path, check=check):
            if isinstance(found, Unlisted):
                if found.why is not Why.VANISHED:
                    self._tally.fail(found.path, OSError(0, f"cannot be listed: {found.reason}"))
                continue
            for row in found.rows:
                place = join(found.path, row.name)
                if row.kind == Kind.FOLDER:
                    folders.append(place)
                else:
                    yield place, row

"""Rota: how fast a sync finds and writes what differs between a catalog of a million entries and prepared listings.

The storage under it is a file of listings, read in the order of folders, so what is measured is everything behind the
scan: digests, look-ups, comparison, moves, transactions, and the making of events. Each sync runs in a process of its
own (`python -m bench.rota_itself.differing ADDRESS FILE`), which tells how long it took and how large it became.
"""

from __future__ import annotations

import contextlib
import json
import marshal
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from actors.datasources.digest import folder_digest
from actors.datasources.paths import join
from actors.datasources.storage import Capabilities, Datasource, End, Found, Kind, Listing, Lookup, Row, Same
from actors.stored import StoredCatalog, StoredDatasources
from actors.sync import SyncParams, sync
from actors.syncing import one
from actors.testing import RecordingRun
from bench.measurement import Measurement, median_of
from store.batches import batches
from store.engine import Store
from store.queries import catalog, datasources
from store.records import DatasourceRecord, EntryChange, FolderChange
from tests.postgres import PostgresServer, find_postgres_binaries

NAME = "files"
_LOOK_AHEAD = 256
_LENGTH = struct.Struct("<I")
_TIME_NS = 1_700_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """What differs: shares of all files that are updated, created, deleted and moved, in how many of the folders."""

    name: str
    folders: float
    updated: float = 0.004
    created: float = 0.002
    deleted: float = 0.002
    moved: float = 0.002


CHANGES = (
    Change("unchanged", 0),
    Change("1 % in all folders", 1),
    Change("1 % in 1 % of the folders", 0.01),
)


def measure_differing(*, entries: int, rounds: int, what: str) -> list[Measurement]:
    """Make a catalog of each kind of database, and on it a sync of each kind of change; the median counts."""
    side = round(entries ** (1 / 3))
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as name, _urls(Path(name)) as urls:
        return [
            median_of([_measured(database, url, change, Path(name) / "listings", side, what) for _ in range(rounds)])
            for database, url in urls.items()
            for change in CHANGES
        ]


def _measured(database: str, url: str, change: Change, file: Path, side: int, what: str) -> Measurement:
    _prepare(url, file, change, side)
    command = [sys.executable, "-m", "bench.rota_itself.differing", url, str(file)]
    said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return Measurement(
        what=what,
        name=f"rota, {database}, {change.name}",
        version=version("rota"),
        per_second=said["entries"] / said["seconds"],
        note=(
            f"{said['seconds']:.2f} s, {said['reading']:.2f} s of them to read the listings;"
            f" peak {said['peak'] / 1e6:,.0f} MB; {said['told']}"
        ),
    )


@contextlib.contextmanager
def _urls(folder: Path) -> Iterator[dict[str, str]]:
    urls = {"SQLite": f"sqlite:///{folder}/rota.db"}
    binaries = find_postgres_binaries()
    server = PostgresServer(binaries) if binaries else None
    try:
        if server:
            urls["PostgreSQL"] = server.start()
        yield urls
    finally:
        if server:
            server.stop()


def _prepare(url: str, file: Path, change: Change, side: int) -> None:
    """Write a catalog of the tree as it was, and the listings of the tree as it is.

    `side` is how many there are of folders at the top, of folders in each of them, and of files in each of those.
    """
    store = Store(url)
    store.upgrade()
    with store.writing() as conn:
        conn.exec_driver_sql("DELETE FROM entries")
        conn.exec_driver_sql("DELETE FROM folders")
        datasources.save(conn, DatasourceRecord(name=NAME, kind="local", root="/"), at=0)
    for some in batches(_tree(side), 100):
        with store.writing() as conn:
            catalog.apply_changes(
                conn,
                NAME,
                run="run",
                at=1,
                changed_folders=[
                    FolderChange(path, "token", folder_digest(rows), len(rows), sum(row.size for row in rows))
                    for path, rows in some
                ],
                changed_entries=[EntryChange(path, *row) for path, rows in some for row in rows],
            )
    store.checkpoint()
    store.close()
    with file.open("wb") as writing:
        for path, rows in _changed(change, side):
            packed = marshal.dumps((path, [tuple(row) for row in rows]))
            writing.write(_LENGTH.pack(len(packed)) + packed)


def _tree(side: int) -> Iterator[tuple[bytes, list[Row]]]:
    tops = [b"top-%03d" % n for n in range(side)]
    yield b"", [_row(name, Kind.FOLDER, n) for n, name in enumerate(tops)]
    for n, top in enumerate(tops):
        below = [b"folder-%03d" % m for m in range(side)]
        yield top, [_row(name, Kind.FOLDER, (n + 1) * 1_000 + m) for m, name in enumerate(below)]
        for m, name in enumerate(below):
            first = 1_000_000 + (n * side + m) * side
            yield join(top, name), [_row(b"file-%05d.txt" % k, Kind.FILE, first + k) for k in range(side)]


def _row(name: bytes, kind: Kind, number: int) -> Row:
    size = 1_000 + number % 977 if kind is Kind.FILE else 0
    return Row(name, kind.value, size, _TIME_NS + number * 1_000, 10_000_000 + number, 64_769)


def _changed(change: Change, side: int) -> Iterator[tuple[bytes, list[Row]]]:
    chance = random.Random(4)
    waiting: list[Row] = []
    share = change.folders or 1
    for path, rows in _tree(side):
        if path.count(b"/") and chance.random() < change.folders:
            after = []
            for row in rows:
                dice = chance.random() * share
                if dice < change.deleted:
                    continue
                if dice < change.deleted + change.moved:
                    waiting.append(row._replace(name=b"moved-" + row.name))
                elif dice < change.deleted + change.moved + change.updated:
                    after.append(row._replace(size=row.size + 1))
                else:
                    after.append(row)
                if dice > share - change.created:
                    number = row.inode + 500_000_000
                    after.append(Row(b"new-" + row.name, Kind.FILE.value, 10, _TIME_NS, number, row.device))
            while len(waiting) > 1:
                after.append(waiting.pop(0))
            yield path, sorted({row.name: row for row in after}.values())
        else:
            yield path, rows


class Prepared:
    """A storage whose listings are in a file; what is gone from it is gone."""

    capabilities = Capabilities(inodes=True)

    def __init__(self, file: str) -> None:
        self._file = file

    def verify(self) -> None:
        """Nothing is ever wrong with it."""

    def close(self) -> None:
        """Nothing is held."""

    def stat(self, _path: bytes) -> None:
        """Only what is gone is looked at."""

    def list_folder(self, path: bytes) -> Listing:
        """List the root, with which the file begins; any other folder only to see that what is gone is gone."""
        return next(self.listings()) if not path else Listing(path=path, token="", rows=[])

    def scan(
        self, paths: Sequence[bytes], known: Lookup, *, check: Callable[[], None] = lambda: None
    ) -> Iterator[Found]:
        """Tell what the file has, with the digests that a walk would make."""
        left = list(paths)
        listings = (listing for listing in self.listings() if listing.path)
        while some := list(islice(listings, _LOOK_AHEAD)):
            before = known([listing.path for listing in some])
            for listing in some:
                while left and not (listing.path + b"/").startswith(left[0] + b"/"):
                    yield End(path=left.pop(0))
                yield _unless_same(listing, before)
        for path in left:
            yield End(path=path)

    def listings(self) -> Iterator[Listing]:
        """Read the file."""
        with open(self._file, "rb") as reading:
            while length := reading.read(_LENGTH.size):
                path, rows = marshal.loads(reading.read(*_LENGTH.unpack(length)))
                yield Listing(path=path, token="token", rows=list(map(_as_row, rows)))


_as_row = partial(tuple.__new__, Row)


def _unless_same(listing: Listing, before: Mapping[bytes, Any]) -> Found:
    known = before.get(listing.path)
    if known is None or known.token != listing.token or known.digest != folder_digest(listing.rows):
        return listing
    return Same(path=listing.path, entries=len(listing.rows), bytes=sum(row.size for row in listing.rows))


class EncodingRun(RecordingRun):
    """A run that makes its events and checkpoints, and sends them nowhere."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._stored = StoredDatasources(store, run=self.id, task=self.task)

    def emit(self, type: str, data: Any, subject: str | None = None) -> None:  # noqa: A002
        """Encode an event."""
        msgspec.json.encode(data)

    def checkpoint(self, state: Any) -> None:
        """Encode a checkpoint."""
        msgspec.json.encode(state)

    def datasource(self, name: str) -> Datasource:
        """Give the one there is."""
        return self._stored.datasource(name)

    def catalog(self, name: str) -> StoredCatalog:
        """Give its catalog."""
        return self._stored.catalog(name)


def main() -> None:
    """Sync once, and print how that went."""
    url, file = sys.argv[1:]
    run = EncodingRun(Store(url))
    run.catalog(NAME).totals()
    one.open_storage = lambda *_args, **_more: Prepared(file)  # type: ignore[assignment, return-value]
    began = time.perf_counter()
    found = sync(run, SyncParams(datasource=NAME))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    began = time.perf_counter()
    for listing in Prepared(file).listings():
        folder_digest(listing.rows)
    reading = time.perf_counter() - began
    told = ", ".join(f"{getattr(found, each):,} {each}" for each in ("created", "updated", "moved", "deleted"))
    print(json.dumps({"seconds": seconds, "reading": reading, "peak": peak, "entries": found.entries, "told": told}))


if __name__ == "__main__":
    main()

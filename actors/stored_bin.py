"""The records of a bin as the store keeps them: what a worker's run hands to its actors; see `BinRecords`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.bin_records import Item, Outline, Place, Purpose
from actors.datasources.bins import Recycled
from store.engine import Store
from store.queries import recycled as queries
from store.records import RecycledRecord

_CHUNK = 5_000


class StoredBin:
    """The records of one bin, for one task."""

    def __init__(self, store: Store, datasource: str, *, run: str, task: str) -> None:
        self._store = store
        self._datasource = datasource
        self._run = run
        self._task = task

    def add(self, items: Sequence[Recycled]) -> None:
        """Record what went into the bin; what is recorded already is brought up to this."""
        self._store.write(lambda conn: queries.add(conn, self._datasource, self._records(items)))

    def add_new(self, items: Sequence[Recycled]) -> int:
        """Record those of these items that are not, and say how many they were."""
        return self._store.write(lambda conn: queries.add_new(conn, self._datasource, self._records(items)))

    def count(self) -> int:
        """Give how many items are known."""
        with self._store.reading() as conn:
            return queries.count(conn, self._datasource)

    def outlines(self) -> Iterator[Outline]:
        """Give all items, the oldest deletion first."""
        after: tuple[int, int] | None = None
        while True:
            with self._store.reading() as conn:
                found = queries.outlines(conn, self._datasource, after=after, limit=_CHUNK)
            yield from map(Outline._make, found)
            if len(found) < _CHUNK:
                return
            after = found[-1].deleted_at, found[-1].id

    def places(self) -> Iterator[Place]:
        """Give all items by their path in the bin."""
        after: bytes | None = None
        while True:
            with self._store.reading() as conn:
                found = queries.places(conn, self._datasource, after=after, limit=_CHUNK)
            yield from map(Place._make, found)
            if len(found) < _CHUNK:
                return
            after = found[-1][1]

    def find(self, ids: Sequence[int]) -> list[Item]:
        """Give those of these items that are known, by their numbers."""
        with self._store.reading() as conn:
            return [_item(record) for record in queries.find(conn, self._datasource, ids)]

    def named(self, names: Sequence[bytes]) -> list[Item]:
        """Give those of these items that are known; a name is that of its folder in the bin."""
        with self._store.reading() as conn:
            return [_item(record) for record in queries.in_folders(conn, self._datasource, names)]

    def deleted_from(self, paths: Sequence[bytes]) -> Mapping[bytes, Item]:
        """Give what was deleted last at each of these paths."""
        with self._store.reading() as conn:
            found = queries.deleted_from(conn, self._datasource, paths)
        return {path: _item(record) for path, record in found.items()}

    def leftovers(self) -> list[Item]:
        """Give what this task, or one that has ended, has claimed and not let go."""
        with self._store.reading() as conn:
            return [_item(record) for record in queries.leftovers(conn, self._datasource, task=self._task)]

    def claim(self, ids: Sequence[int], purpose: Purpose, *, at: int | None = None) -> list[Item]:
        """Claim those of these items that no other open task has, and give them in this order."""
        claimed = self._store.write(
            lambda conn: queries.claim(conn, self._datasource, ids, task=self._task, purpose=purpose, at=at)
        )
        return list(map(_item, claimed))

    def release(self, ids: Sequence[int]) -> None:
        """Give up claims of this task."""
        self._store.write(lambda conn: queries.release(conn, self._datasource, ids, task=self._task))

    def remove(self, ids: Sequence[int]) -> None:
        """Forget items that are not in the bin any more, unless another task has claimed them."""
        self._store.write(lambda conn: queries.remove(conn, self._datasource, ids, task=self._task))

    def renew(self, items: Sequence[Item]) -> None:
        """Take over how items look now and since when they count, and give up this task's claims on them."""
        records = [_record(item.recycled, run=self._run, id=item.id) for item in items]
        self._store.write(lambda conn: queries.renew(conn, self._datasource, records, task=self._task))

    def last_purge(self) -> Mapping[str, Any] | None:
        """Give what is remembered of the last purge."""
        with self._store.reading() as conn:
            return queries.state(conn, self._datasource)[0]

    def record_purge(self, summary: Mapping[str, Any]) -> None:
        """Remember how a purge went."""
        said = {"run": self._run, "at": self._store.clock.now_ms(), **summary}
        self._store.write(lambda conn: queries.set_last_purge(conn, self._datasource, said))

    def doubt(self) -> Mapping[str, Any] | None:
        """Give what waits until somebody confirms it."""
        with self._store.reading() as conn:
            return queries.state(conn, self._datasource)[1]

    def record_doubt(self, doubt: Mapping[str, Any] | None) -> None:
        """Remember what a purge held back, or that it held back nothing."""
        said = None if doubt is None else {"run": self._run, "at": self._store.clock.now_ms(), **doubt}
        self._store.write(lambda conn: queries.set_doubt(conn, self._datasource, said))

    def _records(self, items: Sequence[Recycled]) -> list[RecycledRecord]:
        return [_record(item, run=self._run) for item in items]


def _record(item: Recycled, *, run: str, id: int | None = None) -> RecycledRecord:  # noqa: A002 -- the column's name
    return RecycledRecord(**item._replace(run=item.run or run)._asdict(), id=id)


def _item(record: RecycledRecord) -> Item:
    assert record.id is not None, "what was read has a number"
    fields = {name: getattr(record, name) for name in Recycled._fields}
    # What is not known of an old one is not compared.
    fields |= {"inode": record.inode or 0, "device": record.device or 0, "etag": record.etag or ""}
    return Item(record.id, Recycled(**fields), record.hold, record.claimed_by, record.claimed_for)

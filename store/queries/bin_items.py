"""What people see of the bins: lists, single items, and how much there is.

An item is named by the first part of its path within the bin, which is the name of its folder there. Paths are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, delete, func, or_, select, tuple_

from rota.errors import NotFound, Refused
from store.batches import BATCH, batches
from store.cursors import decode_cursor, encode_cursor, page_limit
from store.encoding import loads
from store.records import BinCounts, BinFilter, BinState, Page, RecycledRecord, Removed
from store.tables import bins, recycled

MOST_SCANNED = 100_000
"""Items that are looked at for one page: a page may be short and still have a following one."""

# As many as one statement is asked about: each is a range of its own.
_AT_ONCE = 100
_SCAN = 2_000
_columns = [column for column in recycled.c if column.name != "datasource"]
_counts = select(
    recycled.c.datasource,
    func.count(),
    func.coalesce(func.sum(recycled.c.bytes), 0),
    func.count(recycled.c.hold),
).group_by(recycled.c.datasource)


def item_of(bin_path: bytes) -> str:
    """Return the name of the item that lies at a path within the bin."""
    return bin_path.partition(b"/")[0].decode("utf-8", "surrogateescape")


def counts(conn: Connection, datasource: str) -> BinCounts:
    """Return how much is in the bin of a datasource."""
    return next((found for _, found in _counted(conn, recycled.c.datasource == datasource)), BinCounts())


def counts_of_all(conn: Connection) -> dict[str, BinCounts]:
    """Return how much is in each bin, by datasource; those that are empty are left out."""
    return dict(_counted(conn))


def state(conn: Connection, datasource: str) -> BinState:
    """Return what is remembered of the bin of a datasource as a whole."""
    row = conn.execute(select(bins).where(bins.c.datasource == datasource)).mappings().one_or_none()
    return BinState() if row is None else _state(row)


def states(conn: Connection) -> dict[str, BinState]:
    """Return what is remembered of each bin, by datasource; those that nothing is known of are left out."""
    return {row["datasource"]: _state(row) for row in conn.execute(select(bins)).mappings()}


def get(conn: Connection, datasource: str, item: str) -> RecycledRecord:
    """Return one item; NotFound if it is not in the bin of this datasource."""
    return find(conn, datasource, [item])[0]


def find(conn: Connection, datasource: str, items: Sequence[str]) -> list[RecycledRecord]:
    """Return these items in their order; NotFound names the first that is not in the bin."""
    found: dict[str, RecycledRecord] = {}
    for some in batches(items, _AT_ONCE):
        # The datasource in each of them: otherwise SQLite uses the index for none.
        query = select(*_columns).where(or_(*(_named(datasource, item) for item in some)))
        found |= {item_of(row["bin_path"]): _record(row) for row in conn.execute(query).mappings()}
    for item in items:
        if item not in found:
            raise NotFound(f"there is no item {item} in the bin of {datasource}")
    return [found[item] for item in items]


def at_path(conn: Connection, datasource: str, path: bytes) -> RecycledRecord:
    """Return the item that was deleted last at a path; NotFound if none in the bin was."""
    query = _newest_first(
        select(*_columns).where(recycled.c.datasource == datasource, recycled.c.original_path == path)
    )
    row = conn.execute(query.limit(1)).mappings().one_or_none()
    if row is None:
        said = path.decode("utf-8", "replace")
        raise NotFound(f"nothing in the bin of {datasource} was at {said}; whole folders are one item")
    return _record(row)


def with_numbers(conn: Connection, numbers: Sequence[int]) -> list[RecycledRecord]:
    """Return the items with these running numbers, some dozens at most, in their order; those gone are left out."""
    query = select(*_columns).where(recycled.c.id.in_(numbers))
    found = {row["id"]: _record(row) for row in conn.execute(query).mappings()}
    return [found[number] for number in numbers if number in found]


def list_items(
    conn: Connection, datasource: str, wanted: BinFilter | None = None, *, cursor: str | None = None, limit: int = 100
) -> Page[RecycledRecord]:
    """Return a page of what is in a bin, the newest deletion first.

    Where `keep` of the filter turns most items down, a page may hold fewer than `limit`, or none, and still have a
    following one: no more than `MOST_SCANNED` items are looked at.
    """
    wanted = wanted or BinFilter()
    keep = wanted.keep or _any
    most = page_limit(limit)
    query = _newest_first(select(*_columns).where(recycled.c.datasource == datasource, *_conditions(wanted)))
    after = None if cursor is None else _place_in(cursor)
    found: list[RecycledRecord] = []
    for scanned, record in enumerate(_scanned(conn, query, after, _SCAN if wanted.keep else most + 1)):
        # There is one more, wanted or not: whoever asks for the next page finds out.
        if len(found) == most or scanned == MOST_SCANNED:
            return Page(items=found, next=_cursor_of(after))
        if keep(record):
            found.append(record)
        after = _place_of(record)
    return Page(items=found)


def all_items(conn: Connection, datasource: str) -> Iterator[RecycledRecord]:
    """Yield everything in a bin, the newest deletion first."""
    query = _newest_first(select(*_columns).where(recycled.c.datasource == datasource))
    yield from _scanned(conn, query, None, _SCAN)


def remove_batch(conn: Connection, datasource: str, *, limit: int = BATCH) -> Removed:
    """Forget some items of a datasource; what lies in its bin stays there.

    While there are more, call it again in a new transaction.
    """
    some = select(recycled.c.id).where(recycled.c.datasource == datasource).limit(limit)
    rows = conn.execute(delete(recycled).where(recycled.c.id.in_(some))).rowcount
    return Removed(rows=rows, more=rows == limit)


def _counted(conn: Connection, *conditions: ColumnElement[bool]) -> Iterator[tuple[str, BinCounts]]:
    for datasource, items, size, held in conn.execute(_counts.where(*conditions)):
        # A sum of large numbers is a decimal one in PostgreSQL.
        yield datasource, BinCounts(items=items, bytes=int(size), held=held)


def _named(datasource: str, item: str) -> ColumnElement[bool]:
    name = item.encode("utf-8", "surrogateescape")
    place, of_it = recycled.c.bin_path, recycled.c.datasource == datasource
    # "0" is the byte after "/".
    return or_(and_(of_it, place == name), and_(of_it, place > name + b"/", place < name + b"0"))


def _conditions(wanted: BinFilter) -> Iterator[ColumnElement[bool]]:
    path = recycled.c.original_path
    if wanted.user is not None:
        yield recycled.c.deleted_by == wanted.user
    if wanted.folder:
        yield or_(path == wanted.folder, and_(path > wanted.folder + b"/", path < wanted.folder + b"0"))
    if wanted.since is not None:
        yield recycled.c.deleted_at >= wanted.since
    if wanted.until is not None:
        yield recycled.c.deleted_at < wanted.until
    if wanted.bin is not None:
        yield recycled.c.bin == wanted.bin


def _newest_first(query: Select[*tuple[object, ...]]) -> Select[*tuple[object, ...]]:
    return query.order_by(recycled.c.deleted_at.desc(), recycled.c.id.desc())


def _scanned(
    conn: Connection, query: Select[*tuple[object, ...]], after: tuple[int, int] | None, batch: int
) -> Iterator[RecycledRecord]:
    while True:
        further = query if after is None else query.where(tuple_(recycled.c.deleted_at, recycled.c.id) < tuple_(*after))
        records = [_record(row) for row in conn.execute(further.limit(batch)).mappings()]
        yield from records
        if len(records) < batch:
            return
        after = _place_of(records[-1])


def _place_of(record: RecycledRecord) -> tuple[int, int]:
    assert record.id is not None, "what was read has a number"
    return record.deleted_at, record.id


def _cursor_of(place: tuple[int, int] | None) -> str | None:
    return None if place is None else encode_cursor(f"{place[0]}:{place[1]}")


def _place_in(cursor: str) -> tuple[int, int]:
    at, _, number = decode_cursor(cursor).partition(":")
    if not all(each.isascii() and each.isdigit() and len(each) < 20 and int(each) < 2**63 for each in (at, number)):
        raise Refused("this cursor was not made by this list")
    return int(at), int(number)


def _any(_: RecycledRecord) -> bool:
    return True


def _state(row: RowMapping) -> BinState:
    return BinState(last_purge=loads(row["last_purge"]), doubt=loads(row["doubt"]))


def _record(row: RowMapping) -> RecycledRecord:
    return RecycledRecord(**row)

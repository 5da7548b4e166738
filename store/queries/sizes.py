"""How much the folders of a catalog hold, with everything below them.

Nothing is kept for it: each folder has the sums of its own files, and what is below a folder is one range of the index
over paths, because "0" is the byte after "/".
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, LargeBinary, Select, bindparam, case, func, literal, select

from store.records import CatalogCounts
from store.tables import folders

_SLASH = literal(b"/", LargeBinary)
_SKIPPED = bindparam("skipped", type_=Integer)
_NOTHING = CatalogCounts(folders=0, entries=0, bytes=0)


def below(conn: Connection, datasource: str, folder: bytes, names: Collection[bytes]) -> dict[bytes, CatalogCounts]:
    """Return what each of these folders in `folder` holds, by name: everything below it, without itself.

    It is one pass over all folders from the first name to the last, so the names should be neighbours, as those on a
    page are. A folder that the catalog has not seen inside holds nothing.
    """
    if not names:
        return {}
    prefix = folder + b"/" if folder else b""
    given = {
        "datasource": datasource,
        "first": prefix + min(names),
        # Not the end of the last name: a-b comes before a/b, and a0 behind both.
        "behind": prefix + max(name + b"0" for name in names),
        "skipped": len(prefix) + 1,
    }
    found = {
        bytes(row.name): CatalogCounts(folders=row.folders - 1, entries=int(row.entries), bytes=int(row.size))
        for row in conn.execute(_sums[conn.dialect.name], given)
    }
    return {name: found.get(name, _NOTHING) for name in names}


def bytes_in(conn: Connection, datasource: str, folders_within: Collection[bytes]) -> int:
    """Return how many bytes these folders hold with everything below them; none of them may be below another.

    It is one range of the index for each. What the catalog has not seen counts nothing.
    """
    given = (
        {"datasource": datasource, "path": path, "end": path + b"0", "inside": path + b"/"} for path in folders_within
    )
    return sum(int(conn.scalar(_whole if one["path"] else _everything, one) or 0) for one in given)


def _sums_by(next_name: ColumnElement[bytes]) -> Select[Any]:
    path = folders.c.path
    each = (
        select(next_name.label("name"), folders.c.entry_count, folders.c.bytes)
        .where(
            folders.c.datasource == bindparam("datasource"),
            path >= bindparam("first", type_=LargeBinary),
            path < bindparam("behind", type_=LargeBinary),
        )
        .subquery()
    )
    return select(
        each.c.name,
        func.count().label("folders"),
        func.sum(each.c.entry_count).label("entries"),
        func.sum(each.c.bytes).label("size"),
    ).group_by(each.c.name)


def _next_name(slash: ColumnElement[int], rest: ColumnElement[bytes], until_slash: ColumnElement[bytes]) -> Any:
    return case((slash > 0, until_slash), else_=rest)


def _of_sqlite() -> Select[Any]:
    rest = func.substr(folders.c.path, _SKIPPED)
    slash = func.instr(rest, _SLASH)
    return _sums_by(_next_name(slash, rest, func.substr(rest, 1, slash - 1)))


def _of_postgresql() -> Select[Any]:
    rest = func.substring(folders.c.path, _SKIPPED)
    slash = func.position(_SLASH.op("IN")(rest))
    return _sums_by(_next_name(slash, rest, func.substring(rest, 1, slash - 1)))


_everything = select(func.sum(folders.c.bytes)).where(folders.c.datasource == bindparam("datasource"))
_path = folders.c.path
_whole = _everything.where(
    (_path == bindparam("path", type_=LargeBinary))
    | (_path >= bindparam("inside", type_=LargeBinary)) & (_path < bindparam("end", type_=LargeBinary))
)
_sums = {"sqlite": _of_sqlite(), "postgresql": _of_postgresql()}

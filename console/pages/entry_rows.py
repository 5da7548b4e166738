"""The entries of a folder as the pages list them: what leads to each, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from console.api.datasource_shaping import raw_of
from console.api.identity import Who
from console.api.shapes import EntryShape
from rota.archives import parse_name
from rota.datasources import Rules
from store.records import DatasourceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One entry; what leads to its folder or its content is the query of an address."""

    entry: EntryShape
    name: str
    place: str
    way: str
    """Where it goes when it is deleted: `bin`, `for good`; empty where it has no name that a form can hold."""
    is_archive: bool

    @property
    def can_be_chosen(self) -> bool:
        """Whether a field of a form can hold its path."""
        return bool(self.way)

    @property
    def unpacking(self) -> str:
        """What leads to what can be done with an archive."""
        return place_of(self.entry.path, None)


def rows_of(record: DatasourceRecord, who: Who, entries: list[EntryShape]) -> list[Row]:
    """Return entries as rows."""
    ways = _way_of_deletion(record, who)
    return [
        Row(
            entry=entry,
            name=name_of(entry.path),
            place=place_of(entry.path, entry.raw),
            way=(way := ways(entry)),
            is_archive=bool(way) and entry.kind == "file" and _can_be_unpacked(name_of(entry.path)),
        )
        for entry in entries
    ]


def _can_be_unpacked(name: str) -> bool:
    """Tell it by the name; of a divided archive the first part stands for all."""
    told = parse_name(name)
    return told.format is not None and told.part in (None, 1)


def _way_of_deletion(record: DatasourceRecord, who: Who) -> Callable[[EntryShape], str]:
    rules = Rules.model_validate(record.rules).bin

    def way(entry: EntryShape) -> str:
        # No field of a form holds such a name as it is.
        if entry.raw is not None or any(sign in entry.path for sign in "\r\n"):
            return ""
        return "bin" if rules.takes(entry.path, who.name) else "for good"

    return way


def name_of(path: str) -> str:
    """Return the last name of a path."""
    return path.rpartition("/")[2]


def place_of(path: str, raw: str | None) -> str:
    """Return what leads to a folder, as the query of an address; nothing for the root."""
    if not path:
        return ""
    return urlencode({"path": path} if raw is None else {"raw": raw})


def page_of(datasource: str, path: str) -> str:
    """Return the address of the page of a folder."""
    place = place_of(path, None)
    return f"/datasources/{quote(datasource, safe='')}{'?' if place else ''}{place}"


def crumbs_of(folder: bytes, *, within: bytes = b"") -> list[tuple[str, str]]:
    """Return the folders on the way, below the one that they are told from, each with what leads there."""
    names = folder.split(b"/") if folder else []
    ways = [b"/".join(names[: n + 1]) for n in range(len(names))]
    return [
        (name.decode("utf-8", "replace"), place_of(way.decode("utf-8", "replace"), raw_of(way)))
        for name, way in zip(names, ways, strict=True)
        if len(way) > len(within)
    ]

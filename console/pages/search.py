"""The page of the search: a field, what was found, and what it can be narrowed to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from console.api.datasource_shaping import path_of_raw, raw_of
from console.api.identity import Asking
from console.api.parts import Given, Parts
from console.api.requests import Cursor
from console.api.routing import new_router
from console.api.search import Names, QueryText, SearchWish, Types, find
from console.api.search_shapes import HitShape, SearchShape
from console.pages.entry_rows import place_of
from console.pages.moments import ZoneText
from console.pages.showing import show
from rota.errors import InvalidQuery, TooBroad
from store.queries import indexes

router = new_router(prefix="", in_schema=False)

_PAGE = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """What the hits can be narrowed to, or are: a link that does or undoes it."""

    name: str
    count: int
    is_chosen: bool
    link: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a query was not read: the message, and the query before, at and behind what is wrong."""

    message: str
    before: str
    there: str
    behind: str


@dataclass(frozen=True, slots=True)
class Row:
    """A hit, with where it leads."""

    hit: HitShape
    folder: str
    link: str
    """To the folder that it is in, or to itself if it is one."""


@router.get("/search")
def search_page(
    request: Request,
    parts: Given,
    who: Asking,
    *,
    q: QueryText = "",
    type: Types = [],  # noqa: A002, B006 -- the name of the parameter; FastAPI copies the list
    datasource: Names = [],  # noqa: B006
    zone: ZoneText = "",
    cursor: Cursor = None,
) -> Response:
    """Show what was found; without any words only the field, and how it is asked."""
    wish = SearchWish(text=q, types=type, datasources=datasource, zone=zone, cursor=cursor, limit=_PAGE, facets=True)
    found, wrong = _asked(parts, wish) if q.strip() or type or datasource else (None, None)
    return show(
        request,
        "search.html",
        who,
        status=422 if wrong else 200,
        q=q,
        zone=zone,
        found=found,
        wrong=wrong,
        rows=[row_of(hit) for hit in found.items] if found else [],
        types=_choices(wish, "type", found.types) if found else [],
        datasources=_choices(wish, "datasource", found.datasources) if found else [],
        searched=_searched(parts),
        first=address_of(wish) if cursor else None,
        following=address_of(wish, cursor=found.next) if found and found.next else None,
    )


def _asked(parts: Parts, wish: SearchWish) -> tuple[SearchShape | None, Wrong | None]:
    try:
        return find(parts, wish), None
    except InvalidQuery as error:
        end = error.position + error.length
        text = wish.text
        return None, Wrong(str(error), text[: error.position], text[error.position : end], text[end:])
    except TooBroad as error:
        return None, Wrong(str(error), wish.text, "", "")


def _searched(parts: Parts) -> int:
    """Return how many datasources can be searched."""
    with parts.store.reading() as conn:
        return len(indexes.live(conn))


def _choices(wish: SearchWish, field: str, counts: Mapping[str, int]) -> list[Choice]:
    """Return what the hits can be narrowed to, most hits first; before it what was chosen, for it can be undone."""
    chosen = list(wish.types if field == "type" else wish.datasources)
    undone = [
        Choice(
            name, counts.get(name, 0), True, address_of(wish, **{field: [other for other in chosen if other != name]})
        )
        for name in chosen
    ]
    others = [
        Choice(name, count, False, address_of(wish, **{field: [*chosen, name]}))
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if count and name not in chosen
    ]
    return undone + others


def address_of(wish: SearchWish, **changed: object) -> str:
    """Return the address of the first page of a search, or of the one that `cursor` begins."""
    given = {"q": wish.text, "type": list(wish.types), "datasource": list(wish.datasources), "zone": wish.zone}
    fields = {name: value for name, value in {**given, **changed}.items() if value}
    return f"/search?{urlencode(fields, doseq=True)}"


def row_of(hit: HitShape) -> Row:
    """Return a hit with the folder that it is in, as people read it, and the link to look at it there."""
    path = hit.path.encode() if hit.raw is None else path_of_raw(hit.raw)
    there = path if hit.kind == "folder" else path.rpartition(b"/")[0]
    place = place_of(there.decode("utf-8", "replace"), raw_of(there))
    tree = f"/datasources/{hit.datasource}"
    return Row(hit, hit.path.rpartition("/")[0], f"{tree}?{place}" if place else tree)

"""`/search`: what is in all datasources, found by name, content, type, size and time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Query as Parameter
from fastapi import Request
from starlette.responses import Response

from console.api.answers import documented, reply_list
from console.api.datasource_shaping import raw_of
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.requests import Cursor, Limit
from console.api.routing import new_router
from console.api.search_shapes import HitShape, PieceShape, SearchShape
from console.api.shapes import EntryKind
from console.searching import decode_position, encode_position
from rota.errors import NotFound
from rota.problems import allowed_names
from rota.search.parsing import parse_query
from rota.search.query import All, Either, In, Node, Of, Query
from rota.search.types import TYPES
from rota.search.writing import written
from rota.times import rfc3339
from rota.zones import zone as zone_named
from store.queries import datasources
from store.search.engine import Hit

router = new_router(tag="search")

MOST_NAMES = 60

QueryText = Annotated[str, Parameter(description="What to search for; nothing finds everything.")]
Types = Annotated[list[str], Parameter(max_length=MOST_NAMES, description="Only these types; may be repeated.")]
Names = Annotated[list[str], Parameter(max_length=MOST_NAMES, description="Only these datasources; may be repeated.")]
ZoneName = Annotated[str, Parameter(max_length=60, description="Time zone whose days `modified:` means.")]
Facets = Annotated[bool, Parameter(description="Count the hits by type and by datasource, too.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchWish:
    """What somebody searches for: the text, what it is narrowed to, and where the page begins."""

    text: str
    types: Sequence[str] = ()
    datasources: Sequence[str] = ()
    zone: str = "UTC"
    cursor: str | None = None
    limit: int = 20
    facets: bool = False


@router.get("/search", **documented("Search"))
def search(
    request: Request,
    parts: Given,
    *,
    q: QueryText = "",
    type: Types = [],  # noqa: A002, B006 -- the name of the parameter; FastAPI copies the list
    datasource: Names = [],  # noqa: B006
    zone: ZoneName = "UTC",
    facets: Facets = False,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Response:
    """Search all datasources that are indexed, the best hits first.

    A query that cannot be read is a problem with the `position` of what is wrong in it, in characters, and its
    `length`.
    """
    wish = SearchWish(text=q, types=type, datasources=datasource, zone=zone, cursor=cursor, limit=limit, facets=facets)
    found = find(parts, wish)
    more = {name: getattr(found, name) for name in found.__struct_fields__ if name not in ("items", "next")}
    return reply_list(request, found.items, found.next, **more)


def find(parts: Parts, wish: SearchWish) -> SearchShape:
    """Return a page of hits.

    Raises InvalidQuery and Problems for what cannot be read, NotFound for a datasource that is not there, TooBroad for
    what takes too long, SearchUnavailable while the engine is away.
    """
    begun = parts.clock.monotonic()
    query = _query_of(parts, wish)
    after = decode_position(wish.cursor)
    # One more tells whether there is another page.
    searched = parts.searching.find(query, limit=wish.limit + 1, after=after, facets=wish.facets)
    found = searched.found
    hits = found.hits[: wish.limit]
    parts.hit_checks.look_at(hits)
    return SearchShape(
        items=[_hit_shape(hit) for hit in hits],
        next=encode_position(hits[-1].position) if len(found.hits) > wish.limit else None,
        total=found.total,
        total_is_exact=found.is_exact,
        types=dict(found.types),
        datasources=dict(found.datasources),
        left_out=list(searched.left_out),
        understood=written(query.root),
        took_ms=round((parts.clock.monotonic() - begun) * 1000, 1),
    )


def _query_of(parts: Parts, wish: SearchWish) -> Query:
    try:
        zone_named(wish.zone or "UTC")
    except ValueError as error:
        raise _invalid("zone", str(error)) from error
    with parts.store.reading() as conn:
        known = [record.name for record in datasources.list_datasources(conn)]
    read = parse_query(wish.text, now_ms=parts.clock.now_ms(), zone=wish.zone or "UTC", datasources=known)
    return Query(read.text, _narrowed(read.root, wish, known))


def _narrowed(root: Node | None, wish: SearchWish, known: Collection[str]) -> Node | None:
    """Return a query within the types and datasources that were chosen beside it."""
    for name in wish.types:
        if name not in TYPES:
            raise _invalid("type", f"{name[:40]!r} is no type; allowed: {', '.join(TYPES)}")
    for name in wish.datasources:
        if name not in known:
            raise NotFound(f"there is no datasource {name[:63]}; {allowed_names(name[:63], known)}")
    chosen: list[Node] = [
        Either(tuple(parts)) if len(parts) > 1 else parts[0]
        for parts in (
            [Of(name) for name in dict.fromkeys(wish.types)],
            [In(name) for name in dict.fromkeys(wish.datasources)],
        )
        if parts
    ]
    if root is not None:
        chosen[:0] = root.parts if isinstance(root, All) else (root,)
    return All(tuple(chosen)) if len(chosen) > 1 else next(iter(chosen), None)


def _invalid(parameter: str, message: str) -> Problem:
    listed = [{"parameter": parameter, "path": parameter, "message": message}]
    return Problem(422, "the request is not valid", name="invalid-request", errors=listed)


def _hit_shape(hit: Hit) -> HitShape:
    path = hit.path.decode("utf-8", "replace")
    return HitShape(
        datasource=hit.datasource,
        path=path,
        raw=raw_of(hit.path),
        name=path.rpartition("/")[2],
        kind=cast("EntryKind", hit.kind),
        type=hit.type,
        size=hit.size,
        modified=rfc3339(hit.modified_ns // 1_000_000),
        score=hit.score,
        snippet=[PieceShape(text=piece.text, hit=piece.is_hit) for piece in hit.snippet],
        meta=hit.meta,
    )

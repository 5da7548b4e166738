"""`/datasources/{name}/entries`: what the catalog has of a datasource, as a tree with sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from console.api.answers import documented, reply_list
from console.api.datasource_shaping import entry_shape, path_of_raw
from console.api.homes import check_home
from console.api.identity import Asking
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.requests import Cursor, Limit
from console.api.routing import new_router
from console.api.shapes import EntryShape
from store.queries import catalog, datasources, sizes

router = new_router(tag="datasources")

PathText = Annotated[str, Query(max_length=8192, description="A folder, relative to the datasource.")]
RawText = Annotated[
    str, Query(max_length=12_000, description="Instead of `path`: what an entry has as `raw`, for names not in UTF-8.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPage:
    """One page of a folder's entries; `next` is the cursor of the following one."""

    items: list[EntryShape]
    next: str | None


@router.get("/datasources/{name}/entries", **documented("Entry[]"))
def list_entries(
    request: Request,
    name: str,
    parts: Given,
    who: Asking,
    *,
    path: PathText = "",
    raw: RawText = "",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List what the catalog has in a folder, by name; folders come with the sum of everything below them."""
    with parts.store.reading() as conn:
        record = datasources.get(conn, name)
    folder = folder_of(path, raw)
    check_home(who, record, folder, itself=True)
    page = entries_in(parts, name, folder, cursor=cursor, limit=limit)
    return reply_list(request, page.items, page.next)


def folder_of(path: str, raw: str) -> bytes:
    """Return the path of the folder that is asked for; a Problem for a `raw` that is none of ours."""
    if not raw:
        return path.strip("/").encode("utf-8", "surrogateescape")
    try:
        return path_of_raw(raw)
    except ValueError as error:
        listed = [{"parameter": "raw", "path": "raw", "message": str(error)}]
        raise Problem(422, "the request is not valid", name="invalid-request", errors=listed) from error


def entries_in(parts: Parts, name: str, folder: bytes, *, cursor: str | None, limit: int) -> EntryPage:
    """Return a page of what is in a folder, with the sizes of the folders on it; NotFound if it is not known."""
    with parts.store.reading() as conn:
        page = catalog.list_entries(conn, name, folder, cursor=cursor, limit=limit)
        below = sizes.below(conn, name, folder, [entry.name for entry in page.items if entry.kind == "folder"])
    return EntryPage(items=[entry_shape(entry, folder, below) for entry in page.items], next=page.next)

"""The search's side of a datasource: index it again, check its index, and which files gave no text."""

from __future__ import annotations

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from console.api.answers import documented, reply_list
from console.api.datasource_work import body_of, read_wish, start_about
from console.api.identity import Asking, Who
from console.api.index_shaping import unread_shape
from console.api.parts import Given, Parts
from console.api.requests import Body, Cursor, Limit
from console.api.routing import new_router
from console.api.shapes import UnreadShape
from console.api.starting import IdempotencyKey, started
from rota.fields import Flag, Part
from scheduler.admission.admitting import Admitted
from store.queries import datasources, unread
from store.records import Page

router = new_router(tag="datasources")

INDEX_JOB = "index-datasource"
CHECK_JOB = "check-index"


class IndexWish(Part):
    """How much to index."""

    full: Flag = Field(default=False, description="Build a new index beside the one that is searched, then swap them.")
    unread: Flag = Field(default=False, description="Try the files again that gave no text.")


@router.post(
    "/datasources/{name}/index",
    **documented("Started", status=202, body=body_of(IndexWish), needs_body=False, headers=("Location",)),
)
def index_datasource(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Bring the index up to date now; what that did is in the result of the run and in `search.last_run`."""
    return started(index(parts, who, name, read_wish(body, IndexWish), key=key))


@router.post(
    "/datasources/{name}/check-index",
    **documented("Started", status=202, headers=("Location",)),
)
def check_index(name: str, parts: Given, who: Asking, key: IdempotencyKey = None) -> Response:
    """Compare the index with the whole catalog and repair it; what differed is in `search.last_check`."""
    return started(check(parts, who, name, key=key))


@router.get("/datasources/{name}/unread", **documented("Unread[]"))
def list_unread(request: Request, name: str, parts: Given, *, cursor: Cursor = None, limit: Limit = 100) -> Response:
    """List the files that are found by their names only, because they gave no text, with the reasons."""
    page = unread_in(parts, name, cursor=cursor, limit=limit)
    return reply_list(request, page.items, page.next)


def index(parts: Parts, who: Who, name: str, wish: IndexWish, *, key: str | None = None) -> Admitted:
    """Start the indexing of a datasource and return what became of it."""
    return start_about(parts, who, INDEX_JOB, name, wish.model_dump(mode="json", exclude_defaults=True), key=key)


def check(parts: Parts, who: Who, name: str, *, key: str | None = None) -> Admitted:
    """Start a check of the index of a datasource and return what became of it."""
    return start_about(parts, who, CHECK_JOB, name, {}, key=key)


def unread_in(parts: Parts, name: str, *, cursor: str | None, limit: int) -> Page[UnreadShape]:
    """Return a page of the files of a datasource that gave no text; NotFound without such a datasource."""
    with parts.store.reading() as conn:
        datasources.get(conn, name)
        page = unread.list_unread(conn, name, cursor=cursor, limit=limit)
    return Page(items=[unread_shape(found) for found in page.items], next=page.next)

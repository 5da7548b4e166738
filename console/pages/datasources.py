"""The pages of datasources: all of them, and what the catalog has in one."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from console.api.datasources import all_datasources, sync
from console.api.identity import Asking
from console.api.parts import Given
from console.api.requests import Cursor
from console.api.routing import new_router
from console.api.shaping import entry_shape
from console.pages.forms import Filled
from console.pages.notices import Notice, go
from console.pages.showing import show
from rota.errors import NotFound, Refused
from rota.states import RunState
from store.queries import catalog, datasources

router = new_router(prefix="", in_schema=False)

_PAGE = 200


@router.get("/datasources")
def datasources_page(request: Request, parts: Given, who: Asking) -> Response:
    """Show the datasources."""
    return show(request, "datasources.html", who, datasources=all_datasources(parts))


@router.get("/datasources/{name}")
def datasource_page(
    request: Request,
    name: str,
    parts: Given,
    *,
    who: Asking,
    path: Annotated[str, Query(max_length=8192)] = "",
    cursor: Cursor = None,
) -> Response:
    """Show what the catalog has in a folder of a datasource."""
    path = path.strip("/")
    folder = path.encode("utf-8", "surrogateescape")
    with parts.store.reading() as conn:
        record = datasources.get(conn, name)
        counts = catalog.counts(conn, name)
        found = catalog.list_entries(conn, name, folder, cursor=cursor, limit=_PAGE)
    parents = path.split("/") if path else []
    crumbs = [(part, "/".join(parents[: n + 1])) for n, part in enumerate(parents)]
    entries = [(entry.name.decode("utf-8", "replace"), entry_shape(entry, folder), entry) for entry in found.items]
    context = {"datasource": record, "counts": counts, "entries": entries, "next": found.next, "cursor": cursor}
    return show(request, "datasource.html", who, path=path, crumbs=crumbs, **context)


@router.post("/datasources/{name}")
def act(name: str, parts: Given, who: Asking, form: Filled) -> Response:
    """Sync a datasource now."""
    del form
    try:
        admitted = sync(parts, who, name)
    except (NotFound, Refused) as error:
        return go(f"/datasources/{name}", Notice(f"Not started: {error}.", good=False))
    if admitted.state is RunState.SKIPPED:
        return go(f"/datasources/{name}", Notice(f"Not started: {admitted.reason}.", good=False))
    return go(f"/runs/{admitted.run}", Notice("Started."))

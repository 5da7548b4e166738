"""The pages of those who work on their own files only: where they have a home, and what is in it."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from console.api.datasource_shaping import raw_of
from console.api.entries import EntryPage, entries_in
from console.api.homes import check_home, home_for
from console.api.identity import Who
from console.api.parts import Parts
from console.pages.entry_rows import crumbs_of, page_of, place_of, rows_of
from console.pages.notices import go
from console.pages.showing import show
from rota.errors import NotFound
from store.queries import datasources
from store.records import DatasourceRecord


def homes_page(request: Request, parts: Parts, who: Who) -> Response:
    """Show in which datasources somebody has a home; the only one itself."""
    with parts.store.reading() as conn:
        found = [each for each in datasources.list_datasources(conn) if home_for(who, each) is not None]
    if len(found) == 1:
        return go(page_of(found[0].name, ""))
    return show(request, "homes.html", who, sources=found)


def home_page(
    request: Request,
    parts: Parts,
    who: Who,
    record: DatasourceRecord,
    folder: bytes,
    *,
    cursor: str | None,
    limit: int,
) -> Response:
    """Show a folder in somebody's home, which stands for the root; NotFound for anything outside."""
    home = home_for(who, record)
    folder = folder or home or b""
    check_home(who, record, folder, itself=True)
    try:
        page = entries_in(parts, record.name, folder, cursor=cursor, limit=limit)
    except NotFound:
        if folder != home:
            raise
        page = EntryPage(items=[], next=None)  # no sync has seen it yet
    return show(
        request,
        "home.html",
        who,
        source=record,
        rows=rows_of(record, who, page.items),
        next=page.next,
        cursor=cursor,
        crumbs=crumbs_of(folder, within=home or b""),
        place=place_of(folder.decode("utf-8", "replace"), raw_of(folder)),
    )

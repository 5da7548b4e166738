"""The pages of datasources: all of them, and one with what became of it and what the catalog has of it."""

from __future__ import annotations

from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response

from console.api import datasource_settings as settings
from console.api.datasource_index import IndexWish, check, index, unread_in
from console.api.datasource_shaping import raw_of
from console.api.datasource_work import SyncWish, confirm, probe, sync
from console.api.datasources import all_datasources, one_datasource
from console.api.entries import PathText, RawText, entries_in, folder_of
from console.api.file_wishes import PathsWish
from console.api.files import delete
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.requests import Cursor
from console.api.routing import new_router
from console.difference_words import CHECKED, INDEXED
from console.pages.datasource_form import KINDS
from console.pages.datasource_runs import RunText, answer_of, last_run_of, open_runs
from console.pages.entry_rows import crumbs_of, place_of, rows_of
from console.pages.forms import Filled, Form
from console.pages.homes import home_page, homes_page
from console.pages.notices import Notice, go
from console.pages.showing import show
from console.pages.starting import begun
from scheduler.admission.admitting import Admitted
from store.queries import datasources

router = new_router(prefix="", in_schema=False)

ENGINES = {"tantivy": "Tantivy", "postgresql": "PostgreSQL", "opensearch": "OpenSearch"}
"""How the engines are called."""

_PAGE = 200


@router.get("/datasources")
def datasources_page(request: Request, parts: Given, who: Asking) -> Response:
    """Show the datasources; their homes to those who have nothing else."""
    if who.own_only:
        return homes_page(request, parts, who)
    return show(request, "datasources.html", who, datasources=all_datasources(parts), kinds=KINDS)


@router.get("/datasources/{name}")
def datasource_page(
    request: Request,
    name: str,
    parts: Given,
    *,
    who: Asking,
    path: PathText = "",
    raw: RawText = "",
    cursor: Cursor = None,
    run: RunText = "",
) -> Response:
    """Show how it stands with a datasource, and what the catalog has in one of its folders; only that of a home."""
    folder = folder_of(path, raw)
    with parts.store.reading() as conn:
        record = datasources.get(conn, name)
    if who.own_only:
        return home_page(request, parts, who, record, folder, cursor=cursor, limit=_PAGE)
    with parts.store.reading() as conn:
        context = {
            "source": one_datasource(parts, conn, record),
            "last_run": last_run_of(conn, record),
            "working": open_runs(conn, name),
            "answer": answer_of(conn, name, run),
        }
    page = entries_in(parts, name, folder, cursor=cursor, limit=_PAGE)
    return show(
        request,
        "datasource.html",
        who,
        kinds=KINDS,
        engines=ENGINES,
        indexed=INDEXED,
        checked=CHECKED,
        rows=rows_of(record, who, page.items),
        next=page.next,
        cursor=cursor,
        crumbs=crumbs_of(folder),
        place=place_of(folder.decode("utf-8", "replace"), raw_of(folder)),
        **context,
    )


@router.post("/datasources/{name}")
def act(name: str, parts: Given, who: Asking, form: Filled) -> Response:
    """Sync a datasource, index it, test the way to it, confirm deletions, or switch it."""
    here = f"/datasources/{name}"
    deed = form.one("deed")
    if deed in ("enable", "disable"):
        settings.switch(parts, who, name, enabled=deed == "enable")
        return go(here, Notice(f"{name} is switched {'on' if deed == 'enable' else 'off'}."))
    return begun(here, lambda: _start(parts, who, name, deed, form))


@router.get("/datasources/{name}/unread")
def unread_page(request: Request, name: str, parts: Given, who: Asking, cursor: Cursor = None) -> Response:
    """Show the files of a datasource that gave the search no text, with the reasons."""
    with parts.store.reading() as conn:
        source = one_datasource(parts, conn, datasources.get(conn, name))
    page = unread_in(parts, name, cursor=cursor, limit=_PAGE)
    return show(request, "unread.html", who, source=source, files=page.items, next=page.next, cursor=cursor)


@router.post("/datasources/{name}/delete")
def delete_entry(name: str, parts: Given, who: Asking, form: Filled) -> Response:
    """Delete one entry, into the bin unless the rules say otherwise."""
    back = form.back(f"/datasources/{name}")
    try:
        wish = PathsWish(paths=(form.one("path"),))
    except ValidationError as error:
        raise Problem(400, "the form says nothing that can be done") from error
    return begun(back, lambda: delete(parts, who, name, wish), said=f"{wish.paths[0]} is being deleted.")


@router.post("/datasources/{name}/remove")
def remove(name: str, parts: Given, who: Asking) -> Response:
    """Forget a datasource and its catalog."""
    settings.remove(parts, who, name)
    return go("/datasources", Notice(f"{name} is removed. Its files are where they were."))


def _start(parts: Parts, who: Who, name: str, deed: str, form: Form) -> Admitted:
    if deed in ("sync", "dry_run"):
        return sync(parts, who, name, SyncWish(path=form.one("path"), dry_run=deed == "dry_run"))
    if deed in ("index", "index_all", "index_unread"):
        return index(parts, who, name, IndexWish(full=deed == "index_all", unread=deed == "index_unread"))
    if deed == "check_index":
        return check(parts, who, name)
    if deed in ("test", "mark"):
        return probe(parts, who, name, mark=deed == "mark")
    if deed == "confirm" and form.one("deleted").isdecimal():
        return confirm(parts, who, name, int(form.one("deleted")))
    raise Problem(400, "the form says nothing that can be done")

"""The pages to add and to edit a datasource: the kind first, then its fields, with what is wrong beside each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request
from starlette.responses import Response

from console.api import datasource_settings as settings
from console.api.datasource_shaping import definition_of, etag_of
from console.api.datasource_work import probe
from console.api.datasources import changed, must_be_new
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.routing import new_router
from console.pages.fields import definition_in, general_errors, sections_of, texts_in, texts_of
from console.pages.forms import Filled
from console.pages.notices import Notice, go
from console.pages.showing import show
from rota.datasources import OPTIONS
from rota.errors import Conflict, InvalidDefinition, NotFound, Refused
from rota.errors import Problem as FieldProblem
from store.queries import datasources
from store.records import DatasourceRecord

router = new_router(prefix="", in_schema=False)

#: How the kinds are called, in the order in which they are offered.
KINDS = {
    "local": "Folder",
    "s3": "S3",
    "gcs": "Google Cloud Storage",
    "azure": "Azure Blob Storage",
    "sftp": "SFTP",
    "webdav": "WebDAV",
    "fsspec": "Other, by fsspec",
}
_ADD = "/datasources:add"

KindText = Annotated[str, Query(max_length=20)]


@router.get("/datasources:add")
def add_page(request: Request, who: Asking, kind: KindText = "") -> Response:
    """Show the kinds of datasources, or the empty form of one."""
    if kind not in OPTIONS:
        about = [(name, title, OPTIONS[name].__doc__ or "") for name, title in KINDS.items()]
        return show(request, "datasource_kinds.html", who, kinds=about)
    return _form(request, who, kind=kind, texts={"name": ""})


@router.post("/datasources:add")
def add(request: Request, parts: Given, who: Asking, form: Filled) -> Response:
    """Add a datasource, and test the way to it if that is wished."""
    kind = form.one("kind")
    if kind not in OPTIONS:
        raise Problem(400, "the form says nothing that can be done")
    name = form.one("name").strip()
    wanted = {**definition_in(form, kind), "name": name}
    texts = {**texts_in(form, kind), "name": name}
    try:
        saved = settings.save(parts, who, settings.parse(wanted), must_be_new)
    except InvalidDefinition as error:
        return _form(request, who, kind=kind, texts=texts, problems=error.problems, status=422)
    except Conflict as error:
        taken = [FieldProblem("name", str(error))]
        return _form(request, who, kind=kind, texts=texts, problems=taken, status=409)
    if form.one("deed") == "test":
        return _tested(parts, who, saved.name)
    return go(f"/datasources/{saved.name}", Notice(f"{saved.name} is added. The next sync reads it."))


@router.get("/datasources/{name}/edit")
def edit_page(request: Request, name: str, parts: Given, who: Asking) -> Response:
    """Show the form of a datasource, filled in."""
    with parts.store.reading() as conn:
        record = datasources.get(conn, name)
    return _form(request, who, kind=record.kind, texts=texts_of(definition_of(record)), known=record)


@router.post("/datasources/{name}/edit")
def edit(request: Request, name: str, parts: Given, who: Asking, form: Filled) -> Response:
    """Save what was edited, unless somebody else was quicker."""
    with parts.store.reading() as conn:
        record = datasources.get(conn, name)
    kind = record.kind
    texts = {**texts_in(form, kind), "name": name}

    def check(known: DatasourceRecord | None) -> None:
        if known is None:
            raise NotFound(f"there is no datasource {name}")
        if etag_of(known) != form.one("seen"):
            raise changed(name)

    try:
        settings.save(parts, who, settings.parse({**definition_in(form, kind), "name": name}), check)
    except InvalidDefinition as error:
        seen = form.one("seen")
        return _form(request, who, kind=kind, texts=texts, known=record, problems=error.problems, seen=seen, status=422)
    except Problem as problem:
        if problem.status != 412:
            raise
        said = "Somebody else changed it meanwhile. Save again to overwrite that, or leave this page to keep it."
        return _form(request, who, kind=kind, texts=texts, known=record, said=said, status=412)
    return go(f"/datasources/{name}", Notice(f"{name} is saved."))


def _tested(parts: Parts, who: Who, name: str) -> Response:
    try:
        admitted = probe(parts, who, name)
    except (NotFound, Refused) as error:
        return go(f"/datasources/{name}", Notice(f"{name} is added. It was not tested: {error}.", good=False))
    return go(f"/datasources/{name}?run={admitted.run}", Notice(f"{name} is added."))


def _form(
    request: Request,
    who: Who,
    *,
    kind: str,
    texts: Mapping[str, str],
    known: DatasourceRecord | None = None,
    problems: Iterable[FieldProblem] = (),
    seen: str | None = None,
    said: str = "",
    status: int = 200,
) -> Response:
    problems = list(problems)
    context: dict[str, Any] = {
        "kind": kind,
        "title": KINDS[kind],
        "name": texts["name"],
        "name_error": next((problem.message for problem in problems if problem.path == "name"), ""),
        "sections": sections_of(kind, texts, problems),
        "errors": [said] if said else general_errors(kind, problems),
        "known": None if known is None else msgspec.to_builtins(known),
        "seen": "" if known is None else seen or etag_of(known),
        "action": _ADD if known is None else f"/datasources/{known.name}/edit",
    }
    return show(request, "datasource_form.html", who, status=status, **context)

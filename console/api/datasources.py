"""`/datasources`: the storages that are looked after, and what the catalog has of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from console.api.answers import documented, nothing, reply, reply_list
from console.api.deeds import deed
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.problems import Problem, pointer
from console.api.requests import Body, Cursor, Limit
from console.api.routing import new_router
from console.api.shapes import DatasourceShape
from console.api.shaping import datasource_shape, entry_shape
from console.api.starting import IdempotencyKey, start_job, started
from rota.errors import Conflict
from scheduler.admission.admitting import Admitted
from store.queries import audit, catalog, datasources, jobs
from store.records import DatasourceRecord

router = new_router(tag="datasources")

SYNC_JOB = "sync-datasources"
_SYNC_PARAM = "datasource"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_KINDS = ("local",)
_NEW: dict[str, Any] = {
    "application/json": {
        "type": "object",
        "required": ["name", "root"],
        "properties": {
            "name": {"type": "string", "pattern": _NAME.pattern},
            "kind": {"enum": list(_KINDS), "default": "local"},
            "root": {"type": "string", "description": "An absolute path that the workers can reach."},
            "options": {"type": "object"},
        },
    }
}


@router.get("/datasources", **documented("Datasource[]"))
def list_datasources(request: Request, parts: Given) -> Response:
    """List all datasources by name."""
    return reply_list(request, all_datasources(parts), None)


@router.post("/datasources", **documented("Datasource", status=201, body=_NEW, headers=("Location",)))
def add_datasource(parts: Given, who: Asking, body: Body) -> Response:
    """Add a datasource; 409 if there is one of that name. It is read by the next sync."""
    record = _record_of(body.mapping())
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        if datasources.find(conn, record.name) is not None:
            raise Conflict(f"there is a datasource {record.name} already")
        saved = datasources.save(conn, record, at=now)
        audit.add(conn, [deed(who, "datasource.add", f"datasource:{record.name}", now, root=record.root)])
    location = f"/api/v1/datasources/{record.name}"
    return reply(datasource_shape(saved, entries=0, size=0), status=201, headers={"Location": location})


@router.get("/datasources/{name}", **documented("Datasource"))
def get_datasource(name: str, parts: Given) -> Response:
    """Return a datasource."""
    with parts.store.reading() as conn:
        record = datasources.get(conn, name)
        counts = catalog.counts(conn, name)
    return reply(datasource_shape(record, entries=counts.entries, size=counts.bytes))


@router.delete("/datasources/{name}", **documented(status=204))
def delete_datasource(name: str, parts: Given, who: Asking) -> Response:
    """Forget a datasource and its catalog; the files themselves stay untouched."""
    with parts.store.reading() as conn:
        datasources.get(conn, name)
    more = True
    while more:
        with parts.store.writing() as conn:
            more = catalog.remove_batch(conn, name).more
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        datasources.delete(conn, name)
        audit.add(conn, [deed(who, "datasource.delete", f"datasource:{name}", now)])
    return nothing()


@router.get("/datasources/{name}/entries", **documented("Entry[]"))
def list_entries(
    request: Request,
    name: str,
    parts: Given,
    *,
    path: Annotated[str, Query(max_length=8192, description="A folder, relative to the datasource.")] = "",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List what the catalog has in a folder, by name."""
    folder = path.strip("/").encode("utf-8", "surrogateescape")
    with parts.store.reading() as conn:
        datasources.get(conn, name)
        page = catalog.list_entries(conn, name, folder, cursor=cursor, limit=limit)
    return reply_list(request, (entry_shape(entry, folder) for entry in page.items), page.next)


@router.post("/datasources/{name}/sync", **documented("Started", status=202, headers=("Location",)))
def sync_datasource(name: str, parts: Given, who: Asking, key: IdempotencyKey = None) -> Response:
    """Bring the catalog up to date now: runs the sync job, for this datasource if the job can be told which."""
    return started(sync(parts, who, name, key=key))


def sync(parts: Parts, who: Who, name: str, *, key: str | None = None) -> Admitted:
    """Start the sync of a datasource and return what became of it."""
    with parts.store.reading() as conn:
        datasources.get(conn, name)
        declared = jobs.get(conn, SYNC_JOB).job().params
    params = {_SYNC_PARAM: name} if _SYNC_PARAM in declared else {}
    return start_job(parts, who, SYNC_JOB, params, key=key)


def all_datasources(parts: Parts) -> list[DatasourceShape]:
    """Return all datasources with how much the catalog has of them."""
    with parts.store.reading() as conn:
        found = [(record, catalog.counts(conn, record.name)) for record in datasources.list_datasources(conn)]
    return [datasource_shape(record, entries=counts.entries, size=counts.bytes) for record, counts in found]


def _record_of(given: Mapping[str, Any]) -> DatasourceRecord:
    name, root = given.get("name"), given.get("root")
    kind, options = given.get("kind", "local"), given.get("options", {})
    problems = {
        "name": None if isinstance(name, str) and _NAME.fullmatch(name) else "must be a-z, 0-9 and '-', a letter first",
        "root": None if _is_root(root) else "must be an absolute path",
        "kind": None if kind in _KINDS else f"must be one of {', '.join(_KINDS)}",
        "options": None if isinstance(options, dict) else "must be an object",
    }
    problems |= {key: "is unknown; allowed: name, kind, root, options" for key in given if key not in problems}
    listed = [{"pointer": pointer(key), "path": key, "message": said} for key, said in problems.items() if said]
    if listed:
        raise Problem(422, "the datasource is not valid", name="invalid-request", errors=listed)
    return DatasourceRecord(name=str(name), kind=kind, root=str(root).rstrip("/") or "/", options=options)


def _is_root(root: object) -> bool:
    return isinstance(root, str) and root.startswith("/") and "\0" not in root and len(root) <= 4096

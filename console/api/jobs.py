"""`/jobs`: definitions, their switch, and when they are due."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Header, Query, Request
from fastapi import Path as PathParameter
from starlette.responses import Response

from console.api.answers import documented, nothing, ref, reply, reply_list
from console.api.applying import apply
from console.api.deeds import deed
from console.api.definitions import clear, comes_with_rota, find, save, switch
from console.api.identity import Asking
from console.api.parts import Given
from console.api.problems import Problem, pointer
from console.api.requests import TOML_TYPES, YAML_TYPES, Body, Cursor, Limit, names_in
from console.api.routing import new_router
from console.api.shaping import job_shape, version_shape
from console.api.starting import IdempotencyKey, start_job, started
from console.api.upcoming import next_ticks
from rota.errors import Conflict, Refused
from store.queries import audit, jobs
from store.records import JobRecord

router = new_router(tag="jobs")

MAX_VERSION = 2**31 - 1
Count = Annotated[int, Query(ge=1, le=100, description="How many.")]
SetName = Annotated[
    str | None, Query(pattern="^[a-z0-9](?:[a-z0-9_-]{0,98}[a-z0-9])?$", description="Name of the set they belong to.")
]
IfMatch = Annotated[str | None, Header(description="ETag of the version that was read.")]

_DEFINITION: dict[str, Any] = {"application/json": ref("Job")} | {
    kind: {"type": "string"} for kind in (YAML_TYPES[0], TOML_TYPES[0])
}
_PARAMS = {
    "application/json": {"type": "object", "properties": {"params": {"type": "object"}}, "additionalProperties": False}
}
_NAMES = {
    "application/json": {
        "type": "object",
        "required": ["names"],
        "properties": {"names": {"type": "array", "items": {"type": "string"}}},
    }
}


@router.get("/jobs", **documented("SavedJob[]"))
def list_jobs(
    request: Request,
    parts: Given,
    who: Asking,
    *,
    kind: Literal["system", "user"] | None = None,
    owner: Annotated[str | None, Query(max_length=200)] = None,
    enabled: bool | None = None,
    q: Annotated[str | None, Query(max_length=200, description="Text in name or label.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List jobs by name."""
    if who.owner is not None:
        owner = who.owner
    with parts.store.reading() as conn:
        page = jobs.list_jobs(conn, kind=kind, owner=owner, enabled=enabled, q=q, cursor=cursor, limit=limit)
    return reply_list(request, map(job_shape, page.items), page.next)


@router.post("/jobs", **documented("SavedJob", status=201, body=_DEFINITION, headers=("Location", "ETag")))
def create_job(parts: Given, who: Asking, body: Body) -> Response:
    """Save a new job; 409 if there is one of that name."""
    try:
        record = save(parts, who, body.definition(parts.actors), expected_version=0)
    except Conflict as error:
        raise Conflict("there is a job of this name already; change it with PUT") from error
    return _saved(record, status=201)


@router.post("/jobs:apply", **documented("Applied[]", body=_DEFINITION))
def apply_jobs(
    request: Request,
    parts: Given,
    who: Asking,
    body: Body,
    *,
    dry_run: bool = False,
    set: SetName = None,  # noqa: A002 - the name of the parameter
    prune: bool = False,
) -> Response:
    """Save a job, or a list of them under `jobs`, new or known: what is in the body holds afterwards.

    A definition that did not change stays as it is. If one of them is not valid, none is saved. With `prune`, jobs that
    the same `set` has brought before and that are not in the body are deleted, unless somebody changed them since.
    """
    given = body.definitions(parts.actors)
    if prune and set is None:
        listed = [{"parameter": "set", "path": "set", "message": "must name the set whose other jobs are to go"}]
        raise Problem(422, "the request is not valid", name="invalid-request", errors=listed)
    if prune and not given:
        # Rather a folder that was not there or a wrong path than the wish to lose a whole set.
        listed = [{"pointer": "/jobs", "path": "jobs", "message": "must hold a job: an empty set prunes nothing"}]
        raise Problem(422, "the request is not valid", name="invalid-request", errors=listed)
    return reply_list(request, apply(parts, who, given, name=set, prune=prune, dry_run=dry_run), None)


@router.post("/jobs:preview", **documented("Preview", body=_DEFINITION))
def preview_job(parts: Given, body: Body, count: Count = 10) -> Response:
    """Check a definition and tell when it would be due; nothing is saved."""
    job = body.definition(parts.actors)
    ticks = next_ticks(job, parts.clock.now_ms(), count)
    return reply({"job": job.model_dump(mode="json", by_alias=True), "upcoming": ticks})


@router.get("/jobs/{name}", **documented("SavedJob", headers=("ETag",)))
def get_job(name: str, parts: Given, who: Asking) -> Response:
    """Return a job."""
    return _saved(find(parts, who, name))


@router.put("/jobs/{name}", **documented("SavedJob", body=_DEFINITION, headers=("ETag",)))
def put_job(name: str, parts: Given, who: Asking, body: Body, if_match: IfMatch = None) -> Response:
    """Save a job under its name; to change one, send the ETag that was read with it as If-Match."""
    job = body.definition(parts.actors)
    if job.name != name:
        listed = [{"pointer": "/name", "path": "name", "message": f"must be {name}, as in the address"}]
        raise Problem(422, "the definition is not valid", name="invalid-definition", errors=listed)
    with parts.store.reading() as conn:
        known = jobs.find(conn, name)
    _check_match(known, if_match)
    expected = 0 if known is None else None if if_match == "*" else known.version
    try:
        record = save(parts, who, job, expected_version=expected)
    except Conflict as error:
        raise _changed(name) from error
    return _saved(record, status=201 if known is None else 200)


@router.delete("/jobs/{name}", **documented(status=204))
def delete_job(name: str, parts: Given, who: Asking, if_match: IfMatch = None) -> Response:
    """Delete a job; its runs stay as history. Jobs that Rota brings can be disabled, not deleted."""
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        record = jobs.get(conn, name)
        if comes_with_rota(conn, record):
            raise Refused(f"{name} comes with Rota: it can be disabled, not deleted")
        if if_match is not None:
            _check_match(record, if_match)
        jobs.delete(conn, name)
        audit.add(conn, [deed(who, "job.delete", f"job:{name}", now)])
    return nothing()


@router.post("/jobs/{name}/run", **documented("Started", status=202, body=_PARAMS, headers=("Location",)))
def run_job(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Start the job now; 409 if it is disabled. A run that its overlap rule refuses is recorded as skipped."""
    given = body.mapping()
    unknown = sorted(set(given) - {"params"})
    params = given.get("params") or {}
    if unknown or not isinstance(params, dict):
        path = unknown[0] if unknown else "params"
        said = "is unknown; allowed: params" if unknown else "must be an object"
        listed = [{"pointer": pointer(path), "path": path, "message": said}]
        raise Problem(422, "the request is not valid", name="invalid-request", errors=listed)
    return started(start_job(parts, who, name, params, key=key))


@router.post("/jobs/{name}/enable", **documented("SavedJob"))
def enable_job(name: str, parts: Given, who: Asking) -> Response:
    """Let the job's triggers start it."""
    switch(parts, who, [name], enabled=True)
    return _saved(find(parts, who, name))


@router.post("/jobs/{name}/disable", **documented("SavedJob"))
def disable_job(name: str, parts: Given, who: Asking) -> Response:
    """Keep the job from starting; what runs goes on."""
    switch(parts, who, [name], enabled=False)
    return _saved(find(parts, who, name))


@router.post("/jobs:enable", **documented("Changed", body=_NAMES))
def enable_jobs(parts: Given, who: Asking, body: Body) -> Response:
    """Enable several jobs; those that are enabled already stay so."""
    return reply({"changed": switch(parts, who, names_in(body), enabled=True)})


@router.post("/jobs:disable", **documented("Changed", body=_NAMES))
def disable_jobs(parts: Given, who: Asking, body: Body) -> Response:
    """Disable several jobs; those that are disabled already stay so."""
    return reply({"changed": switch(parts, who, names_in(body), enabled=False)})


@router.get("/jobs/{name}/versions", **documented("Version[]"))
def list_versions(
    request: Request, name: str, parts: Given, *, who: Asking, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the definitions that the job has had, newest first, each with what it changed."""
    find(parts, who, name)
    with parts.store.reading() as conn:
        page = jobs.versions(conn, name, cursor=cursor, limit=limit)
        before = [*page.items[1:], jobs.version_before(conn, name, page.items[-1].version) if page.items else None]
    return reply_list(request, map(version_shape, page.items, before), page.next)


@router.get("/jobs/{name}/versions/{version}", **documented("Version"))
def get_version(
    name: str,
    version: Annotated[int, PathParameter(ge=1, le=MAX_VERSION)],
    parts: Given,
    who: Asking,
    against: Annotated[int | None, Query(ge=1, le=MAX_VERSION, description="The one to compare with.")] = None,
) -> Response:
    """Return one definition that the job has had, compared with the one before or with another."""
    find(parts, who, name)
    with parts.store.reading() as conn:
        found = jobs.get_version(conn, name, version)
        other = jobs.version_before(conn, name, version) if against is None else jobs.get_version(conn, name, against)
    return reply(version_shape(found, other))


@router.delete("/jobs/{name}/runs", **documented("Cleared"))
def clear_history(name: str, parts: Given, who: Asking) -> Response:
    """Remove the job's ended runs with their logs; open runs stay."""
    return reply({"runs": clear(parts, who, name)})


def _saved(record: JobRecord, *, status: int = 200) -> Response:
    headers = {"ETag": _etag(record)}
    if status == 201:
        headers["Location"] = f"/api/v1/jobs/{record.name}"
    return reply(job_shape(record), status=status, headers=headers)


def _etag(record: JobRecord) -> str:
    return f'"v{record.version}"'


def _check_match(known: JobRecord | None, if_match: str | None) -> None:
    if known is None:
        if if_match is not None:
            raise Problem(412, "there is no such job any more", name="changed")
        return
    if if_match is None:
        raise Problem(
            428, "send the ETag of the job as If-Match, so that nobody else's change is lost", name="etag-missing"
        )
    if if_match != "*" and _etag(known) not in [tag.strip() for tag in if_match.split(",")]:
        raise _changed(known.name)


def _changed(name: str) -> Problem:
    return Problem(412, f"{name} was changed by somebody else; read it again", name="changed")

"""The OpenAPI document: FastAPI's, with the shapes that msgspec writes put in."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from console.api import bin_shapes, fleet_shapes, search_shapes, shapes
from console.api.answers import documented, ref, reply
from console.api.routing import new_router
from rota.datasources import OPTIONS, Datasource
from rota.jobs import Job

router = new_router(tag="console", prefix="", in_schema=False)

_NAMED: dict[str, type[shapes.Shape]] = {
    "Run": shapes.RunShape,
    "Made": shapes.MadeShape,
    "RunDetail": shapes.RunDetailShape,
    "Task": shapes.TaskShape,
    "Attempt": shapes.AttemptShape,
    "LastRun": shapes.LastRunShape,
    "LogLine": shapes.LogLineShape,
    "Applied": shapes.AppliedShape,
    "Change": shapes.ChangeShape,
    "Version": shapes.VersionShape,
    "Tick": shapes.TickShape,
    "JobTick": shapes.JobTickShape,
    "Explanation": shapes.ExplanationShape,
    "Finding": shapes.FindingShape,
    "Backfill": shapes.BackfillShape,
    "Pause": shapes.PauseShape,
    "Event": shapes.EventShape,
    "EventLag": shapes.EventLagShape,
    "Hook": shapes.HookShape,
    "NewHook": shapes.NewHookShape,
    "Datasource": shapes.DatasourceShape,
    "Entry": shapes.EntryShape,
    "Index": shapes.IndexShape,
    "IndexLag": shapes.IndexLagShape,
    "Unread": shapes.UnreadShape,
    "Recycled": shapes.RecycledShape,
    "BinItem": bin_shapes.BinItemShape,
    "NextPurge": bin_shapes.NextPurgeShape,
    "HeldBack": bin_shapes.HeldBackShape,
    "Search": search_shapes.SearchShape,
    "Hit": search_shapes.HitShape,
    "Piece": search_shapes.PieceShape,
    "Queue": fleet_shapes.QueueShape,
    "Worker": fleet_shapes.WorkerShape,
    "DeadLetter": fleet_shapes.DeadLetterShape,
    "Actor": fleet_shapes.ActorShape,
}
_TEXT = {"type": "string"}
_TIME = {"type": ["string", "null"], "format": "date-time"}


@router.get("/api/openapi.json", **documented())
def openapi(request: Request) -> Response:
    """Return this document."""
    return reply(request.app.openapi())


def make_document(app: FastAPI) -> dict[str, Any]:
    """Return the document, made at the first call."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="Rota", version="1", openapi_version="3.1.0", routes=app.routes, description=_INTRODUCTION
        )
        components = document.setdefault("components", {})
        components["schemas"] = {**components.get("schemas", {}), **_schemas()}
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"bearer": []}]
        app.openapi_schema = document
    return app.openapi_schema


_INTRODUCTION = (
    "Lists are `{items, next}`, newest first where they are about time; `next` is the cursor of the following page. "
    "Times are RFC 3339 in UTC. Errors are RFC 9457 problems."
)


def _schemas() -> dict[str, Any]:
    names = {kind.__name__: name for name, kind in _NAMED.items()}
    found = msgspec.json.schema_components(_NAMED.values(), ref_template="#/components/schemas/{name}")[1]
    written = msgspec.json.encode(found).decode()
    for long, short in names.items():
        written = written.replace(f'/schemas/{long}"', f'/schemas/{short}"')
    decoded: dict[str, Any] = msgspec.json.decode(written)
    schemas = {names.get(name, name): schema for name, schema in decoded.items()}
    return {**schemas, **_job_schemas(), "DatasourceDefinition": _datasource_schema(), **_SMALL}


def _job_schemas() -> dict[str, Any]:
    schema = Job.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    parts: dict[str, Any] = schema.pop("$defs", {})
    added = {
        "kind": {"enum": ["system", "user"]},
        "enabled_reason": {"type": ["string", "null"]},
        "version": {"type": "integer"},
        "schedule": {"type": "array", "items": _TEXT},
        "last_run": {"anyOf": [ref("LastRun"), {"type": "null"}]},
        "next_due": _TIME,
        "source": _TEXT,
        "author": _TEXT,
        "updated_at": _TIME,
    }
    # The definition forbids unknown fields, so a saved job repeats its properties instead of including it.
    written = {"type": "object", "properties": schema["properties"]}
    known = {"type": "object", "properties": added, "required": sorted(added)}
    saved = {"description": "A definition, and what became of it.", "allOf": [written, known]}
    return {**parts, "Job": schema, "SavedJob": saved}


def _datasource_schema() -> dict[str, Any]:
    schema = Datasource.model_json_schema()
    options = [{**model.model_json_schema(), "title": kind} for kind, model in OPTIONS.items()]
    schema["properties"]["options"] |= {"anyOf": options}
    return schema


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": sorted(properties), "properties": properties}


_ERROR = {
    "type": "object",
    "required": ["path", "message"],
    "properties": {"pointer": _TEXT, "parameter": _TEXT, "path": _TEXT, "message": _TEXT},
}
_SMALL: dict[str, Any] = {
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "instance": _TEXT,
            "errors": {"type": "array", "items": _ERROR},
            "position": {"type": "integer", "description": "Where a query goes wrong, in characters."},
            "length": {"type": "integer", "description": "How much of the query is meant."},
        },
    },
    "Started": _object(run=_TEXT, state=_TEXT, reason={"type": ["string", "null"]}),
    "Changed": _object(changed={"type": "array", "items": _TEXT}),
    "Cleared": _object(runs={"type": "integer"}),
    "Accepted": _object(
        accepted={"type": "integer"}, ids={"type": "array", "items": _TEXT}, errors={"type": "array", "items": _ERROR}
    ),
    "Preview": _object(job=ref("Job"), upcoming={"type": "array", "items": ref("Tick")}),
    "SignIn": _object(url=_TEXT, expires_at=_TIME),
}

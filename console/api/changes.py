"""`/datasources/{name}/changed`: services and S3 notifications say that something in a storage may have changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from actors.datasources.globs import Selection
from actors.datasources.paths import path_of
from console.api import s3_notifications
from console.api.answers import documented, reply
from console.api.parts import Given
from console.api.problems import Problem, pointer
from console.api.requests import Body
from console.api.routing import new_router
from rota.changes import events_of
from rota.errors import PermanentError
from rota.problems import FieldError, field_path
from store.queries import datasources
from store.records import DatasourceRecord

router = new_router(tag="datasources")

MOST_PATHS = 10_000
"""Paths in one request; what is told of them is bounded further, see `rota.changes`."""

_BODY: dict[str, Any] = {
    "application/json": {
        "oneOf": [
            {
                "type": "object",
                "required": ["paths"],
                "additionalProperties": False,
                "properties": {
                    "paths": {
                        "type": "array",
                        "items": {"type": "string"},
                        "maxItems": MOST_PATHS,
                        "description": "Files and folders, relative to the datasource; an empty path means anything.",
                    }
                },
            },
            {"type": "object", "description": "An event notification of S3, MinIO and the like."},
        ]
    }
}


@router.post("/datasources/{name}/changed", **documented("Accepted", status=202, body=_BODY))
def tell_changed(name: str, parts: Given, body: Body) -> Response:
    """Say that something may have changed at some paths: they are synced within seconds, many at once as one run.

    The body is a list of paths, or an event notification as S3 services send it, of which keys outside of the
    datasource are left out. `accepted` says how many paths were taken.
    """
    with parts.store.reading() as conn:
        record = datasources.get(conn, name)
    try:
        paths = _paths_in(body.mapping(), record)
    except FieldError as error:
        place = field_path(error.path)
        listed = [{"pointer": pointer(place), "path": place, "message": str(error)}]
        raise Problem(422, "the request is not valid", name="invalid-request", errors=listed) from error
    events = []
    if paths:
        source = f"/datasources/{name}/changed"
        events = events_of(name, paths, source=source, at=parts.clock.now_ms())
        parts.bus.events.publish(events)
    return reply({"accepted": len(paths), "ids": [event.id for event in events], "errors": []}, status=202)


def _paths_in(given: Mapping[str, Any], record: DatasourceRecord) -> list[bytes]:
    if not s3_notifications.is_notification(given):
        return _given_paths(given)
    if record.kind != "s3":
        raise FieldError(("Records",), f"can be sent for a datasource of the kind s3 only, this one is {record.kind}")
    selection = Selection(record.rules.get("include", ()), record.rules.get("exclude", ()))
    return s3_notifications.paths_in(given, root=record.root, selection=selection)


def _given_paths(given: Mapping[str, Any]) -> list[bytes]:
    for name in given:
        if name != "paths":
            raise FieldError((name,), "is unknown; allowed: paths, or Records of an S3 notification")
    paths = given.get("paths")
    if not isinstance(paths, list) or not 0 < len(paths) <= MOST_PATHS:
        raise FieldError(("paths",), f"must be a list of 1 to {MOST_PATHS:,} paths")
    return [_checked(path, n) for n, path in enumerate(paths)]


def _checked(path: object, n: int) -> bytes:
    if not isinstance(path, str):
        raise FieldError(("paths", n), "must be text")
    try:
        return path_of(path)
    except PermanentError as error:
        raise FieldError(("paths", n), str(error)) from error

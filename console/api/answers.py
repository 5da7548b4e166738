"""How endpoints answer: JSON written by msgspec, and what the OpenAPI document says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from fastapi import Request
from starlette.responses import Response

_encode = msgspec.json.Encoder().encode


def reply(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON."""
    return Response(
        _encode(value),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def reply_list(request: Request, items: Iterable[object], cursor: str | None, **more: object) -> Response:
    """Answer with one page of a list, and what there is to say of it; a Link header names the following page too."""
    headers = {}
    if cursor is not None:
        following = request.url.include_query_params(cursor=cursor)
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return reply({"items": list(items), "next": cursor, **more}, headers=headers)


def nothing() -> Response:
    """Answer that it is done and there is nothing to say."""
    return Response(status_code=204)


def documented(
    shape: str | None = None,
    *,
    status: int = 200,
    body: Mapping[str, Any] | None = None,
    needs_body: bool = True,
    headers: Iterable[str] = (),
    binary: str | None = None,
) -> dict[str, Any]:
    """Return the options of a route that tell the OpenAPI document what it answers.

    `shape` names a schema component, with `[]` behind it for a list of them; `body` is what the request holds, by
    content type, which may be left out unless `needs_body`. `binary` is the content type of an answer that is no JSON.
    """
    answer: dict[str, Any] = {"description": "Done"}
    if shape is not None:
        answer["content"] = {"application/json": {"schema": _schema(shape)}}
    if binary is not None:
        answer["content"] = {binary: {"schema": {"type": "string", "format": "binary"}}}
    if headers:
        answer["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    extra: dict[str, Any] = {"responses": {str(status): answer, "4XX": _PROBLEM, "5XX": _PROBLEM}}
    if body is not None:
        content = {kind: {"schema": schema} for kind, schema in body.items()}
        extra["requestBody"] = {"required": needs_body, "content": content}
    return {"openapi_extra": extra, "status_code": status, "response_class": Response}


def ref(name: str) -> dict[str, str]:
    """Return a reference to a schema component."""
    return {"$ref": f"#/components/schemas/{name}"}


def _schema(shape: str) -> dict[str, Any]:
    if not shape.endswith("[]"):
        return ref(shape)
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": ref(shape[:-2])},
            "next": {"type": ["string", "null"], "description": "Cursor of the following page."},
        },
    }


_PROBLEM = {"description": "What went wrong", "content": {"application/problem+json": {"schema": ref("Problem")}}}

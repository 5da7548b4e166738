"""Errors as RFC 9457 problems: one shape for everything that goes wrong, and never a traceback."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from rota import errors

MEDIA_TYPE = "application/problem+json"
_URN = "urn:rota:problem:"
_RETRY_SECONDS = "5"

#: What each of our errors is to whoever asked: status, and the name of the problem.
_KINDS: tuple[tuple[type[errors.RotaError], int, str], ...] = (
    (errors.NotFound, 404, "not-found"),
    (errors.InvalidDefinition, 422, "invalid-definition"),
    (errors.InvalidEvent, 422, "invalid-event"),
    (errors.InvalidQuery, 422, "invalid-query"),
    (errors.TooBroad, 422, "too-broad"),
    (errors.Conflict, 409, "conflict"),
    (errors.QuotaExceeded, 429, "quota-exceeded"),
    (errors.Refused, 409, "refused"),
    (errors.StoreUnavailable, 503, "store-unavailable"),
    (errors.SearchUnavailable, 503, "search-unavailable"),
    (errors.StreamFull, 503, "too-many-events"),
    (errors.BusUnavailable, 503, "bus-unavailable"),
    (errors.TemporaryError, 503, "unavailable"),
)
_INDEX = re.compile(r"\[(\d+)\]")


class Problem(Exception):
    """Raised to answer with a problem; `status` decides the title, and `members` are said beside the usual ones."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        name: str = "",
        errors: Iterable[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        self.status = status
        self.detail = detail
        self.name = name
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.members = members
        super().__init__(detail)

    def answer(self, instance: str) -> Response:
        """Return the answer that says so; `instance` is the path that was asked for."""
        title = HTTPStatus(self.status).phrase
        body: dict[str, Any] = {
            "type": f"{_URN}{self.name}" if self.name else "about:blank",
            "title": title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            **self.members,
        }
        if self.errors:
            body["errors"] = self.errors
        return Response(
            msgspec.json.encode(body),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers={"Cache-Control": "no-store", **self.headers},
        )


def problem_of(error: Exception) -> Problem | None:
    """Return what an error is to whoever asked; None for one that nobody foresaw."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, RequestValidationError):
        return _of_validation(error)
    for kind, status, name in _KINDS:
        if isinstance(error, kind):
            return _of_rota(error, status, name)
    return None


def unforeseen(reference: str) -> Problem:
    """Return the problem of an error that nobody foresaw; the log has the rest under the reference."""
    return Problem(
        500, f"this should not have happened; the console's log says more about {reference}", name="internal"
    )


def pointer(path: str) -> str:
    """Return the JSON pointer of a field path: `steps[0].with.older_than` is `/steps/0/with/older_than`."""
    parts = [part for part in _INDEX.sub(r".\1", path).split(".") if part]
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in parts)


def api_request(request: Request) -> bool:
    """Tell whether an answer goes to a program: everything but a page that a browser shows."""
    return request.url.path.startswith(("/api/", "/health/", "/metrics")) or "text/html" not in request.headers.get(
        "accept", ""
    )


def _of_rota(error: errors.RotaError, status: int, name: str) -> Problem:
    if isinstance(error, errors.InvalidDefinition):
        listed = [{"pointer": pointer(p.path), "path": p.path, "message": p.message} for p in error.problems]
        return Problem(status, f"not valid: {error.source or 'the definition'}", name=name, errors=listed)
    if isinstance(error, errors.InvalidQuery):
        listed = [{"parameter": "q", "path": "q", "message": str(error)}]
        return Problem(status, str(error), name=name, errors=listed, position=error.position, length=error.length)
    if isinstance(error, errors.QuotaExceeded):
        return Problem(status, str(error), name=name, runs=error.runs)
    headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else None
    details = {
        "store-unavailable": "the database does not answer",
        "bus-unavailable": "Redis does not answer",
        "search-unavailable": "the search does not answer",
    }
    # What drivers say may name addresses and users.
    return Problem(status, details.get(name) or str(error) or "try again later", name=name, headers=headers)


def _of_http(error: HTTPException) -> Problem:
    details = {
        404: "there is nothing at this path",
        405: "this path does not take this method",
        413: "the body is larger than 1 MB",
    }
    detail = details.get(error.status_code) or str(error.detail)
    return Problem(error.status_code, detail, headers=error.headers)


def _of_validation(error: RequestValidationError) -> Problem:
    listed = []
    for found in error.errors():
        place, *names = [str(part) for part in found["loc"]]
        path = ".".join(names) or place
        where = {"parameter": path} if place in ("query", "path", "header") else {"pointer": pointer(path)}
        listed.append({**where, "path": path, "message": str(found["msg"])})
    return Problem(422, "the request is not valid", name="invalid-request", errors=listed)

"""`/health/live`, `/health/ready`, `/metrics`: for whoever watches the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from console.api.answers import documented, reply
from console.api.metrics import CONTENT_TYPE, exposition
from console.api.parts import Given, Parts
from console.api.routing import new_router
from rota.errors import RotaError
from store.migrations import HEAD
from store.schema import current_revision

router = new_router(tag="health", prefix="")


@router.get("/health/live", **documented())
async def live() -> Response:
    """Tell that the process answers."""
    return reply({"status": "ok"})


@router.get("/health/ready", **documented())
def ready(parts: Given) -> Response:
    """Tell whether the console can do its work: database, its tables, Redis; 503 names what is away."""
    checks = {"database": _said(lambda: _tables(parts)), "redis": _said(parts.bus.ping)}
    well = all(said == "ok" for said in checks.values())
    return reply({"status": "ok" if well else "unavailable", "checks": checks}, status=200 if well else 503)


@router.get("/metrics", **documented())
async def metrics() -> Response:
    """Tell Prometheus which version answers; the figures of the fleet are the schedulers' to give."""
    return Response(exposition(), media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _said(check: Callable[[], Any]) -> str:
    try:
        check()
    except RotaError as error:
        return type(error).__name__
    return "ok"


def _tables(parts: Parts) -> None:
    with parts.store.reading() as conn:
        if current_revision(conn) != HEAD:
            raise RotaError("the tables are not of this version: run `rota db upgrade`")

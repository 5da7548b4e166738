"""The application: all parts of the console joined in one place."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from console.api import (
    archives,
    bin_holds,
    bin_items,
    bin_next,
    bin_work,
    changes,
    content,
    datasource_index,
    datasource_work,
    datasources,
    entries,
    events,
    files,
    fleet,
    health,
    hooks,
    jobs,
    runs,
    schema,
    search,
    sign_in,
    times,
)
from console.api.boundary import Boundary
from console.api.downloads import Downloads
from console.api.parts import Parts
from console.api.problems import Problem, api_request, problem_of
from console.pages import routes as pages
from console.pages.errors import error_page
from rota.errors import RotaError

#: Endpoints that wait for the database or Redis at the same time; each may hold a connection.
_THREADS = 16

_log = logging.getLogger(__name__)


def create_app(parts: Parts) -> FastAPI:
    """Return the application on these parts; nothing is opened or closed here."""
    app = FastAPI(
        title="Rota",
        lifespan=_lifespan,
        # FastAPI's own pages load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    of_datasources = (datasources, entries, datasource_work, datasource_index, changes, files, archives, content)
    of_bins = (bin_next, bin_items, bin_work, bin_holds)
    of_console = (sign_in, health, schema, pages)
    for part in (jobs, times, runs, events, hooks, *of_datasources, *of_bins, search, fleet, *of_console):
        app.include_router(part.router)
    app.openapi = lambda: schema.make_document(app)  # type: ignore[method-assign]
    for kind in (Problem, RotaError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answer)
    app.add_middleware(Boundary)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # Both are of the event loop that serves.
    current_default_thread_limiter().total_tokens = _THREADS
    app.state.downloads = Downloads()
    yield


async def _answer(request: Request, error: Exception) -> Response:
    """Answer with what an error is to whoever asked: a problem for programs, a page for browsers."""
    problem = problem_of(error)
    if problem is None:
        raise error
    if problem.status >= 500:
        _log.warning("request failed", extra={"path": request.url.path, "error": repr(error)})
    return problem.answer(request.url.path) if api_request(request) else error_page(request, problem)

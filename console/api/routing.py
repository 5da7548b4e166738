"""How a route is built: with its rule out of the table, asked before anything of the request is read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from console.api.identity import admit
from console.api.permissions import rule_of


class GuardedRoute(APIRoute):
    """A route that lets in whom the table names; without a row in the table it cannot be built."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the guard before it."""
        methods = sorted(self.methods or ())
        try:
            rules = {method: rule_of(method, self.path_format) for method in methods}
        except KeyError as error:
            raise LookupError(f"the route {error.args[0]} has no row in console.api.permissions") from error
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            request.state.who = await admit(request, rules[request.method])
            return await handle(request)

        return guarded


def new_router(*, tag: str = "", prefix: str = "/api/v1", in_schema: bool = True) -> APIRouter:
    """Return a router whose routes are guarded."""
    return APIRouter(prefix=prefix, route_class=GuardedRoute, tags=[tag] if tag else None, include_in_schema=in_schema)

"""The outermost layer: a bound on bodies, headers on every answer, and no traceback for what nobody foresaw."""

from __future__ import annotations

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.api.problems import Problem, problem_of, unforeseen
from rota.ids import new_id

_log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1_048_576

#: Nothing is loaded from elsewhere, nothing inline is run, nobody may frame us.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Boundary:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = _refused(scope)
        if refused is not None:
            await refused.answer(scope["path"])(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, _bounded(receive), send_with_headers)
        except Exception:
            reference = new_id()
            _log.exception("request failed", extra={"reference": reference, "path": scope["path"]})
            if begun:  # half an answer cannot be taken back: the connection is cut
                raise
            await unforeseen(reference).answer(scope["path"])(scope, receive, send_with_headers)


def _bounded(receive: Receive) -> Receive:
    """Return the same source of messages, which fails when a body without a length grows too large."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise HTTPException(413)
        return message

    return bounded


def _refused(scope: Scope) -> Problem | None:
    """Return why a request is not even looked at."""
    if int(Headers(scope=scope).get("content-length") or 0) > MAX_BODY_BYTES:
        return problem_of(HTTPException(413))
    # No name of anything holds one, and one of the databases takes none.
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        return Problem(400, "an address holds no NUL characters")
    return None

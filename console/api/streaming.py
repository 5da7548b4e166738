"""Sends a file piece by piece: a thread is taken for each piece that is read, and none while a slow client takes it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import anyio
from anyio import CancelScope, CapacityLimiter
from anyio.to_thread import run_sync
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from console.content_reading import Content

_log = logging.getLogger(__name__)


class CutShort(Exception):
    """Raised when a file ends before it should, or cannot be read on: the connection is cut, and the client sees it."""


class ContentAnswer(Response):
    """The answer that carries a part of a file; whatever becomes of it, the file is closed at the end."""

    def __init__(
        self,
        content: Content,
        first: bytes,
        length: int,
        *,
        status: int,
        headers: Mapping[str, str],
        limiter: CapacityLimiter,
    ) -> None:
        super().__init__(status_code=status, headers={**headers, "Content-Length": str(length)})
        self._content = content
        self._first = first
        self._length = length
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; end when the client is gone."""
        del scope
        cut: CutShort | None = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_gone, receive, tasks.cancel_scope)
                try:
                    await self._send(send)
                except CutShort as error:
                    cut = error
                tasks.cancel_scope.cancel()
        finally:
            with CancelScope(shield=True):
                await run_sync(self._content.close, limiter=self._limiter)
        if cut is not None:
            raise cut

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        piece, left = self._first, self._length
        while left:
            if self._content.behind:
                piece = await self._next(left)
                continue
            if not piece:
                raise CutShort("the file is shorter than it was")
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
            piece = await self._next(left) if left else b""
        if not self._length:
            await send({"type": "http.response.body", "body": b""})

    async def _next(self, left: int) -> bytes:
        try:
            return await run_sync(self._content.read, left, limiter=self._limiter)
        except Exception as error:
            raise CutShort(f"the file cannot be read on: {type(error).__name__}") from error


async def _until_gone(receive: Receive, scope: CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()

"""Sends a file piece by piece: a thread is taken for each piece that is read, and none while a slow client takes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import anyio
from anyio import CancelScope, CapacityLimiter
from anyio.to_thread import run_sync
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from console.content_reading import Content

T = TypeVar("T")


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
        end: Callable[[], Awaitable[None]],
    ) -> None:
        """Prepare it; `end` lets go of the content."""
        super().__init__(status_code=status, headers={**headers, "Content-Length": str(length)})
        self._content = content
        self._first = first
        self._length = length
        self._limiter = limiter
        self._end = end

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
            await self._end()
        if cut is not None:
            raise cut

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        piece, left = self._first, self._length
        if self._content.behind:
            piece = await self._caught_up()
        while left:
            if not piece:
                raise CutShort("the file is shorter than it was")
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
            piece = await self._read(self._content.read, left) if left else b""
        if not self._length:
            await send({"type": "http.response.body", "body": b""})

    async def _caught_up(self) -> bytes:
        while self._content.behind:
            await self._read(self._content.catch_up)
        return await self._read(self._content.read, self._length)

    async def _read(self, how: Callable[..., T], *given: int) -> T:
        try:
            return await run_sync(how, *given, limiter=self._limiter)
        except Exception as error:
            raise CutShort(f"the file cannot be read on: {type(error).__name__}") from error


async def _until_gone(receive: Receive, scope: CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()

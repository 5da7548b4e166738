"""The connections of an HTTP client that several threads share: each is one request's own until its answer is closed.

The pool of httpcore 1.0 hands a connection out before it is marked as busy, and another thread may close it then
(https://github.com/encode/httpcore/issues/1110). Here each connection is a pool of one, lent to one request at a time.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator

import httpx


class Connections(httpx.BaseTransport):
    """At most so many connections, the one used last first. Safe to use from several threads."""

    def __init__(self, *, most: int, verify: ssl.SSLContext | bool) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._verify = verify
        self._lock = threading.Lock()
        self._idle: list[httpx.HTTPTransport] = []
        self._is_closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request over a connection that no other request has; raises PoolTimeout if none comes free in time."""
        if not self._free.acquire(timeout=request.extensions["timeout"]["pool"]):
            raise httpx.PoolTimeout("all connections are in use", request=request)
        transport: httpx.HTTPTransport | None = None
        try:
            transport = self._take()
            response = transport.handle_request(request)
        except BaseException:
            self._give_back(transport)
            raise
        stream = response.stream
        assert isinstance(stream, httpx.SyncByteStream)
        return httpx.Response(
            status_code=response.status_code,
            headers=response.headers,
            stream=_Lent(stream, lambda: self._give_back(transport)),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close the connections that are idle now, and each other one once its request is done."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for transport in idle:
            transport.close()

    def _take(self) -> httpx.HTTPTransport:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        return httpx.HTTPTransport(verify=self._verify, limits=limits, trust_env=False)

    def _give_back(self, transport: httpx.HTTPTransport | None) -> None:
        with self._lock:
            is_kept = transport is not None and not self._is_closed
            if transport is not None and is_kept:
                self._idle.append(transport)
        if transport is not None and not is_kept:
            transport.close()
        self._free.release()


class _Lent(httpx.SyncByteStream):
    """The body of an answer; gives its connection back when it is closed."""

    def __init__(self, stream: httpx.SyncByteStream, give_back: Callable[[], None]) -> None:
        self._stream = stream
        self._give_back: Callable[[], None] | None = give_back

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is None:
            return
        try:
            self._stream.close()
        finally:
            give_back()

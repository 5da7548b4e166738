"""A small HTTP server in front of another one: it records what passes, and breaks what a test wants broken."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        """The query, of names that come once."""
        found = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[0] for name, values in found.items()}

    @property
    def is_listing(self) -> bool:
        """Whether it asks for a page of a listing."""
        return "list-type" in self.query


@dataclass(frozen=True)
class Reply:
    """An answer that the proxy gives itself; with `cut`, it ends before its body does."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


Rule = Callable[[Seen], "Reply | Seen | None"]
"""What to do with a request: answer it, pass another one on, or break the connection (None)."""


class Proxy:
    """What a test sees of it; `rule` may be changed at any time."""

    def __init__(self, target: str) -> None:
        self.seen: list[Seen] = []
        self.rule: Rule = lambda request: request
        self.address = ""
        self.released = threading.Event()
        """Set at the end: a rule that lets a request wait, waits for it."""
        self._target = urlsplit(target).netloc

    @property
    def listings(self) -> list[Seen]:
        """The pages of listings that were asked for."""
        return [request for request in self.seen if request.is_listing]

    def answer(self, request: Seen) -> Reply | None:
        """Answer a request by the rule."""
        self.seen.append(request)
        told = self.rule(request)
        return self.passed_on(told) if isinstance(told, Seen) else told

    def passed_on(self, request: Seen) -> Reply:
        """Give the answer of the server behind."""
        connection = http.client.HTTPConnection(self._target, timeout=30)
        try:
            connection.request(request.method, request.target, body=request.body, headers=dict(request.headers))
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(), {k: v for k, v in answer.getheaders() if k.lower() in _KEPT})
        finally:
            connection.close()


_KEPT = {"etag", "content-type", "last-modified"}


@contextmanager
def proxied(target: str) -> Iterator[Proxy]:
    """Run a proxy in front of a server."""
    proxy = Proxy(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = proxy.answer(Seen(self.command, self.path, headers, body))
            if reply is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
            self.close_connection = self.close_connection or reply.cut

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128  # of the usual 5, some are turned away for a second where it gets no turn

    server = Server(("127.0.0.1", 0), Handler)
    proxy.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.released.set()
        server.shutdown()
        server.server_close()
        thread.join()

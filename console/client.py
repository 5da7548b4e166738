"""Talks to the REST API, by the standard library alone: a command must start quickly."""

from __future__ import annotations

import argparse
import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from console.connection import Connection, find_connection
from console.exits import CommandFailed, ExitCode

_TIMEOUT_SECONDS = 30.0  # longer than any answer takes, the database's own limits included
_MAX_LISTED = 20
_ANY_BYTES = "surrogateescape"  # how Python holds arguments that are not UTF-8, such as names of files
_PAGE = 500
_UNREACHABLE = (502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the console answered; `data` is the decoded JSON, None where there is none."""

    status: int
    headers: Mapping[str, str]
    data: Any


class Client:
    """One connection to the console; a request that is refused ends the command with the right exit code."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        parts = urlsplit(connection.url)
        self._base = parts.path
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._http = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)

    def close(self) -> None:
        """Close the connection; the next request opens it again."""
        self._http.close()

    def get(self, path: str, /, **query: object) -> Any:
        """Return the JSON at a path below `/api/v1`; a query value of None is left out, one of a list is repeated."""
        return self.ask("GET", path, query=query).data

    def post(self, path: str, body: object = None, **headers: str) -> Any:
        """Post JSON and return what comes back."""
        return self.ask("POST", path, body=body, headers=headers).data

    def items(
        self, path: str, /, *, limit: int | None = None, page_size: int = _PAGE, **query: object
    ) -> Iterator[Any]:
        """Yield the items of a list, page by page, at most `limit` of them."""
        left = limit
        cursor: str | None = None
        while left is None or left > 0:
            page = self.get(path, **query, limit=min(left or page_size, page_size), cursor=cursor)
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return
            left = None if left is None else left - len(page["items"])

    def log_lines(self, run_id: str, **query: object) -> Iterator[Any]:
        """Yield the lines that a run's log has now."""
        after: object = 0
        while after is not None:
            page = self.get(f"/runs/{segment(run_id)}/log", **query, after=after, limit=_PAGE)
            yield from page["items"]
            after = page["next"]

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return the answer; CommandFailed is raised unless it is a success."""
        target, sent = self._target(path, query or {}), self._headers(headers or {})
        content = body if isinstance(body, bytes) else None if body is None else _json(body)
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        answer = self._exchange(method, target, content, sent)
        if answer.status >= 400:
            raise _failure(answer, self._connection.url)
        return answer

    @contextmanager
    def content(
        self, path: str, *, query: Mapping[str, object], headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        """Yield an answer that is no JSON, to be read piece by piece; CommandFailed unless it is a success.

        OSError and HTTPException go up as they are: who reads much wants to go on where it was.
        """
        self._http.close()
        try:
            self._http.request("GET", self._target(path, query), None, self._headers(headers))
            response = self._http.getresponse()
            if response.status >= 400:
                said = Answer(status=response.status, headers={}, data=_decoded(response.read()))
                raise _failure(said, self._connection.url)
            yield response
        finally:
            # What was not read to its end leaves a connection that nobody else can use.
            self._http.close()

    def _target(self, path: str, query: Mapping[str, object]) -> str:
        given = [
            (name, _text(each))
            for name, value in query.items()
            if value is not None
            for each in (value if isinstance(value, list) else [value])
        ]
        return f"{self._base}/api/v1{path}" + (f"?{urlencode(given, errors=_ANY_BYTES)}" if given else "")

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        headers = {"Accept": "application/json", **{name.replace("_", "-"): value for name, value in more.items()}}
        if self._connection.token:
            headers["Authorization"] = f"Bearer {self._connection.token}"
        return headers

    def _exchange(self, method: str, target: str, content: bytes | None, headers: Mapping[str, str]) -> Answer:
        # A kept connection may have been closed by the other side since; only reading is safe to try once more.
        for last in (method != "GET" or self._http.sock is None, True):
            try:
                self._http.request(method, target, content, dict(headers))
                response = self._http.getresponse()
                raw = response.read()
                return Answer(status=response.status, headers=dict(response.getheaders()), data=_decoded(raw))
            except (OSError, http.client.HTTPException) as error:
                self._http.close()
                if last:
                    raise CommandFailed(
                        f"no answer from {self._connection.url} ({error or type(error).__name__}): is `rota up` or "
                        "`rota console` running?",
                        ExitCode.UNREACHABLE,
                    ) from error
        raise AssertionError("the last try returns or raises")


def _json(body: object) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        given = ascii(error.object[error.start : error.end])
        raise CommandFailed(
            f"a name has {given} in it, which is no UTF-8 and cannot be sent; name the folder that it is in",
            ExitCode.USAGE,
        ) from error


class RequestRefused(CommandFailed):
    """Raised when the console answers with a problem, which it holds for commands that can say more of it."""

    def __init__(self, message: str, code: ExitCode, problem: Mapping[str, Any]) -> None:
        self.problem = problem
        super().__init__(message, code)


@contextmanager
def open_client(options: argparse.Namespace) -> Iterator[Client]:
    """Yield a client for the console that the options or the state folder name."""
    with closing(Client(find_connection(options))) as client:
        yield client


def segment(name: str) -> str:
    """Return a name as one segment of a path."""
    return quote(name, safe="", errors=_ANY_BYTES)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _failure(answer: Answer, url: str) -> CommandFailed:
    problem = answer.data if isinstance(answer.data, dict) else {}
    if not problem.get("title"):
        return CommandFailed(f"{url} answered {answer.status} and is no Rota console", ExitCode.UNREACHABLE)
    lines = [str(problem.get("detail") or problem["title"])]
    errors = problem.get("errors") or []
    lines += [
        f"  {error.get('path') or error.get('pointer')}: {error.get('message')}" for error in errors[:_MAX_LISTED]
    ]
    if len(errors) > _MAX_LISTED:
        lines.append(f"  and {len(errors) - _MAX_LISTED} more")
    if answer.status == 401:
        lines.append("  give --token, or run the command as the user who started `rota up`")
    return RequestRefused("\n".join(lines), _exit_code(answer.status), problem)


def _exit_code(status: int) -> ExitCode:
    if status in (404, 410):
        return ExitCode.NOT_FOUND
    if status in _UNREACHABLE:
        return ExitCode.UNREACHABLE
    return ExitCode.FAILED if status >= 500 else ExitCode.REFUSED

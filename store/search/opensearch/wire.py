"""Requests to OpenSearch: every one has a time limit, errors are told by what to do about them, none shows a secret."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rota.errors import PermanentError, TemporaryError

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
"""How long an answer may take if a request does not say; shorter than a writer's lease, see `fence`."""
MOST_CONNECTIONS = 16
MOST_TRIES = 5
MOST_PAUSE = 5.0
"""Seconds between two tries at most, whatever the server asks for; who waits longer is told so by TemporaryError."""
BUSY = frozenset({429, 502, 503, 504})
"""Statuses of a server or of a proxy before it that shall be asked again."""

Answer = dict[str, Any]


class Declined(PermanentError):
    """Raised when OpenSearch refuses a request; its caller may know what to do about `status` or `kind`."""

    def __init__(self, place: str, status: int, error: object) -> None:
        self.status = status
        self.kind = kind_of(error)
        reason = error.get("reason") if isinstance(error, Mapping) else error
        super().__init__(f"{place}: {status} {self.kind}: {str(reason)[:300]}")


class NoAnswer(TemporaryError):
    """Raised when no answer came in time; the request may have been carried out."""


class Wire:
    """The connections to one OpenSearch. Safe to use from several threads; nothing is opened before the first request.

    Requests are repeated when their answer is lost or the server is busy, so each must do the same when done twice.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.place = f"OpenSearch at {parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 9200)}"
        self._url = url
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._is_known = False

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        seconds: float = ANSWER_SECONDS,
        tries: int = MOST_TRIES,
        **parameters: str,
    ) -> Answer:
        """Send a request and give its answer; bytes are lines of JSON, everything else is one object.

        Raises Declined if it is refused, TemporaryError if the server is away or busy, NoAnswer if it takes longer
        than these seconds, PermanentError if it wants other credentials or is no OpenSearch.
        """
        if not self._is_known:
            self._get_to_know()
        return self._repeated(method, path, body, seconds=seconds, tries=tries, parameters=parameters)

    def close(self) -> None:
        """Close the connections; twice is fine."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _get_to_know(self) -> None:
        try:
            told = self._repeated("GET", "/", None, seconds=ANSWER_SECONDS, tries=2, parameters={})
        except Declined as refused:
            raise PermanentError(f"{self.place}: this is no OpenSearch ({refused.status})") from None
        version = told.get("version")
        if not isinstance(version, dict) or version.get("distribution") != "opensearch":
            raise PermanentError(f"{self.place}: this is no OpenSearch")
        if str(version.get("number")).partition(".")[0] == "1":
            raise PermanentError(f"{self.place}: version {version['number']} is too old; 2 and 3 can be used")
        self._is_known = True

    def _repeated(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None,
        *,
        seconds: float,
        tries: int,
        parameters: Mapping[str, str],
    ) -> Answer:
        for attempt in range(1, tries + 1):
            try:
                return self._once(method, path, body, seconds=seconds, parameters=parameters)
            except TemporaryError as error:
                if attempt == tries:
                    raise
                time.sleep(pause(attempt, error.delay_ms))
        raise AssertionError("unreachable: the last try returns or raises")

    def _once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None,
        *,
        seconds: float,
        parameters: Mapping[str, str],
    ) -> Answer:
        import httpx

        is_lines = isinstance(body, bytes)
        content = body if isinstance(body, bytes) else encoded(body) if body is not None else None
        kind = "application/x-ndjson" if is_lines else "application/json"
        try:
            response = self._opened().request(
                method,
                path,
                params=parameters or None,
                content=content,
                headers={"content-type": kind} if content is not None else None,
                timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds), pool=seconds),
            )
        except (httpx.ReadTimeout, httpx.WriteTimeout):
            raise NoAnswer(f"{self.place}: no answer within {seconds:g} s") from None
        except httpx.HTTPError as error:
            raise self._failure(error) from None  # its cause may quote what was sent
        return self._read(response)

    def _read(self, response: httpx.Response) -> Answer:
        status = response.status_code
        try:
            told = json.loads(response.content)
        except ValueError:
            told = None
        if status in (401, 403):
            kind = kind_of(told.get("error")) if isinstance(told, dict) else "no reason told"
            raise PermanentError(
                f"{self.place}: refuses the user or the password, or what they may do ({status} {kind})"
            )
        if status == 413:
            raise PermanentError(f"{self.place}: takes no request so large; raise its http.max_content_length")
        if status in BUSY:
            raise TemporaryError(f"{self.place}: is busy or away ({status})", delay_ms=asked_pause(response.headers))
        if not isinstance(told, dict):
            raise PermanentError(f"{self.place}: this is no OpenSearch ({status}, and no JSON)")
        if status >= 400:
            raise Declined(self.place, status, told.get("error"))
        return told

    def _failure(self, error: httpx.HTTPError) -> PermanentError | TemporaryError:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return PermanentError(f"{self.place}: its certificate is not trusted")
        return TemporaryError(f"{self.place}: cannot be reached, or broke off ({type(error).__name__})")

    def _opened(self) -> httpx.Client:
        import httpx

        from rota.certificates import trust
        from rota.connections import Connections

        with self._lock:
            if self._client is None:
                url = httpx.URL(self._url)
                auth = httpx.BasicAuth(url.username, url.password) if url.username else None
                verify = trust() if url.scheme == "https" else False  # plain http has nothing to verify
                port = url.port or (None if url.scheme == "https" else 9200)
                self._client = httpx.Client(
                    base_url=url.copy_with(username=None, password=None, port=port),
                    auth=auth,
                    transport=Connections(most=MOST_CONNECTIONS, verify=verify),
                    trust_env=False,
                )
            return self._client


def encoded(value: object) -> bytes:
    """Give a value as JSON on one line; what UTF-8 does not have becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(errors="replace")


def kind_of(error: object) -> str:
    """Give the kind of an error, the innermost that is told."""
    if not isinstance(error, Mapping):
        return "error"
    causes = error.get("root_cause") or [error]
    return str(causes[0].get("type", "error"))


def asked_pause(headers: Mapping[str, str]) -> int | None:
    """Give how long a server asks to be left alone, in ms; None if it does not say so in seconds."""
    value = headers.get("retry-after", "")
    return int(value[:6]) * 1000 if value.isascii() and value.isdigit() else None


def pause(attempt: int, asked_ms: int | None = None) -> float:
    """Give the seconds to wait after a failed attempt, the first of which is 1."""
    own: float = 0.1 * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - only to part who waits
    return min(max(own, (asked_ms or 0) / 1000), MOST_PAUSE)

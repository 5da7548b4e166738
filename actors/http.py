"""The actor `http`: one request to a web service, with its answer as the result.

The host is resolved once and the connection goes to the very address that was judged, so a name that answers
differently the second time gains nothing. Addresses that are not public are refused unless `allow_private`. Redirects
are not followed, and proxies of the environment are not used.

An attempt may be repeated although the service acted on it (its answer was lost, the worker died). The header
`Idempotency-Key` carries the task's id, the same in each attempt, unless the definition sets one.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from actors.addresses import Address
from actors.params import Params, Result
from actors.pinned import judged, open_client, send
from actors.registry import actor
from actors.retry_after import retry_after_ms
from actors.run import Run
from actors.secrets import Secrets
from rota.errors import PermanentError, TemporaryError
from rota.runs import cut_middle, plain_text

if TYPE_CHECKING:
    import httpx

MAX_BODY_BYTES = 1_000_000
MAX_RESULT_BYTES = 32 * 1024
_TOLD_BYTES = 1024
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 10.0
_TEMPORARY = frozenset({408, 425, 429})
# These belong to the connection; set by hand they would contradict it.
_REFUSED_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})


class HttpParams(Params):
    """The request."""

    url: str = Field(max_length=8192, description="Address, http or https.")
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = Field(default="GET", description="Verb.")
    payload: Any = Field(default=None, alias="json", description="Sent as JSON; nothing is sent when unset.")
    headers: dict[str, str] = Field(
        default={},
        description="Headers. A value may be a reference, env:NAME or file:PATH, read when the request is made.",
    )
    timeout_seconds: float = Field(
        default=60, gt=0, le=3600, description="Most time for the whole exchange, in seconds."
    )
    allow_private: bool = Field(default=False, description="Allow loopback, link-local and private addresses.")

    @field_validator("url")
    @classmethod
    def _is_web_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an http or https address")
        if parts.username or parts.password:
            raise ValueError("must not hold a password: use headers with a reference, env:NAME or file:PATH")
        if parts.port == 0:
            raise ValueError("must not name port 0")
        return url

    @field_validator("headers")
    @classmethod
    def _are_ours_to_set(cls, headers: dict[str, str]) -> dict[str, str]:
        refused = sorted(name for name in headers if name.lower() in _REFUSED_HEADERS)
        if refused:
            raise ValueError(f"cannot be set: {', '.join(refused)}")
        return headers


class HttpResult(Result):
    """The answer."""

    status: int
    body: Any
    """Parsed if it is JSON, else text; text longer than 32 KB has its middle cut."""


@actor("http", timeout="PT1H")
def http(run: Run, params: HttpParams) -> HttpResult:
    """Send one request and give the answer.

    Fails for good on 3xx and 4xx, an answer over 1 MB and a refused address; for the time being on 5xx, 408, 425, 429
    (until its Retry-After has passed), timeouts and broken connections.
    """
    import httpx

    try:
        url = httpx.URL(params.url)
    except httpx.InvalidURL as error:
        raise PermanentError(f"url: {error}") from error
    addresses = judged(url, allow_private=params.allow_private)
    secrets = Secrets()
    headers = _headers(run, params, secrets)
    deadline = time.monotonic() + params.timeout_seconds
    try:
        answer = _ask_first(run, params, url, addresses, headers=headers, deadline=deadline)
    except httpx.TimeoutException as error:
        raise TemporaryError(f"{_place(params, url)}: no answer in time ({type(error).__name__})") from error
    except httpx.HTTPError as error:
        raise TemporaryError(f"{_place(params, url)}: {type(error).__name__}: {error}") from error
    return _result(run, answer, place=_place(params, url), secrets=secrets)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def _headers(run: Run, params: HttpParams, secrets: Secrets) -> dict[str, str]:
    headers = {"user-agent": "rota", "idempotency-key": run.task}
    for name, value in params.headers.items():
        headers[name.lower()] = secrets.header(name, value)
    headers["accept-encoding"] = "identity"  # a small answer must not unpack into a large one
    return headers


def _ask_first(
    run: Run,
    params: HttpParams,
    url: httpx.URL,
    addresses: tuple[Address, ...],
    *,
    headers: dict[str, str],
    deadline: float,
) -> _Answer:
    """Ask the first address that takes the connection."""
    import httpx

    def refused(address: Address, error: Exception) -> None:
        run.log.debug(f"{address} does not take the connection: {error}")
        run.check()

    content = None
    if params.payload is not None:
        headers = {"content-type": "application/json"} | headers
        content = json.dumps(params.payload).encode()
    timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
    with open_client(url.scheme, timeout=timeout, connections=1) as client:
        run.check()
        response = send(client, params.method, url, addresses, headers=headers, content=content, refused=refused)
        try:
            return _read(run, params, response, deadline)
        finally:
            response.close()


def _read(run: Run, params: HttpParams, response: httpx.Response, deadline: float) -> _Answer:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise PermanentError("the answer is compressed although it was asked not to be")
    body = bytearray()
    for piece in response.iter_raw():
        run.check()
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise PermanentError(f"the answer is longer than {MAX_BODY_BYTES:,} bytes")
        if time.monotonic() > deadline:
            raise TemporaryError(f"the answer took longer than {params.timeout_seconds:g} s")
    return _Answer(status=response.status_code, headers=response.headers, body=bytes(body))


def _result(run: Run, answer: _Answer, *, place: str, secrets: Secrets) -> HttpResult:
    text = secrets.hide(plain_text(answer.body.decode("utf-8", "replace")))
    if 200 <= answer.status < 300:
        return HttpResult(status=answer.status, body=_body(answer, text))
    run.log.warning(f"{place} answered {answer.status}: {cut_middle(text, _TOLD_BYTES)}")
    said = f"{place} answered {answer.status}"
    if answer.status >= 500 or answer.status in _TEMPORARY:
        delay_ms = retry_after_ms(answer.headers, now=datetime.now(UTC))
        raise TemporaryError(said, delay_ms=delay_ms)
    if 300 <= answer.status < 400:
        raise PermanentError(f"{said}, and redirects are not followed: give the address it leads to")
    raise PermanentError(said)


def _body(answer: _Answer, text: str) -> Any:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if len(answer.body) <= MAX_RESULT_BYTES and (kind == "application/json" or kind.endswith("+json")):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return cut_middle(text, MAX_RESULT_BYTES)


def _place(params: HttpParams, url: httpx.URL) -> str:
    # Without the query, which may hold a key.
    return f"{params.method} {url.scheme}://{url.netloc.decode()}{url.path}"

"""Sends signed requests to an object store, and turns what goes wrong into our errors."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from actors.addresses import Address
from actors.datasources.endpoints import Endpoint
from actors.datasources.objects.answers import refusal
from actors.datasources.objects.signing import Request, Signer
from actors.pinned import failure, open_client, send
from rota.errors import PermanentError, TemporaryError

if TYPE_CHECKING:
    import httpx

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Most bytes of an answer that is no object: several times the largest page."""
_CONNECT_SECONDS = 10.0
_PART = 206


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A success, whole."""

    headers: Mapping[str, str]
    body: bytes


def _ask_the_next(_address: Address, _error: Exception) -> None:
    """Let `send` go on to the next address."""


class Body:
    """The content of an object while it comes; whoever has it closes it."""

    def __init__(self, response: httpx.Response, *, place: str) -> None:
        """`place` is how messages name the storage."""
        self._response = response
        self._place = place
        self.is_part = response.status_code == _PART
        """Whether it begins where it was asked to, and not at the beginning."""
        length = response.headers.get("content-length", "")
        self.size = int(length) if length.isdecimal() else None
        """In bytes, from where it begins; None where the service does not say."""
        self.etag = response.headers.get("etag", "").removeprefix("W/").strip('"')

    def __iter__(self) -> Iterator[bytes]:
        import httpx

        try:
            yield from self._response.iter_raw()
        except httpx.HTTPError as error:
            raise failure(error, self._place) from None

    def close(self) -> None:
        """Close it; twice is fine."""
        self._response.close()


class Wire:
    """The connections to one endpoint; safe in several threads. Nothing is repeated, no redirect is followed."""

    def __init__(
        self, endpoint: Endpoint, sign: Signer, *, name: str, timeout_seconds: float, connections: int
    ) -> None:
        """Make a client; `name` is that of the datasource, for messages."""
        import httpx

        self._endpoint = endpoint
        self._sign = sign
        self._name = name
        self._seconds = timeout_seconds
        timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, _CONNECT_SECONDS))
        self._client = open_client(endpoint.url.scheme, timeout=timeout, connections=connections)

    @property
    def place(self) -> str:
        """How messages name it."""
        return f"datasource {self._name!r}"

    def ask(self, request: Request, *, about_one: bool = True) -> Answer:
        """Send a request and read the answer; raises what `refusal` gives for one that is no success."""
        import httpx

        deadline = time.monotonic() + self._seconds
        response = self._send(request, about_one=about_one)
        try:
            body = self._read(response, deadline)
        except httpx.HTTPError as error:
            raise failure(error, self.place) from None
        finally:
            response.close()
        return Answer(headers=response.headers, body=body)

    def open(self, request: Request) -> Body:
        """Send a request about one object and give its content, still to be read; the caller closes it.

        Raises PermanentError for an answer of which nobody could tell whether it ended too early.
        """
        response = self._send(request, about_one=True)
        if "content-length" not in response.headers and "transfer-encoding" not in response.headers:
            response.close()
            raise PermanentError(f"{self.place}: the service does not say where an object ends")
        return Body(response, place=self.place)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, request: Request, *, about_one: bool) -> httpx.Response:
        import httpx

        url = self._endpoint.url
        signed = self._sign(request, url.netloc.decode(), datetime.now(UTC))
        target = url.copy_with(raw_path=signed.target.encode())
        headers = {"user-agent": "rota", "accept-encoding": "identity", **signed.headers}
        deadline = time.monotonic() + self._seconds
        try:
            response = send(
                self._client,
                signed.method,
                target,
                self._endpoint.addresses(),
                headers=headers,
                content=signed.body,
                refused=_ask_the_next,
            )
            if response.is_success:
                return response
            try:
                body = self._read(response, deadline)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise failure(error, self.place) from None
        raise refusal(response.status_code, response.headers, body, place=self.place, about_one=about_one)

    def _read(self, response: httpx.Response, deadline: float) -> bytes:
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise PermanentError(f"{self.place}: an answer is longer than {MAX_ANSWER_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise TemporaryError(f"{self.place}: an answer took longer than {self._seconds:g} s")
        return bytes(body)

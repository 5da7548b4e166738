"""The HTTP side of WebDAV: requests to one server, and what its answers mean for a storage.

Connections go to the addresses that were judged (`actors.pinned`). A redirect is followed once, for a
PROPFIND, to the same address with the slash that folders have at the end, and nowhere else.
"""

from __future__ import annotations

import errno
import os
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from actors.addresses import Address
from actors.datasources.credentials import secret
from actors.datasources.endpoints import check_endpoint
from actors.datasources.paths import text_of
from actors.datasources.storage import Datasource
from actors.datasources.webdav.answers import BadAnswer
from actors.datasources.webdav.hrefs import encode, segments_of
from actors.pinned import failure as network_failure
from actors.pinned import open_client, send
from actors.retry_after import retry_after_ms
from rota.datasources import WebdavOptions
from rota.errors import PermanentError, TemporaryError

if TYPE_CHECKING:
    import httpx

_CONNECT_SECONDS = 5.0
_TEMPORARY = frozenset({408, 423, 425, 429})
_REDIRECTS = frozenset({301, 302, 307, 308})
# Slower than this, a server does not answer but holds the line.
_LEAST_BYTES_A_SECOND = 1000
_ERRORS = {
    403: errno.EACCES,
    404: errno.ENOENT,
    409: errno.ENOENT,  # the folder it should go into is missing
    410: errno.ENOENT,
    412: errno.EEXIST,  # asked with `Overwrite: F`
    413: errno.EFBIG,
    414: errno.ENAMETOOLONG,
}


class WebdavRequests:
    """Sends requests about paths to the server of a datasource. Safe to use from several threads."""

    def __init__(self, datasource: Datasource) -> None:
        """Judge the address and read the credentials; connects to nothing.

        Raises PermanentError for an address or credentials that cannot be used, TemporaryError when the host cannot be
        resolved now.
        """
        import httpx

        self._name = f"datasource {datasource.name!r}"
        options = WebdavOptions.model_validate(dict(datasource.options))
        root = urlsplit(datasource.root)
        # The user is no part of the address; a datasource may have one there.
        address = f"{root.scheme}://{root.netloc.rpartition('@')[2]}"
        self._endpoint = check_endpoint(address, allow_private=datasource.rules.allow_private)
        self._url = self._endpoint.url.copy_with(raw_path=b"/")
        self.host = root.hostname or ""
        self._root = segments_of(root.path)
        self._headers = {"user-agent": "rota", "accept-encoding": "identity"} | _authorization(
            options, username=options.username or (root.username and unquote(root.username))
        )
        self._refusing: frozenset[Address] = frozenset()
        self._seconds = options.timeout_seconds
        self.in_flight = options.in_flight
        self._client = open_client(
            root.scheme,
            timeout=httpx.Timeout(self._seconds, connect=min(_CONNECT_SECONDS, self._seconds)),
            # A copy within the storage reads and writes at once.
            connections=max(options.in_flight, 2),
        )

    def close(self) -> None:
        """Let go of all connections; twice is fine."""
        self._client.close()

    def segments(self, path: bytes) -> tuple[bytes, ...]:
        """Give the parts of a path's address, the root's own included."""
        return self._root + (tuple(path.split(b"/")) if path else ())

    def address(self, path: bytes, *, folder: bool) -> str:
        """Give the whole address of a path, for a header."""
        return str(self._url).rstrip("/") + encode(self.segments(path), folder=folder)

    @contextmanager
    def ask(
        self,
        method: str,
        path: bytes,
        *,
        folder: bool = False,
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterable[bytes] | None = None,
    ) -> Iterator[httpx.Response]:
        """Send a request and give the answer, its body unread; it is closed at the end.

        Raises OSError, PermanentError or TemporaryError unless the answer is a success, and TemporaryError for what
        goes wrong on the network inside the block.
        """
        response = self.begin(method, path, folder=folder, headers=headers, content=content)
        with self._network_errors(method, path):
            try:
                yield response
            finally:
                response.close()

    def begin(
        self,
        method: str,
        path: bytes,
        *,
        folder: bool = False,
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterable[bytes] | None = None,
    ) -> httpx.Response:
        """Do as `ask` does, for a caller who closes the answer himself."""
        with self._network_errors(method, path):
            response = self._send(method, encode(self.segments(path), folder=folder), headers, content)
            if method == "PROPFIND" and _adds_slash(response, self.address(path, folder=True)):
                response.close()
                response = self._send(method, encode(self.segments(path), folder=True), headers, content)
            if not 200 <= response.status_code < 300:
                response.close()
                raise self._failure(method, path, response)
            return response

    def multistatus(self, path: bytes, response: httpx.Response) -> Iterator[bytes]:
        """Give the pieces of the answer to a PROPFIND.

        Raises BadAnswer if it is none, PermanentError if it is packed, TemporaryError if it comes too slowly.
        """
        if response.status_code != 207:
            raise BadAnswer(f"the server answered {response.status_code} in place of 207: is it WebDAV?")
        refuse_packed(response)
        began, received = time.monotonic(), 0
        for piece in response.iter_raw():
            received += len(piece)
            if time.monotonic() - began > self._seconds + received / _LEAST_BYTES_A_SECOND:
                raise TemporaryError(f"{self._place('PROPFIND', path)}: the answer comes too slowly")
            yield piece

    def _send(
        self, method: str, path: str, headers: Mapping[str, str] | None, content: bytes | Iterable[bytes] | None
    ) -> httpx.Response:
        url = self._url.copy_with(raw_path=path.encode())
        sent = {**self._headers, **(headers or {})}
        # Those that took no connection before are asked last.
        addresses = sorted(self._endpoint.addresses(), key=self._refusing.__contains__)
        return send(self._client, method, url, addresses, headers=sent, content=content, refused=self._remember_refusal)

    def _remember_refusal(self, address: Address, error: Exception) -> None:
        self._refusing |= {address}

    @contextmanager
    def _network_errors(self, method: str, path: bytes) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.HTTPError as error:
            raise network_failure(error, self._place(method, path)) from None

    def _failure(self, method: str, path: bytes, response: httpx.Response) -> Exception:
        said = f"{self._place(method, path)} answered {response.status_code}"
        delay_ms = retry_after_ms(response.headers, now=datetime.now(UTC))
        return failure(response.status_code, said, path, delay_ms=delay_ms)

    def _place(self, method: str, path: bytes) -> str:
        return f"{self._name}: {method} {text_of(path) or '/'}"


def failure(status: int, said: str, path: bytes, *, delay_ms: int | None = None) -> Exception:
    """Give the error that an answer without success means for a path."""
    if status in _TEMPORARY or (status >= 500 and status != 501):
        return TemporaryError(said, delay_ms=delay_ms)
    if status == 401:
        return PermanentError(f"{said}: the server refuses the credentials")
    if 300 <= status < 400:
        return PermanentError(f"{said}, and redirects are not followed: give the address it leads to as root")
    if status in {405, 501}:
        return PermanentError(f"{said}: the server does not allow this there; it may not be a WebDAV server")
    number = _ERRORS.get(status)
    if number is None:
        return OSError(errno.EIO, said, path)
    return OSError(number, f"{os.strerror(number)} ({said})", path)


def refuse_packed(response: httpx.Response) -> None:
    """Raise PermanentError for an answer that is compressed: a small one could unpack into a large one."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise PermanentError("the answer is compressed although it was asked not to be")


def _adds_slash(response: httpx.Response, address: str) -> bool:
    if response.status_code not in _REDIRECTS:
        return False
    location = response.headers.get("location", "")
    return location in {address, urlsplit(address).path}


def _authorization(options: WebdavOptions, *, username: str | None) -> dict[str, str]:
    if options.token is not None:
        token = secret(options.token, what="options.token")
        # Checked here: the client's own message would quote it.
        if not token.isascii() or not token.isprintable():
            raise PermanentError("options.token: holds a line end or a character that is not ASCII")
        return {"authorization": f"Bearer {token}"}
    if username is None:
        return {}
    password = "" if options.password is None else secret(options.password, what="options.password")
    return {"authorization": "Basic " + b64encode(f"{username}:{password}".encode()).decode()}

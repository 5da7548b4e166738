"""Azure's Blob Storage."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from actors.datasources.objects.answers import azure_page, within
from actors.datasources.objects.pages import Page
from actors.datasources.objects.signing import Request, encoded
from actors.datasources.objects.wire import Answer, Body, Wire
from rota.errors import TemporaryError

_COPY_SECONDS = 600.0
_LOOK_SECONDS = 0.5


class AzureService:
    """A container; see `ObjectService` for the promises."""

    seeks = False  # a listing begins at its start or at a marker that Azure gave
    largest_copy = 2**63

    def __init__(self, wire: Wire, base: str, *, origin: str, source_query: Mapping[str, str] | None = None) -> None:
        """`base` is the path of the container on its host, percent-encoded; `origin` is scheme and host.

        `source_query` proves who copies, where the proof is part of addresses.
        """
        self._wire = wire
        self._base = base
        self._origin = origin
        self._source_query = source_query or {}

    def list(
        self, prefix: bytes, *, level: bool = False, after: bytes = b"", token: str = "", most: int = 1000
    ) -> Page:
        """Give a page of the keys with a prefix; `after` cannot be had."""
        query = {"restype": "container", "comp": "list", "maxresults": str(most), "prefix": prefix.decode()}
        if level:
            query["delimiter"] = "/"
        if token:
            query["marker"] = token
        answer = self._wire.ask(Request(method="GET", path=self._base, query=query), about_one=False)
        try:
            return within(azure_page(answer.body), prefix, token)
        except (ValueError, KeyError, StopIteration) as error:
            raise TemporaryError(f"{self._wire.place}: the listing cannot be read: {error}") from error

    def get(self, key: bytes, *, start: int = 0, etag: str = "") -> Body:
        """Open an object's content from a byte on."""
        headers = {"range": f"bytes={start}-"} if start else {}
        if etag:
            headers["if-match"] = f'"{etag}"'
        return self._wire.open(Request(method="GET", path=self._path(key), headers=headers))

    def put(self, key: bytes, content: bytes) -> None:
        """Make or replace an object in one step."""
        self._ask("PUT", key, headers={"x-ms-blob-type": "BlockBlob"}, body=content)

    def begin(self, key: bytes) -> str:
        """Give an id: blocks need no beginning."""
        return secrets.token_hex(8)

    def part(self, key: bytes, upload: str, number: int, content: bytes) -> str:
        """Send a block; its tag is its id."""
        tag = base64.b64encode(f"{upload}-{number:08}".encode()).decode()
        self._ask("PUT", key, query={"comp": "block", "blockid": tag}, body=content)
        return tag

    def finish(self, key: bytes, upload: str, tags: Sequence[str]) -> None:
        """Make or replace the object from its blocks."""
        blocks = "".join(f"<Latest>{tag}</Latest>" for tag in tags)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{blocks}</BlockList>'.encode()
        self._ask("PUT", key, query={"comp": "blocklist"}, body=body)

    def abort(self, key: bytes, upload: str) -> None:
        """Leave the blocks: there is no way to take them back, and Azure drops them after a week."""

    def copy(self, key: bytes, target: bytes) -> None:
        """Copy an object, and wait until the copy is whole."""
        query = f"?{urlencode(self._source_query)}" if self._source_query else ""
        headers = {"x-ms-copy-source": f"{self._origin}{self._path(key)}{query}", "if-none-match": "*"}
        status = self._ask("PUT", target, headers=headers).headers.get("x-ms-copy-status", "success")
        deadline = time.monotonic() + _COPY_SECONDS
        while status == "pending" and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
            status = self._ask("HEAD", target).headers.get("x-ms-copy-status", "success")
        if status != "success":
            raise TemporaryError(f"{self._wire.place}: a copy ended as {status!r}")

    def delete(self, key: bytes) -> None:
        """Delete an object."""
        try:
            self._ask("DELETE", key)
        except FileNotFoundError:
            return

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _ask(
        self,
        method: str,
        key: bytes,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        return self._wire.ask(
            Request(method=method, path=self._path(key), query=query or {}, headers=headers or {}, body=body)
        )

    def _path(self, key: bytes) -> str:
        return f"{self._base}/{encoded(key, safe='/')}"

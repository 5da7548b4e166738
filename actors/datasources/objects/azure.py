"""Azure's Blob Storage."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from actors.datasources.objects.answers import azure_page
from actors.datasources.objects.container import Container
from actors.datasources.objects.pages import Page
from actors.datasources.objects.wire import Wire
from rota.errors import TemporaryError

_COPY_SECONDS = 600.0
_LOOK_SECONDS = 0.5


class AzureService(Container):
    """A container; see `ObjectService` for the promises."""

    seeks = False  # a listing begins at its start or at a marker that Azure gave
    largest_copy = 2**63

    def __init__(self, wire: Wire, base: str, *, origin: str, source_query: Mapping[str, str] | None = None) -> None:
        """`base` is the path of the container on its host, percent-encoded; `origin` is scheme and host.

        `source_query` proves who copies, where the proof is part of addresses.
        """
        super().__init__(wire, base)
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
        return self._page(self._base, query, azure_page, prefix=prefix, token=token)

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

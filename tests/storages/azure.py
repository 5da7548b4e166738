"""A twin of Azure's Blob Storage, as much as the driver needs: a container in memory behind the proxy's rule."""

from __future__ import annotations

import base64
import re
from hashlib import md5
from html import escape
from urllib.parse import unquote, urlsplit

from tests.storages.http_proxy import Reply, Seen

MODIFIED = "Sun, 22 Nov 2026 22:34:13 GMT"


class Container:
    """Blobs by name; a rule for a `Proxy`."""

    def __init__(self, name: str = "cont") -> None:
        self.blobs: dict[str, bytes] = {}
        self.blocks: dict[tuple[str, str], bytes] = {}
        self._base = f"/{name}"

    def __call__(self, request: Seen) -> Reply:
        """Answer a request; whoever sends none of the known proofs is refused."""
        if not request.headers.get("authorization", "").startswith("SharedKey acct:") and "sig" not in request.query:
            return _refused(403, "AuthenticationFailed")
        path = urlsplit(request.target).path
        if path == self._base:
            return self._list(request.query)
        name = unquote(path.removeprefix(f"{self._base}/"))
        match request.method, request.query.get("comp"):
            case "PUT", "block":
                self.blocks[name, request.query["blockid"]] = request.body
                return Reply(201)
            case "PUT", "blocklist":
                tags = re.findall(r"<Latest>([^<]+)<", request.body.decode())
                return self._put(name, b"".join(self.blocks.pop((name, tag)) for tag in tags))
            case "PUT", _:
                return self._write(name, request)
            case "GET" | "HEAD", _:
                return self._get(name, request)
        return Reply(202) if self.blobs.pop(name, None) is not None else _refused(404, "BlobNotFound")

    def _write(self, name: str, request: Seen) -> Reply:
        if request.headers.get("if-none-match") == "*" and name in self.blobs:
            return _refused(409, "BlobAlreadyExists")
        source = request.headers.get("x-ms-copy-source")
        if source is None:
            assert request.headers["x-ms-blob-type"] == "BlockBlob"
            return self._put(name, request.body)
        self._put(name, self.blobs[unquote(urlsplit(source).path.removeprefix(f"{self._base}/"))])
        return Reply(202, headers={"x-ms-copy-status": "pending"})

    def _put(self, name: str, content: bytes) -> Reply:
        self.blobs[name] = content
        return Reply(201)

    def _get(self, name: str, request: Seen) -> Reply:
        content = self.blobs.get(name)
        if content is None:
            return _refused(404, "BlobNotFound")
        if request.headers.get("if-match", f'"{_etag(content)}"') != f'"{_etag(content)}"':
            return _refused(412, "ConditionNotMet")
        start = int(request.headers.get("range", "bytes=0-")[6:-1])
        headers = {"etag": f'"{_etag(content)}"', "x-ms-copy-status": "success"}
        return Reply(206 if start else 200, content[start:], headers)

    def _list(self, query: dict[str, str]) -> Reply:
        prefix, most = query["prefix"], int(query["maxresults"])
        names = sorted(name for name in self.blobs if name.startswith(prefix))
        if query.get("delimiter"):
            names = sorted({prefix + re.split("(?<=/)", name[len(prefix) :], maxsplit=1)[0] for name in names})
        names = [name for name in names if name >= base64.b64decode(query.get("marker", "")).decode()]
        told = "".join(self._told(name) for name in names[:most])
        following = base64.b64encode(names[most].encode()).decode() if len(names) > most else ""
        body = f"<EnumerationResults><Blobs>{told}</Blobs><NextMarker>{following}</NextMarker></EnumerationResults>"
        return Reply(200, body.encode())

    def _told(self, name: str) -> str:
        if name not in self.blobs:
            return f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>"
        content = self.blobs[name]
        return (
            f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{MODIFIED}</Last-Modified>"
            f"<Etag>{_etag(content)}</Etag><Content-Length>{len(content)}</Content-Length></Properties></Blob>"
        )


def _etag(content: bytes) -> str:
    return f"0x{md5(content, usedforsecurity=False).hexdigest()[:15].upper()}"


def _refused(status: int, code: str) -> Reply:
    return Reply(status, headers={"x-ms-error-code": code})

"""The services that speak S3: Amazon's, the many that copy it, and Google's XML interface."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from actors.datasources.objects.answers import embedded_refusal, s3_page
from actors.datasources.objects.bulk import delete_request, is_speakable, refused_keys
from actors.datasources.objects.container import Container
from actors.datasources.objects.pages import Page
from actors.datasources.objects.signing import Request, encoded
from actors.datasources.objects.uploads import Begun, Sent, Some, pages_of, parts_page, uploads_page
from actors.datasources.objects.wire import Answer, Wire
from rota.errors import PermanentError, TemporaryError

_GIB = 1024**3
_NOT_IMPLEMENTED = "answered 501"


class S3Service(Container):
    """A bucket behind the S3 protocol; see `ObjectService` for the promises."""

    seeks = True

    def __init__(self, wire: Wire, base: str, bucket: str, *, google: bool = False) -> None:
        """`base` is the path of the bucket on its host, percent-encoded, without a slash at the end."""
        super().__init__(wire, base)
        self._bucket = bucket
        self._google = google
        self._vendor = "x-goog-" if google else "x-amz-"
        self._deletes_many = True
        self.largest_copy = 2**63 if google else 5 * _GIB

    def list(
        self, prefix: bytes, *, level: bool = False, after: bytes = b"", token: str = "", most: int = 1000
    ) -> Page:
        """Give a page of the keys with a prefix."""
        # Keys may hold what XML cannot say.
        query = {"list-type": "2", "encoding-type": "url", "max-keys": str(most), "prefix": prefix.decode()}
        if level:
            query["delimiter"] = "/"
        if token:
            query["continuation-token"] = token
        elif after:
            query["start-after"] = after.decode()
        return self._page(f"{self._base}/", query, s3_page, prefix=prefix, token=token)

    def put(self, key: bytes, content: bytes) -> None:
        """Make or replace an object in one step."""
        self._ask("PUT", key, body=content)

    def begin(self, key: bytes) -> str:
        """Begin an upload in parts and give its id."""
        body = self._ask("POST", key, query={"uploads": ""}).body
        upload = body.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
        if not upload:
            raise PermanentError(f"{self._wire.place}: an upload in parts was begun without an id")
        return upload

    def part(self, key: bytes, upload: str, number: int, content: bytes) -> str:
        """Send a part and give its tag."""
        query = {"partNumber": str(number), "uploadId": upload}
        return self._ask("PUT", key, query=query, body=content).headers.get("etag", "")

    def finish(self, key: bytes, upload: str, tags: Sequence[str]) -> None:
        """Make or replace the object from its parts."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag></Part>"
            for number, tag in enumerate(tags, start=1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        self._whole(self._ask("POST", key, query={"uploadId": upload}, body=body))

    def abort(self, key: bytes, upload: str) -> None:
        """Throw the parts away."""
        try:
            self._ask("DELETE", key, query={"uploadId": upload})
        except FileNotFoundError:
            return

    def uploads(self, prefix: bytes) -> Iterator[Begun]:
        """Give all uploads that are not finished of keys with a prefix."""
        query = {"uploads": "", "encoding-type": "url", "prefix": prefix.decode()}
        for page in self._pages(f"{self._base}/", query, uploads_page, about_one=False):
            # Not every service looks at the prefix.
            yield from (each for each in page.uploads if each.key.startswith(prefix))

    def parts(self, key: bytes, upload: str) -> Sequence[Sent]:
        """Give the parts that were sent, in their order."""
        pages = self._pages(self._path(key), {"uploadId": upload}, parts_page, about_one=True)
        return [part for page in pages for part in page.parts]

    def copy(self, key: bytes, target: bytes) -> None:
        """Copy an object, its own headers with it."""
        headers = {f"{self._vendor}copy-source": f"/{self._bucket}/{encoded(key, safe='/')}"}
        if self._google:
            self._whole(self._ask("PUT", target, headers={**headers, "x-goog-if-generation-match": "0"}))
            return
        try:
            answer = self._ask("PUT", target, headers={**headers, "if-none-match": "*"})
        except OSError as error:
            if _NOT_IMPLEMENTED not in str(error):
                raise
            # The service refuses conditions on copies; the caller has looked at the target.
            answer = self._ask("PUT", target, headers=headers)
        self._whole(answer)

    def _pages(
        self, path: str, query: Mapping[str, str], read: Callable[[bytes], Some], *, about_one: bool
    ) -> Iterator[Some]:
        def ask(following: Mapping[str, str]) -> Some:
            request = Request(method="GET", path=path, query={**query, **following})
            return read(self._wire.ask(request, about_one=about_one).body)

        try:
            yield from pages_of(ask)
        except (ValueError, KeyError) as error:
            raise TemporaryError(f"{self._wire.place}: a list of uploads cannot be read: {error}") from error

    def delete_many(self, keys: Sequence[bytes]) -> Mapping[bytes, str]:
        """Delete objects in one request, where the service has one for that; gives those that stay, and why."""
        together = [] if self._google or not self._deletes_many else [key for key in keys if is_speakable(key)]
        if not together:
            return super().delete_many(keys)
        body = delete_request(together)
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        request = Request(
            method="POST",
            path=f"{self._base}/",
            query={"delete": ""},
            headers={"content-md5": digest, "content-type": "application/xml"},
            body=body,
        )
        try:
            answer = self._wire.ask(request)
        except OSError as error:
            if _NOT_IMPLEMENTED not in str(error):
                raise
            self._deletes_many = False
            return super().delete_many(keys)
        try:
            refused = refused_keys(answer.body, together)
        except (ValueError, KeyError) as error:
            raise TemporaryError(f"{self._wire.place}: the answer to a deletion cannot be read: {error}") from error
        spoken = set(together)
        return {**refused, **super().delete_many([key for key in keys if key not in spoken])}

    def _reading(self) -> Mapping[str, str]:
        # Or Google unpacks what is stored packed, and its size is another.
        return {"accept-encoding": "gzip"} if self._google else {}

    def _whole(self, answer: Answer) -> None:
        code = embedded_refusal(answer.body)
        if code:
            raise TemporaryError(f"{self._wire.place}: began with a success and ended with {code}")

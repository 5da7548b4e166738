"""The services that speak S3: Amazon's, the many that copy it, and Google's XML interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from actors.datasources.objects.answers import embedded_refusal, s3_page
from actors.datasources.objects.container import Container
from actors.datasources.objects.pages import Page
from actors.datasources.objects.signing import encoded
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

    def _reading(self) -> Mapping[str, str]:
        # Or Google unpacks what is stored packed, and its size is another.
        return {"accept-encoding": "gzip"} if self._google else {}

    def _whole(self, answer: Answer) -> None:
        code = embedded_refusal(answer.body)
        if code:
            raise TemporaryError(f"{self._wire.place}: began with a success and ended with {code}")

"""What S3 tells of uploads in parts that are not finished, and how its answers are read. Reading is pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable
from urllib.parse import unquote_plus

from actors.datasources.objects.answers import root_of
from actors.datasources.objects.service import ObjectService

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


class Begun(NamedTuple):
    """An upload that was begun and is not finished."""

    key: bytes
    upload: str
    started_ms: int


class Sent(NamedTuple):
    """A part that the service has."""

    number: int
    size: int
    tag: str


class Some(NamedTuple):
    """A page of either, and the words that lead to the next one; none on the last."""

    uploads: list[Begun]
    parts: list[Sent]
    next: Mapping[str, str]


@runtime_checkable
class ResumableService(ObjectService, Protocol):
    """A service that tells which uploads are not finished and what it has of them."""

    def uploads(self, prefix: bytes) -> Iterator[Begun]:
        """Give all uploads that are not finished of keys with a prefix."""

    def parts(self, key: bytes, upload: str) -> Sequence[Sent]:
        """Give the parts that were sent, in their order; raises FileNotFoundError if there is no such upload."""


def pages_of(ask: Callable[[Mapping[str, str]], Some]) -> Iterator[Some]:
    """Give page after page; raises ValueError for one that leads to itself."""
    following: Mapping[str, str] = {}
    while True:
        page = ask(following)
        yield page
        if not page.next:
            return
        if page.next == following:
            raise ValueError("leads to itself")
        following = page.next


def uploads_page(body: bytes) -> Some:
    """Read a page of ListMultipartUploads; raises ValueError or KeyError for what is none."""
    told: dict[str, str] = {}
    found: list[dict[str, str]] = []
    for child in root_of(body, "ListMultipartUploadsResult", "ListMultipartUploadsResponse"):
        if _local(child) == "Upload":
            found.append(_fields(child))
        else:
            told[_local(child)] = child.text or ""
    is_encoded = told.get("EncodingType") == "url"
    uploads = [Begun(_key(each["Key"], is_encoded), each["UploadId"], _ms(each.get("Initiated", ""))) for each in found]
    if told.get("IsTruncated") != "true":
        return Some(uploads, [], {})
    marker = _key(told["NextKeyMarker"], is_encoded).decode()
    return Some(uploads, [], {"key-marker": marker, "upload-id-marker": told.get("NextUploadIdMarker", "")})


def parts_page(body: bytes) -> Some:
    """Read a page of ListParts; raises ValueError or KeyError for what is none."""
    told: dict[str, str] = {}
    parts: list[Sent] = []
    # Some that copy S3 have another name for the answer.
    for child in root_of(body, "ListPartsResult", "ListPartsResponse"):
        if _local(child) == "Part":
            each = _fields(child)
            parts.append(Sent(int(each["PartNumber"]), int(each["Size"]), each["ETag"]))
        else:
            told[_local(child)] = child.text or ""
    is_last = told.get("IsTruncated") != "true"
    return Some([], parts, {} if is_last else {"part-number-marker": told["NextPartNumberMarker"]})


def _fields(element: Element) -> dict[str, str]:
    return {_local(each): each.text or "" for each in element}


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _key(text: str, is_encoded: bool) -> bytes:
    return (unquote_plus(text) if is_encoded else text).encode()


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000) if text else 0

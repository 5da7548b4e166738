"""Reads what object stores answer: pages of a listing, and refusals. Pure."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

from actors.datasources.objects.pages import Object, Page
from actors.retry_after import retry_after_ms
from rota.errors import PermanentError, TemporaryError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SECOND_NS = 1_000_000_000
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_STORE = frozenset({"NoSuchBucket", "ContainerNotFound", "AccountNotFound", "InvalidBucketName"})
# Says that the credentials themselves are no good, and not that they are not enough for one object.
_NO_IDENTITY = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "RequestTimeTooSkewed"}
    | {"AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation", "AuthenticationRequired"}
)
_ABOUT_ONE = {
    403: (errno.EACCES, "permission denied"),
    404: (errno.ENOENT, "no such object"),
    409: (errno.EEXIST, "in the way of another one"),
    412: (errno.EEXIST, "something else is there"),
    416: (errno.EINVAL, "no such part of the object"),
}
_SIZE = re.compile(r"[0-9]{1,18}", re.ASCII)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,80}")


def s3_page(body: bytes) -> Page:
    """Read a page of ListObjectsV2; raises ValueError for what is none."""
    root = root_of(body, "ListBucketResult")
    objects: list[Object] = []
    prefixes: list[bytes] = []
    told: dict[str, str] = {}
    for child in root:
        name = _local(child)
        if name == "Contents":
            objects.append(_s3_object(child))
        elif name == "CommonPrefixes":
            prefixes += [(each.text or "").encode() for each in child if _local(each) == "Prefix"]
        else:
            told[name] = child.text or ""
    if told.get("EncodingType") == "url":
        objects = [Object(_decoded(each.key), *each[1:]) for each in objects]
        prefixes = [_decoded(prefix) for prefix in prefixes]
    token = told.get("NextContinuationToken", "")
    if told.get("IsTruncated") == "true" and not token:
        raise ValueError("says that there is more and not where")
    return Page(objects, prefixes, token if told.get("IsTruncated") == "true" else "")


def azure_page(body: bytes) -> Page:
    """Read a page of List Blobs; a directory of a hierarchical namespace comes as the marker of a folder."""
    root = root_of(body, "EnumerationResults")
    objects: list[Object] = []
    prefixes: list[bytes] = []
    for child in _children(root, "Blobs"):
        if _local(child) == "BlobPrefix":
            prefixes += [_azure_name(each) for each in child if _local(each) == "Name"]
        elif _local(child) == "Blob":
            objects.append(_azure_blob(child))
    return Page(objects, prefixes, next((each.text or "" for each in root if _local(each) == "NextMarker"), ""))


def within(page: Page, prefix: bytes, token: str) -> Page:
    """Give the page; raises ValueError for one that is no answer to what was asked: this prefix, from this token on.

    A service that does not know one of the two would make keys of another place look like ours, or never end.
    """
    told = [each.key for each in page.objects]
    stray = next((key for key in (*told, *page.prefixes) if not key.startswith(prefix)), None)
    if stray is not None:
        raise ValueError(f"names {stray[:200]!r}, which does not begin with {prefix[:200]!r}")
    if token and page.token == token:
        raise ValueError("leads to itself")
    return page


def refusal(status: int, headers: Mapping[str, str], body: bytes, *, place: str, about_one: bool) -> Exception:
    """Give the error for an answer that is not a success; `about_one` says that it was about one object."""
    code = _code(headers, body)
    said = f"{place}: answered {status}" + (f" {code}" if code else "")
    if status in _TEMPORARY:
        return TemporaryError(said, delay_ms=retry_after_ms(headers, now=datetime.now(UTC)))
    if 300 <= status < 400:
        region = headers.get("x-amz-bucket-region", "")
        hint = f"; its region is {region}" if _CODE.fullmatch(region) else ""
        return PermanentError(f"{said}, and redirects are not followed: correct the endpoint or the region{hint}")
    if code in _NO_STORE:
        return PermanentError(f"{said}: there is no such bucket or container")
    if status == 401 or (status == 403 and (code in _NO_IDENTITY or not about_one)):
        return PermanentError(f"{said}: the credentials are refused or do not allow this")
    number, why = _ABOUT_ONE.get(status, (errno.EIO, "refused"))
    return OSError(number, f"{why} ({said})") if about_one else PermanentError(said)


def embedded_refusal(body: bytes) -> str | None:
    """Give the code of an error that came with a status of success, as copies and finished uploads may have it."""
    return (_code({}, body) or "an error without a name") if b"<Error>" in body[:1024] else None


def root_of(body: bytes, *names: str) -> Element:
    """Give the root of an answer in XML; raises ValueError unless it has one of these names."""
    from xml.etree import ElementTree as ET

    if b"<!DOCTYPE" in body[:4096]:
        raise ValueError("declares a document type, which no listing needs and attacks on parsers do")
    try:
        root = ET.fromstring(body)  # noqa: S314 -- without a document type there are no entities to unfold
    except ET.ParseError as error:
        raise ValueError(f"is no XML: {error}") from error
    if _local(root) not in names:
        raise ValueError(f"is no {names[0]}")
    return root


def _s3_object(element: Element) -> Object:
    found = {_local(each): each.text or "" for each in element}
    modified = _ns(found.get("LastModified", ""), datetime.fromisoformat)
    return Object(found["Key"].encode(), _size(found["Size"]), modified, found.get("ETag", "").strip('"'))


def _azure_blob(element: Element) -> Object:
    name = next(_azure_name(each) for each in element if _local(each) == "Name")
    found = {_local(each): each.text or "" for each in _children(element, "Properties")}
    if found.get("ResourceType") == "directory":
        return Object(name.rstrip(b"/") + b"/", 0, 0, "")
    modified = _ns(found.get("Last-Modified", ""), parsedate_to_datetime)
    return Object(name, _size(found["Content-Length"]), modified, found.get("Etag", "").strip('"'))


def _azure_name(element: Element) -> bytes:
    text = element.text or ""
    return (unquote(text) if element.get("Encoded") == "true" else text).encode()


def _children(element: Element, name: str) -> Iterator[Element]:
    return (each for child in element if _local(child) == name for each in child)


def _size(text: str) -> int:
    if not _SIZE.fullmatch(text):
        raise ValueError(f"says that something is {text[:40]!r} bytes long")
    return int(text)


def _ns(text: str, read: Callable[[str], datetime]) -> int:
    moment = read(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * _SECOND_NS + moment.microsecond * 1000


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _decoded(key: bytes) -> bytes:
    if b"%" not in key and b"+" not in key:
        return key
    # A plus sign itself comes as %2B, so it can only stand for a space.
    return unquote_plus(key.decode()).encode()


def _code(headers: Mapping[str, str], body: bytes) -> str:
    code = headers.get("x-ms-error-code", "")
    if not code and (found := re.search(rb"<Code>([^<]{1,100})</Code>", body)):
        code = found[1].decode("utf-8", "replace")
    # Only what is a word: an answer of another server may hold anything.
    return code if _CODE.fullmatch(code) else ""

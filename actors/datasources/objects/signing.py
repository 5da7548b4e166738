"""How requests to object stores prove who sent them. Pure: the time is handed in.

Only what a definition names is ever used. No variable, file or metadata service of the machine is asked for another
identity.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import parse_qsl, quote

_UNRESERVED = "-_.~"
_AZURE_VERSION = "2023-11-03"
_AZURE_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be sent."""

    method: str
    path: str
    """Percent-encoded, with the slash in front."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in small letters."""
    body: bytes = b""

    @property
    def target(self) -> str:
        """Path and query as they are sent."""
        return f"{self.path}?{encoded_query(self.query)}" if self.query else self.path


Signer = Callable[[Request, str, datetime], Request]
"""Gives a request for this host at this time with its proof."""


def encoded(text: str | bytes, *, safe: str = "") -> str:
    """Percent-encode all but letters, digits and `-_.~`, as signatures want it."""
    return quote(text, safe=_UNRESERVED + safe)


def encoded_query(query: Mapping[str, str]) -> str:
    """Give a query in the order of its names, as signatures want it."""
    return "&".join(f"{name}={value}" for name, value in sorted((encoded(k), encoded(v)) for k, v in query.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class AmazonSigner:
    """AWS Signature Version 4."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    region: str

    def __call__(self, request: Request, host: str, now: datetime) -> Request:
        """Sign all headers and the body."""
        stamp, content = now.strftime("%Y%m%dT%H%M%SZ"), hashlib.sha256(request.body).hexdigest()
        headers = {**request.headers, "host": host, "x-amz-content-sha256": content, "x-amz-date": stamp}
        if self.token:
            headers["x-amz-security-token"] = self.token
        signed = ";".join(sorted(headers))
        lines = [request.method, request.path, encoded_query(request.query)]
        lines += [f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers)]
        canonical = "\n".join([*lines, "", signed, content])
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{self.secret}".encode()
        for word in scope.split("/"):
            key = _hmac(key, word)
        proof = f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={signed}, "
        return replace(request, headers={**headers, "authorization": f"{proof}Signature={_hmac(key, to_sign).hex()}"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerSigner:
    """A token that `token` gives, fetched when it is needed."""

    token: Callable[[], str]

    def __call__(self, request: Request, host: str, now: datetime) -> Request:
        """Add the token."""
        return replace(request, headers={**request.headers, "authorization": f"Bearer {self.token()}"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureKeySigner:
    """Azure's Shared Key."""

    account: str
    key: bytes = field(repr=False)

    def __call__(self, request: Request, host: str, now: datetime) -> Request:
        """Sign what Azure wants signed."""
        headers = {**dated(request, now).headers}
        # A length of zero is signed as an empty line.
        standard = {**headers, "content-length": str(len(request.body)) if request.body else ""}
        lines = [request.method, *(standard.get(name, "") for name in _AZURE_SIGNED)]
        lines += [f"{name}:{headers[name].strip()}" for name in sorted(headers) if name.startswith("x-ms-")]
        lines.append(f"/{self.account}{request.path}")
        lines += [f"{name.lower()}:{value}" for name, value in sorted(request.query.items())]
        proof = base64.b64encode(_hmac(self.key, "\n".join(lines))).decode()
        return replace(request, headers={**headers, "authorization": f"SharedKey {self.account}:{proof}"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureSasSigner:
    """Azure's shared access signature, which goes with each query."""

    signature: str = field(repr=False)

    def __call__(self, request: Request, host: str, now: datetime) -> Request:
        """Add the signature."""
        given = dict(parse_qsl(self.signature.lstrip("?").replace("+", "%2B"), keep_blank_values=True))
        return replace(dated(request, now), query={**request.query, **given})


def dated(request: Request, now: datetime) -> Request:
    """Give a request to Azure its date and the version it speaks."""
    stamp = now.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return replace(request, headers={**request.headers, "date": stamp, "x-ms-version": _AZURE_VERSION})


def anonymous(request: Request, _host: str, _now: datetime) -> Request:
    """Send a request as it is."""
    return request


def anonymous_to_azure(request: Request, _host: str, now: datetime) -> Request:
    """Send a request to Azure without a proof."""
    return dated(request, now)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()

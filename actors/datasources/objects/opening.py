"""Opens the service of a datasource of kind `s3`, `gcs` or `azure`, with nothing but what its definition names."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from actors.datasources.credentials import secret
from actors.datasources.endpoints import Endpoint, check_endpoint
from actors.datasources.objects.azure import AzureService
from actors.datasources.objects.google import GoogleToken
from actors.datasources.objects.s3 import S3Service
from actors.datasources.objects.service import ObjectService
from actors.datasources.objects.signing import (
    AmazonSigner,
    AzureKeySigner,
    AzureSasSigner,
    BearerSigner,
    Signer,
    anonymous,
    anonymous_to_azure,
)
from actors.datasources.objects.wire import Wire
from actors.datasources.storage import Datasource
from rota.errors import PermanentError

# These become parts of host names and paths.
_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{0,221}")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_GOOGLE = "https://storage.googleapis.com"


def open_service(datasource: Datasource) -> tuple[ObjectService, bytes]:
    """Give the service and the prefix of all keys: empty, or ending with a slash.

    Raises PermanentError for a root, an endpoint or credentials that are no good.
    """
    bucket, prefix = _place(datasource)
    opened = {"s3": _amazon, "gcs": _google, "azure": _azure}[datasource.kind](datasource, bucket)
    return opened, prefix


def _place(datasource: Datasource) -> tuple[str, bytes]:
    bucket, _, prefix = datasource.root.partition("://")[2].partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise PermanentError(f"datasource {datasource.name!r}: {bucket!r} in its root is no name of a bucket")
    parts = prefix.strip("/").split("/") if prefix.strip("/") else []
    if any(part in {"", ".", ".."} for part in parts):
        raise PermanentError(f"datasource {datasource.name!r}: its root must not have empty parts, '.' or '..'")
    return bucket, "".join(f"{part}/" for part in parts).encode()


def _amazon(datasource: Datasource, bucket: str) -> ObjectService:
    options = datasource.options
    region = options.get("region") or "us-east-1"
    if not _REGION.fullmatch(region):
        raise PermanentError(f"datasource {datasource.name!r}: options.region must be one such as eu-west-1")
    given = options.get("endpoint")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    address = given or f"https://s3.{region}.{suffix}"
    # A certificate for *.s3… does not cover a name with a dot.
    in_host = bool(options.get("virtual_host")) or (not given and "." not in bucket)
    if in_host:
        scheme, _, host = address.partition("://")
        address = f"{scheme}://{bucket}.{host}"
    endpoint = _endpoint(datasource, address)
    base = _base_path(endpoint)
    wire = _wire(datasource, endpoint, _amazon_signer(datasource, region))
    return S3Service(wire, base if in_host else f"{base}/{bucket}", bucket)


def _amazon_signer(datasource: Datasource, region: str) -> Signer:
    options = datasource.options
    if options.get("anonymous"):
        return anonymous
    if not options.get("access_key_id") or not options.get("secret_access_key"):
        raise _nobody(datasource, "access_key_id and secret_access_key")
    return AmazonSigner(
        key_id=_secret(options, "access_key_id"),
        secret=_secret(options, "secret_access_key"),
        token=_secret(options, "session_token") if options.get("session_token") else "",
        region=region,
    )


def _google(datasource: Datasource, bucket: str) -> ObjectService:
    options = datasource.options
    endpoint = _endpoint(datasource, options.get("endpoint") or _GOOGLE)
    sign: Signer = anonymous
    if not options.get("anonymous"):
        if not options.get("service_account_key"):
            raise _nobody(datasource, "service_account_key")
        key = _secret(options, "service_account_key")
        rules = datasource.rules
        token = GoogleToken(
            key, name=datasource.name, allow_private=rules.allow_private, timeout_seconds=_seconds(options)
        )
        sign = BearerSigner(token=token)
    return S3Service(_wire(datasource, endpoint, sign), f"{_base_path(endpoint)}/{bucket}", bucket, google=True)


def _azure(datasource: Datasource, container: str) -> ObjectService:
    options = datasource.options
    account = options.get("account") or ""
    if not _ACCOUNT.fullmatch(account):
        raise PermanentError(f"datasource {datasource.name!r}: options.account must be 3 to 24 letters and digits")
    endpoint = _endpoint(datasource, options.get("endpoint") or f"https://{account}.blob.core.windows.net")
    source: Mapping[str, str] = {}
    if options.get("anonymous"):
        sign: Signer = anonymous_to_azure
    elif options.get("access_key"):
        sign = AzureKeySigner(account=account, key=_azure_key(datasource))
    elif options.get("sas_token"):
        given = _secret(options, "sas_token")
        sign, source = AzureSasSigner(signature=given), dict(parse_qsl(given.lstrip("?").replace("+", "%2B")))
    else:
        raise _nobody(datasource, "access_key or sas_token")
    url = endpoint.url
    origin = f"{url.scheme}://{url.netloc.decode()}"
    base = f"{_base_path(endpoint)}/{container}"
    return AzureService(_wire(datasource, endpoint, sign), base, origin=origin, source_query=source)


def _azure_key(datasource: Datasource) -> bytes:
    try:
        return base64.b64decode(_secret(datasource.options, "access_key"), validate=True)
    except ValueError:
        raise PermanentError(f"datasource {datasource.name!r}: options.access_key leads to no key of Azure") from None


def _endpoint(datasource: Datasource, address: str) -> Endpoint:
    try:
        return check_endpoint(address, allow_private=datasource.rules.allow_private)
    except PermanentError as error:
        raise PermanentError(f"datasource {datasource.name!r}: {error}") from error


def _wire(datasource: Datasource, endpoint: Endpoint, sign: Signer) -> Wire:
    return Wire(
        endpoint,
        sign,
        name=datasource.name,
        timeout_seconds=_seconds(datasource.options),
        connections=max(2, int(datasource.options.get("in_flight", 8))),  # a copy reads and writes
    )


def _base_path(endpoint: Endpoint) -> str:
    return endpoint.url.raw_path.decode().rstrip("/")


def _seconds(options: Mapping[str, Any]) -> float:
    return float(options.get("timeout_seconds", 30))


def _secret(options: Mapping[str, Any], name: str) -> str:
    return secret(options[name], what=f"options.{name}").strip()


def _nobody(datasource: Datasource, fields: str) -> PermanentError:
    return PermanentError(
        f"datasource {datasource.name!r}: options must name {fields}, or say anonymous: true; "
        "identities of the machine itself are never used"
    )

"""Google's XML interface: what it has in common with S3 on a real S3 server, and its tokens and headers before that."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from actors.datasources.objects import ObjectStorage
from actors.datasources.objects.google import GoogleToken
from actors.datasources.objects.writing import PART_BYTES
from actors.datasources.scanning import scan
from actors.datasources.storage import Datasource, Listing
from rota.datasources import Rules
from rota.errors import PermanentError
from tests.storages.http_proxy import Proxy, Reply, Seen
from tests.storages.s3 import ServedBucket

EMAIL = "rota@project.iam.gserviceaccount.com"


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def service_account(address: str) -> str:
    pem = private_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps({"client_email": EMAIL, "private_key": pem.decode(), "token_uri": f"{address}/token"})


class Google:
    """Gives tokens to whoever signs with the account's key, and speaks S3 to the server behind."""

    def __init__(self, served: ServedBucket, proxy: Proxy) -> None:
        self.tokens: list[str] = []
        self.claims: list[dict[str, Any]] = []
        self._served = served
        self._address = proxy.address

    def __call__(self, request: Seen) -> Seen | Reply:
        if request.target == "/token":
            return self._token(request)
        if request.headers.get("authorization") != f"Bearer {self.tokens[-1]}":
            return Reply(401)
        assert not [name for name in request.headers if name.startswith("x-amz-")]
        headers = {name.replace("x-goog-", "x-amz-"): value for name, value in request.headers.items()}
        headers["authorization"] = "AWS4-HMAC-SHA256 Credential=AKIATEST/1/us-east-1/s3/aws4_request"
        if headers.pop("x-amz-if-generation-match", "") == "0" and self._is_there(request.target):
            return Reply(412)
        return replace(request, headers=headers)

    def _token(self, request: Seen) -> Reply:
        form = parse_qs(request.body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        signed, _, proof = form["assertion"][0].rpartition(".")
        private_key().public_key().verify(_decoded(proof), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        self.claims.append(json.loads(_decoded(signed.partition(".")[2])))
        self.tokens.append(f"token-{len(self.tokens)}")
        return Reply(200, json.dumps({"access_token": self.tokens[-1], "expires_in": 3600}).encode())

    def _is_there(self, target: str) -> bool:
        return target.endswith("/taken") and self._served.keys().get(b"taken") is not None


@pytest.fixture
def google(served: ServedBucket, proxy: Proxy) -> Google:
    proxy.rule = Google(served, proxy)
    return proxy.rule


@pytest.fixture
def storage(
    served: ServedBucket, proxy: Proxy, google: Google, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObjectStorage]:
    monkeypatch.setenv("TEST_GOOGLE_KEY", service_account(proxy.address))
    options = {"endpoint": proxy.address, "service_account_key": "env:TEST_GOOGLE_KEY", "in_flight": 4}
    root = served.datasource.root.replace("s3://", "gs://")
    opened = ObjectStorage(replace(served.datasource, kind="gcs", root=root, options=options), page_keys=7)
    yield opened
    opened.close()


def test_a_bucket_is_scanned_and_its_files_are_read_and_written_with_one_token(
    served: ServedBucket, storage: ObjectStorage, google: Google
) -> None:
    served.fill({b"f%d/%d" % (number % 5, number): b"x" for number in range(40)})
    storage.verify()
    found = [each for each in scan(storage, [b""], lambda paths: {}) if isinstance(each, Listing)]
    large = b"y" * (PART_BYTES + 5)

    assert sum(len(each.rows) for each in found) == 45
    assert storage.write(b"new/small", [b"abc"]).size == 3
    assert storage.write(b"new/large", [large]).size == len(large)
    assert served.read(b"new/large") == large
    with storage.open_file(b"new/small") as file:
        assert file.read() == b"abc"
    storage.delete(b"new/large")
    assert served.keys() == {b"new/small": 3} | {b"f%d/%d" % (n % 5, n): 1 for n in range(40)}
    assert google.tokens == ["token-0"]
    assert google.claims[0]["iss"] == EMAIL
    assert google.claims[0]["exp"] - google.claims[0]["iat"] == 3600


def test_a_rename_never_replaces_what_came_meanwhile(
    served: ServedBucket, storage: ObjectStorage, proxy: Proxy
) -> None:
    served.put(b"f", b"x")
    through = proxy.rule

    def arrives_late(request: Seen) -> Seen | Reply | None:
        if "x-goog-copy-source" in request.headers:
            served.put(b"taken", b"another's")
        return through(request)

    proxy.rule = arrives_late

    with pytest.raises(FileExistsError):
        storage.rename(b"f", b"taken")
    storage.rename(b"f", b"free")
    assert served.read(b"taken") == b"another's"
    assert set(served.keys()) == {b"taken", b"free"}


def test_what_is_stored_packed_is_read_as_it_is_stored(
    served: ServedBucket, storage: ObjectStorage, proxy: Proxy
) -> None:
    served.put(b"f", b"\x1f\x8b not really", ContentEncoding="gzip")

    with storage.open_file(b"f") as file:
        assert file.read() == b"\x1f\x8b not really"
    assert proxy.seen[-1].headers["accept-encoding"] == "gzip"


def test_a_token_is_fetched_anew_before_it_ends(proxy: Proxy, google: Google) -> None:
    now = [1000.0]
    token = GoogleToken(
        service_account(proxy.address), name="x", allow_private=True, timeout_seconds=5, clock=lambda: now[0]
    )

    assert [token(), token()] == ["token-0", "token-0"]
    now[0] += 3600 - 299
    assert token() == "token-1"


def test_tokens_are_not_fetched_from_where_the_datasource_may_not_go(proxy: Proxy) -> None:
    token = GoogleToken(service_account(proxy.address), name="x", allow_private=False, timeout_seconds=5)

    with pytest.raises(PermanentError, match="allow_private"):
        token()
    assert proxy.seen == []


@pytest.mark.parametrize(
    "key", ["hunter2", "[]", '{"client_email": "a"}', '{"client_email": "a", "private_key": "hunter2"}']
)
def test_a_key_that_is_none_is_told_and_not_quoted(key: str) -> None:
    with pytest.raises(PermanentError, match="options.service_account_key") as caught:
        GoogleToken(key, name="x", allow_private=True, timeout_seconds=5)()

    assert "hunter2" not in str(caught.value)


def test_a_definition_without_a_key_asks_nobody_for_one() -> None:
    datasource = Datasource(name="bucket", kind="gcs", root="gs://bucket", options={"endpoint": "https://8.8.8.8"})

    with pytest.raises(PermanentError, match="options must name service_account_key, or say anonymous: true"):
        ObjectStorage(datasource)


def test_a_public_bucket_is_asked_without_a_token(served: ServedBucket, proxy: Proxy) -> None:
    options = {"endpoint": proxy.address, "anonymous": True}
    root = served.datasource.root.replace("s3://", "gs://")
    datasource = replace(served.datasource, kind="gcs", root=root, options=options, rules=Rules(allow_private=True))
    opened = ObjectStorage(datasource)
    opened.verify()
    opened.close()

    assert "authorization" not in proxy.seen[0].headers


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

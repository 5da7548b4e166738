"""Requests to object stores are signed as other clients sign them."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from actors.datasources.objects.signing import (
    AmazonSigner,
    AzureKeySigner,
    AzureSasSigner,
    BearerSigner,
    Request,
    encoded,
)

NOW = datetime(2026, 11, 22, 22, 58, 15, tzinfo=UTC)
REQUESTS = [
    Request(method="GET", path="/bucket/", query={"list-type": "2", "prefix": "a b/é+~", "delimiter": "/"}),
    Request(method="GET", path="/bucket/" + encoded("p%41 +é\n~*", safe="/"), headers={"range": "bytes=5-"}),
    Request(
        method="PUT",
        path="/bucket/key",
        headers={"if-none-match": "*"},
        body=b"content",
    ),
    Request(method="POST", path="/bucket/key", query={"uploads": ""}),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.method + request.path)
@pytest.mark.parametrize("token", ["", "a-session"])
def test_a_request_to_s3_is_signed_as_amazons_own_library_signs_it(
    request_: Request, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore import auth  # type: ignore[import-untyped]
    from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
    from botocore.credentials import Credentials  # type: ignore[import-untyped]

    monkeypatch.setattr(auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None))
    signed = AmazonSigner(key_id="AKIA", secret="hush", token=token, region="eu-west-1")(request_, "s3.host:9000", NOW)
    theirs = AWSRequest(
        method=request_.method,
        url=f"http://s3.host:9000{request_.path}",
        params={name: unquote(value) for name, value in request_.query.items()},
        headers=dict(request_.headers),
        data=request_.body,
    )
    auth.S3SigV4Auth(Credentials("AKIA", "hush", token or None), "s3", "eu-west-1").add_auth(theirs)

    assert signed.headers["authorization"] == theirs.headers["Authorization"]


@pytest.mark.parametrize(
    ("request_", "proof"),
    [
        (
            Request(method="GET", path="/cont", query={"restype": "container", "comp": "list", "prefix": "a b/é/"}),
            "z7mw1Yg/sFttlcLME35kZPX/39L6VERIOj7QgtTIbno=",
        ),
        (
            Request(
                method="PUT",
                path="/cont/dir/p%20q.txt",
                headers={"x-ms-blob-type": "BlockBlob"},
                body=b"hello",
            ),
            "9Bsm8TMyPUNJqI3hv+4Ms4Svfj8Pn87L9NzABjL1OvA=",
        ),
        (
            Request(
                method="PUT",
                path="/cont/empty",
                headers={"x-ms-blob-type": "BlockBlob"},
            ),
            "43S19L3zzv4+Y+6a5pIsXWJvT4awCnJTGTKe/8oskxQ=",
        ),
    ],
    ids=["list", "put", "put nothing"],
)
def test_a_request_to_azure_is_signed_as_another_client_signed_it(request_: Request, proof: str) -> None:
    # The proofs were recorded from obstore 0.12 with this account, key and time.
    signed = AzureKeySigner(account="acct", key=b"k" * 32)(request_, "host", NOW)

    assert signed.headers["authorization"] == f"SharedKey acct:{proof}"


def test_an_azure_signature_goes_with_the_query_as_it_was_given() -> None:
    signed = AzureSasSigner(signature="?sv=2023-11-03&sig=a%2Bb/c%3D")(
        Request(method="GET", path="/cont", query={"comp": "list"}), "host", NOW
    )

    assert signed.target == "/cont?comp=list&sig=a%2Bb%2Fc%3D&sv=2023-11-03"


def test_a_token_is_asked_for_at_each_request() -> None:
    tokens = iter(["one", "two"])
    signer = BearerSigner(token=lambda: next(tokens))
    request = Request(method="GET", path="/")

    assert [signer(request, "host", NOW).headers["authorization"] for _ in range(2)] == ["Bearer one", "Bearer two"]


def test_secrets_do_not_show_in_the_form_of_a_signer() -> None:
    signers = [
        AmazonSigner(key_id="AKIA", secret="hush", token="hush", region="x"),
        AzureKeySigner(account="acct", key=b"hush"),
        AzureSasSigner(signature="sig=hush"),
    ]

    assert "hush" not in repr(signers)

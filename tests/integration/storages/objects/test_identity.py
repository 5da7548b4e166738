"""Who asks, whom it asks, and what is said when that goes wrong."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from actors.datasources.storage import MARKER
from rota.datasources import Rules
from rota.errors import PermanentError, TemporaryError
from tests.integration.storages.objects.conftest import Opener
from tests.storages import s3
from tests.storages.http_proxy import Proxy, Reply, Seen, proxied
from tests.storages.s3 import ServedBucket

EMPTY_PAGE = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
# What a machine may have lying about, of other identities.
AMBIENT = {
    "AWS_ACCESS_KEY_ID": "AKIAOTHER",
    "AWS_SECRET_ACCESS_KEY": "another",
    "AWS_SESSION_TOKEN": "another",
    "AWS_PROFILE": "other",
    "AWS_REGION": "ap-south-2",
    "AWS_SKIP_SIGNATURE": "true",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/dev/null",
    "GOOGLE_APPLICATION_CREDENTIALS": "/dev/null",
    "AZURE_STORAGE_ACCOUNT_KEY": "another",
}


def test_a_bucket_that_answers_is_verified(served: ServedBucket, opened: Opener) -> None:
    opened().verify()
    with pytest.raises(PermanentError, match="its marker .rota-marker is not there"):
        opened(marker="mine").verify()
    served.put(MARKER, b"mine\n")
    opened(marker="mine").verify()
    with pytest.raises(PermanentError, match="is another one's"):
        opened(marker="yours").verify()


def test_identities_of_the_machine_are_not_used(opened: Opener, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxied(s3.server_address()) as other:
        for name, value in AMBIENT.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, other.address)
        opened(via=proxy).verify()
        opened(via=proxy, anonymous=True).verify()

        assert other.seen == []
    signed, unsigned = (request.headers for request in proxy.seen)
    assert "Credential=AKIATEST/" in signed["authorization"]
    assert "/us-east-1/s3/" in signed["authorization"]
    assert "x-amz-security-token" not in signed
    assert "authorization" not in unsigned


def test_a_definition_without_credentials_asks_nobody_for_some(
    opened: Opener, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in AMBIENT.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(PermanentError, match="'bucket': options must name access_key_id and secret_access_key, or say"):
        opened(via=proxy, access_key_id=None, secret_access_key=None)
    assert proxy.seen == []


def test_the_token_of_a_temporary_key_is_sent(opened: Opener, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_S3_TOKEN", "for an hour")
    opened(via=proxy, session_token="env:TEST_S3_TOKEN").verify()

    assert proxy.seen[0].headers["x-amz-security-token"] == "for an hour"


def test_a_redirect_is_not_followed(opened: Opener, proxy: Proxy) -> None:
    with proxied(s3.server_address()) as other:
        headers = {"location": other.address, "x-amz-bucket-region": "eu-west-1"}
        proxy.rule = lambda request: Reply(307, headers=headers)

        with pytest.raises(PermanentError, match="redirects are not followed.*its region is eu-west-1"):
            opened(via=proxy).verify()
        assert other.seen == []


def test_an_endpoint_that_is_not_public_is_refused_before_anything_is_sent(opened: Opener, proxy: Proxy) -> None:
    with pytest.raises(PermanentError, match="datasource 'bucket': endpoint .* set allow_private: true"):
        opened(via=proxy, rules=Rules())
    with pytest.raises(PermanentError, match="'bucket'.*127.0.0.1, which is not a public address"):
        opened(endpoint="https://127.0.0.1", rules=Rules())
    assert proxy.seen == []


def test_a_name_that_changes_after_it_was_judged_leads_nowhere_else(
    opened: Opener, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["127.0.0.1"])
    real = socket.getaddrinfo

    def once(host: str, *arguments: object, **named: object) -> object:
        return real(next(answers) if host.endswith("s3.test") else host, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", once)
    proxy.rule = lambda request: Reply(200, EMPTY_PAGE)
    port = proxy.address.rpartition(":")[2]
    storage = opened(endpoint=f"http://s3.test:{port}", virtual_host=True, root="s3://my-bucket/a")
    storage.verify()
    storage.verify()

    assert [request.headers["host"] for request in proxy.seen] == [f"my-bucket.s3.test:{port}"] * 2
    assert proxy.seen[0].target.startswith("/?")


Rule = Callable[[Seen], Reply]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AccessDenied", PermanentError),
        (403, "SignatureDoesNotMatch", PermanentError),
        (404, "NoSuchBucket", PermanentError),
        (503, "SlowDown", TemporaryError),
    ],
)
def test_what_the_service_refuses_is_told_without_secrets(
    opened: Opener, proxy: Proxy, status: int, code: str, kind: type[Exception]
) -> None:
    secret = s3.ENVIRONMENT["TEST_S3_SECRET"]
    body = f"<Error><Code>{code}</Code><Message>{secret}</Message></Error>".encode()
    proxy.rule = lambda request: Reply(status, body)

    with pytest.raises(kind, match=f"'bucket'.*{status} {code}") as caught:
        opened(via=proxy).verify()
    assert secret not in str(caught.value)


def test_a_bucket_that_is_not_there_is_not_an_empty_one(opened: Opener) -> None:
    storage = opened(root="s3://no-such-bucket-here/a")

    for ask in (
        storage.verify,
        lambda: storage.list_folder(b""),
        lambda: storage.stat(b"a"),
        lambda: list(storage.scan([b""], lambda paths: {})),
        lambda: storage.write(b"a", [b"x"]),
        lambda: storage.open_file(b"a"),
    ):
        with pytest.raises(PermanentError, match="there is no such bucket"):
            ask()


def test_one_object_that_may_not_be_read_is_no_fault_of_the_storage(
    served: ServedBucket, opened: Opener, proxy: Proxy
) -> None:
    served.put(b"f", b"x")
    denied = Reply(403, b"<Error><Code>AccessDenied</Code></Error>")
    proxy.rule = lambda request: request if request.is_listing else denied

    with pytest.raises(PermissionError):
        opened(via=proxy).open_file(b"f")


def test_a_service_that_does_not_answer_is_given_up_in_time(opened: Opener, proxy: Proxy) -> None:
    def silent(request: Seen) -> Seen:
        proxy.released.wait(120)
        return request

    proxy.rule = silent
    begin = time.monotonic()

    with pytest.raises(TemporaryError, match="no answer in time"):
        opened(via=proxy, timeout_seconds=1).verify()
    assert time.monotonic() - begin < 60


def test_a_service_that_is_not_there_may_come_back(opened: Opener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(TemporaryError, match="'bucket'"):
        opened(endpoint=f"http://127.0.0.1:{port}").verify()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"root": "s3://a_b!/c"}, "no name of a bucket"),
        ({"root": "s3://bucket/a/../b"}, "must not have empty parts"),
        ({"region": "eu west"}, "options.region"),
        ({"access_key_id": "env:TEST_NOWHERE"}, "options.access_key_id"),
    ],
)
def test_a_definition_that_is_no_good_says_where(opened: Opener, changes: dict[str, str], why: str) -> None:
    with pytest.raises(PermanentError, match=why):
        opened(**changes)

"""Which endpoints may be called."""

from __future__ import annotations

import pytest

from actors.datasources.endpoints import check_endpoint
from rota.errors import PermanentError


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1:9000",
        "https://[::1]",
        "https://169.254.169.254",
        "https://10.0.0.7",
        "https://192.168.1.1",
        "https://100.64.0.1",
        "https://[fd00::1]",
        "https://[::ffff:169.254.169.254]",
        "https://localhost",
        "https://0.0.0.0",
        "https://2130706433",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(PermanentError, match="set allow_private: true"):
        check_endpoint(address, allow_private=False)


@pytest.mark.parametrize("address", ["https://127.0.0.1:9000", "http://127.0.0.1:9000/path"])
def test_it_may_be_called_when_the_datasource_says_so(address: str) -> None:
    endpoint = check_endpoint(address, allow_private=True)

    assert [str(each) for each in endpoint.addresses()] == ["127.0.0.1"]


def test_plain_http_is_refused_on_the_internet() -> None:
    with pytest.raises(PermanentError, match="is plain http: use https, or set allow_private: true"):
        check_endpoint("http://8.8.8.8", allow_private=False)


def test_a_public_address_may_be_called() -> None:
    assert [str(each) for each in check_endpoint("https://8.8.8.8", allow_private=False).addresses()] == ["8.8.8.8"]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("ftp://host", "https or http"),
        ("host:9000", "https or http"),
        ("https://", "https or http"),
        ("https://8.8.8.8:0", "port 0"),
        ("https://8.8.8.8:99999", "no address"),
        ("https://8.8.8.8/?a=1", "a query"),
        ("https://8.8.8.8/#a", "a fragment"),
        ("https://me:hidden@8.8.8.8", "must not hold a user or a password"),
    ],
)
def test_what_is_no_endpoint_is_refused_and_no_password_is_quoted(address: str, why: str) -> None:
    with pytest.raises(PermanentError, match=why) as caught:
        check_endpoint(address, allow_private=True)

    assert "hidden" not in str(caught.value)

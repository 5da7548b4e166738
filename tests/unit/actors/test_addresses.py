from __future__ import annotations

from ipaddress import ip_address

import pytest

from actors.addresses import is_public, resolve
from rota.errors import PermanentError


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "::127.0.0.1",
        "fec0::1",
        "2001:db8::1",
    ],
)
def test_addresses_that_are_not_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_public_addresses(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "::1", "fe80::1%lo"])
def test_hosts_that_lead_here_are_refused_in_any_spelling(host):
    with pytest.raises(PermanentError, match="not a public address|no address"):
        resolve(host, 80, allow_private=False)


def test_private_hosts_are_given_when_allowed():
    assert [str(address) for address in resolve("127.0.0.1", 80, allow_private=True)] == ["127.0.0.1"]

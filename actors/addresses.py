"""Which network addresses an actor may call: a name is resolved once, and the connection goes to what was judged."""

from __future__ import annotations

import ipaddress
import socket

from rota.errors import PermanentError, TemporaryError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Translates to IPv4: the last 32 bits are an address to be judged by itself.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def resolve(host: str, port: int, *, allow_private: bool) -> tuple[Address, ...]:
    """Give the addresses of a host, in the resolver's order, at least one.

    Unless `allow_private`, raises PermanentError if any of them is not a public one: loopback, link-local, private,
    shared, multicast, reserved. TemporaryError when the name cannot be resolved now.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        if isinstance(error, socket.gaierror) and error.errno != socket.EAI_NONAME:
            raise TemporaryError(f"{host!r} cannot be resolved: {error.strerror}") from error
        raise PermanentError(f"{host!r} has no address") from error
    # The zone of a link-local address (%eth0) is no part of what is judged.
    texts = dict.fromkeys(str(place[4][0]).partition("%")[0] for place in found)
    addresses = tuple(ipaddress.ip_address(text) for text in texts)
    for address in addresses:
        if not allow_private and not is_public(address):
            raise PermanentError(
                f"{host!r} leads to {address}, which is not a public address; set allow_private: true if it is meant"
            )
    return addresses


def is_public(address: Address) -> bool:
    """Say whether an address, and any IPv4 address wrapped in it, is one of the public internet."""
    wrapped = _wrapped(address)
    if wrapped:
        return all(map(is_public, wrapped))
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    # What is reserved holds forms of an IPv4 address that no longer count, such as ::127.0.0.1.
    return address.is_global and not address.is_multicast and not address.is_reserved


def _wrapped(address: Address) -> list[ipaddress.IPv4Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    return [inner for inner in found if inner is not None]

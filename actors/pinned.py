"""HTTP that goes to the very addresses that were judged: a name that answers differently the second time gains nothing.

The host is resolved by `addresses.resolve`; each request then names the address, while its `Host` header and the
certificate that is asked for stay the host's. Redirects are not followed, proxies of the environment are not used.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from actors.addresses import Address, resolve

if TYPE_CHECKING:
    import httpx


def judged(url: httpx.URL, *, allow_private: bool) -> tuple[Address, ...]:
    """Give the addresses of a URL's host, judged; raises what `addresses.resolve` raises."""
    port = url.port or (443 if url.scheme == "https" else 80)
    return resolve(url.raw_host.decode(), port, allow_private=allow_private)


def open_client(scheme: str, *, timeout: httpx.Timeout, connections: int) -> httpx.Client:
    """Give a client of at most so many connections; the caller closes it. Safe to use from several threads."""
    import httpx

    from actors.connections import Connections

    verify = _trust() if scheme == "https" else False  # plain http has nothing to verify
    transport = Connections(most=connections, verify=verify)
    return httpx.Client(timeout=timeout, transport=transport, trust_env=False, follow_redirects=False)


def send(
    client: httpx.Client,
    method: str,
    url: httpx.URL,
    addresses: Sequence[Address],
    *,
    headers: Mapping[str, str],
    content: bytes | Iterable[bytes] | None = None,
    refused: Callable[[Address, Exception], None],
) -> httpx.Response:
    """Ask the first of these addresses that takes the connection; the body of the answer is still to be read.

    `refused` is told of each that does not, but for the last, whose error is raised. `content` is not begun before
    there is a connection.
    """
    import httpx

    *others, last = addresses
    for address in others:
        try:
            return client.send(_request(client, method, url, address, headers=headers, content=content), stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            refused(address, error)
    return client.send(_request(client, method, url, last, headers=headers, content=content), stream=True)


def _request(
    client: httpx.Client,
    method: str,
    url: httpx.URL,
    address: Address,
    *,
    headers: Mapping[str, str],
    content: bytes | Iterable[bytes] | None,
) -> httpx.Request:
    return client.build_request(
        method,
        url.copy_with(host=str(address)),
        headers={**headers, "host": url.netloc.decode()},
        content=content,
        # The certificate has to be the host's, whatever address it answers at.
        extensions={"sni_hostname": url.raw_host.decode()},
    )


def _trust() -> ssl.SSLContext:
    """Trust what the machine trusts (SSL_CERT_FILE too), and the public authorities, which a slim machine lacks."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context

"""HTTP that goes to the very addresses that were judged: a name that answers differently the second time gains nothing.

The host is resolved by `addresses.resolve`; each request then names the address, while its `Host` header and the
certificate that is asked for stay the host's. Redirects are not followed, proxies of the environment are not used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from actors.addresses import Address, resolve
from rota.certificates import trust
from rota.errors import PermanentError, TemporaryError

if TYPE_CHECKING:
    import httpx

# The client quotes so what it could not understand: a header with a secret in it, or one that a server sent back.
_QUOTED = re.compile(r"""(?:bytearray\()?b['"].*""", re.DOTALL)


def judged(url: httpx.URL, *, allow_private: bool) -> tuple[Address, ...]:
    """Give the addresses of a URL's host, judged; raises what `addresses.resolve` raises."""
    port = url.port or (443 if url.scheme == "https" else 80)
    return resolve(url.raw_host.decode(), port, allow_private=allow_private)


def open_client(scheme: str, *, timeout: httpx.Timeout, connections: int) -> httpx.Client:
    """Give a client of at most so many connections; the caller closes it. Safe to use from several threads."""
    import httpx

    from rota.connections import Connections

    verify = trust() if scheme == "https" else False  # plain http has nothing to verify
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
    there is a connection. Raises PermanentError for a header that cannot be sent.
    """
    import httpx

    *others, last = addresses
    for address in others:
        try:
            return client.send(_request(client, method, url, address, headers=headers, content=content), stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            refused(address, error)
    return client.send(_request(client, method, url, last, headers=headers, content=content), stream=True)


def failure(error: httpx.HTTPError, place: str) -> PermanentError | TemporaryError:
    """Give the error for one of the client's; raise it without its cause, which may quote what was sent."""
    import httpx

    said = _QUOTED.sub("…", str(error))
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return PermanentError(f"{place}: the certificate of its endpoint is not trusted: {said}")
    if isinstance(error, httpx.TimeoutException):
        return TemporaryError(f"{place}: no answer in time ({type(error).__name__})")
    return TemporaryError(f"{place}: {type(error).__name__}: {said}")


def _request(
    client: httpx.Client,
    method: str,
    url: httpx.URL,
    address: Address,
    *,
    headers: Mapping[str, str],
    content: bytes | Iterable[bytes] | None,
) -> httpx.Request:
    for name, value in headers.items():
        # Checked here: the client's own message would quote the value.
        if not value.isascii() or not value.isprintable():
            raise PermanentError(f"header {name!r}: its value holds a line end or a character that is not ASCII")
    return client.build_request(
        method,
        url.copy_with(host=str(address)),
        headers={**headers, "host": url.netloc.decode()},
        content=content,
        # The certificate has to be the host's, whatever address it answers at.
        extensions={"sni_hostname": url.raw_host.decode()},
    )

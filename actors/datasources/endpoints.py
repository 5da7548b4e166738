"""Endpoints of web storages: which ones may be called, and at which addresses.

A name is resolved and judged here, and requests go to the very addresses that were judged (`actors.pinned`), so a name
that answers differently the second time gains nothing. What a long scan resolves anew is judged anew.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from actors.addresses import Address
from actors.pinned import judged
from rota.errors import PermanentError, TemporaryError

if TYPE_CHECKING:
    import httpx

# Large services give another set of addresses every minute, and take the old ones out some time later.
_FRESH_SECONDS = 300.0


class Endpoint:
    """A place that may be called; safe in several threads."""

    def __init__(self, url: httpx.URL, *, allow_private: bool) -> None:
        """Resolve and judge the host; raises what `addresses.resolve` raises."""
        self.url = url
        """Scheme, host, port and the path in front of everything."""
        self._allow_private = allow_private
        self._lock = threading.Lock()
        self._addresses = judged(url, allow_private=allow_private)
        self._judged_at = time.monotonic()

    def addresses(self) -> tuple[Address, ...]:
        """Give the judged addresses, judged anew when they are old; raises PermanentError if they must not be used."""
        with self._lock:
            if time.monotonic() - self._judged_at > _FRESH_SECONDS:
                with suppress(TemporaryError):  # what was judged before may still be called
                    self._addresses = judged(self.url, allow_private=self._allow_private)
                self._judged_at = time.monotonic()
            return self._addresses


def check_endpoint(address: str, *, allow_private: bool) -> Endpoint:
    """Give the endpoint at an `https` or `http` address.

    Raises PermanentError for what is no such address and, unless `allow_private`, for plain http (tokens would cross
    the internet readable) and for a host that is or leads to a loopback, link-local, private or metadata address;
    TemporaryError when the name cannot be resolved now.
    """
    import httpx

    problem = _problem(address, allow_private=allow_private)
    if problem:
        raise PermanentError(f"endpoint {_shown(address)!r} {problem}")
    try:
        url = httpx.URL(address.rstrip("/"))
    except httpx.InvalidURL as error:
        raise PermanentError(f"endpoint {_shown(address)!r}: {error}") from error
    return Endpoint(url, allow_private=allow_private)


def _problem(address: str, *, allow_private: bool) -> str | None:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        return "must be an https or http address"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user or a password: options take references to them"
    if parts.query or parts.fragment or port == 0:
        return "must not have a query, a fragment or port 0"
    if parts.scheme == "http" and not allow_private:
        return "is plain http: use https, or set allow_private: true if the network on the way is your own"
    return None


def _shown(address: str) -> str:
    # Without what may be a password.
    scheme, mark, rest = address.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"[:200]

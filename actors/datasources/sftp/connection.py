"""Connects to an SFTP server, again after a connection broke.

Only what the datasource says counts: no agent, no keys, known hosts or settings of the account that the worker runs
under, nothing forwarded, nothing compressed. The connection goes to the very address that was judged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from actors.addresses import Address, resolve
from actors.datasources.credentials import hidden, secret
from actors.datasources.sftp.place import Place
from actors.datasources.sftp.session import Session
from rota.datasources import SftpOptions
from rota.errors import PermanentError, TemporaryError

if TYPE_CHECKING:
    import asyncssh


class Connection:
    """The connection of a storage, opened when it is needed; for the thread of its event loop only."""

    def __init__(self, place: Place, options: SftpOptions, *, allow_private: bool) -> None:
        self._place = place
        self._options = options
        self._allow_private = allow_private
        self._opening: asyncio.Task[Session] | None = None
        self._session: Session | None = None

    async def session(self) -> Session:
        """Give the open session, or a new one in place of one that broke.

        All that ask meanwhile share one attempt, and its failure: one after the other they would wait for each time
        limit. Raises PermanentError for a refused address, host key or login; TemporaryError if the server is not
        reached.
        """
        if self._opening is None:
            if self._session is not None and self._session.is_usable:
                return self._session
            self._opening = asyncio.create_task(self._open())
        # Shielded: one who no longer waits must not take it from the others.
        return await asyncio.shield(self._opening)

    async def _open(self) -> Session:
        try:
            await self.close()
            self._session = await open_session(self._place, self._options, allow_private=self._allow_private)
            return self._session
        finally:
            self._opening = None

    async def close(self) -> None:
        """End the session, if there is one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def open_session(place: Place, options: SftpOptions, *, allow_private: bool) -> Session:
    """Connect to the first address of the server that takes it, log in and start the session."""
    import asyncssh

    # The library tells of each connection, login and command at level INFO.
    asyncssh.set_log_level(logging.WARNING)
    login = _login(place, options)
    seconds = options.timeout_seconds
    try:
        async with asyncio.timeout(seconds):
            # In a thread: a name may take long to resolve, and the loop must go on meanwhile.
            addresses = await asyncio.to_thread(resolve, place.host, place.port, allow_private=allow_private)
        connection = await _connect(place, addresses, login, seconds=seconds)
        try:
            async with asyncio.timeout(seconds):
                return await _start(connection, place, options, hide=_hiding(login))
        except BaseException:
            connection.abort()
            await connection.wait_closed()
            raise
    except TimeoutError as error:
        raise TemporaryError(f"{place} did not answer within {seconds:g} s") from error
    except OSError as error:
        raise TemporaryError(f"{place} cannot be reached: {error.strerror or error}") from error
    except asyncssh.Error as error:
        # Without its cause: a server may send back what it was told.
        raise _refusal(error, place, hide=_hiding(login)) from None
    except ValueError:
        # Not quoted, and without its cause: it may hold the password.
        raise PermanentError(f"{place}: the user or the password has characters that SSH does not take") from None


async def _connect(
    place: Place, addresses: tuple[Address, ...], login: Mapping[str, Any], *, seconds: float
) -> asyncssh.SSHClientConnection:
    import asyncssh

    for address in addresses[:-1]:
        try:
            async with asyncio.timeout(seconds):
                return await asyncssh.connect(str(address), place.port, **login)
        except OSError:  # of which a time limit is one
            continue
    async with asyncio.timeout(seconds):
        return await asyncssh.connect(str(addresses[-1]), place.port, **login)


async def _start(
    connection: asyncssh.SSHClientConnection, place: Place, options: SftpOptions, *, hide: Callable[[str], str]
) -> Session:
    client = await connection.start_sftp_client(path_encoding=None)
    base = place.path
    if place.in_home:
        home: bytes = await client.realpath(b".")
        base = home.rstrip(b"/") + place.path
    return Session(
        connection,
        client,
        base=base,
        in_flight=options.in_flight,
        seconds=options.timeout_seconds,
        server=str(place),
        hide=hide,
    )


def _login(place: Place, options: SftpOptions) -> dict[str, Any]:
    """Give all that the library must not look for by itself; it takes None for "none" and nothing for "search"."""
    return {
        "username": place.user,
        "password": secret(options.password, what="options.password") if options.password else None,
        "client_keys": _client_keys(options),
        "known_hosts": _known_hosts(options),
        "config": None,
        "agent_path": None,
        "agent_forwarding": False,
        "pkcs11_provider": None,
        "gss_host": None,
        "host_based_auth": False,
        "x509_trusted_certs": None,
        "x509_trusted_cert_paths": None,
        "compression_algs": None,
        "send_env": None,
        # Ours is the limit; the library's own would end a slow login in a second way.
        "login_timeout": 0,
    }


def _client_keys(options: SftpOptions) -> list[asyncssh.SSHKey] | None:
    import asyncssh

    if not options.private_key:
        return None
    text = secret(options.private_key, what="options.private_key")
    unlock = secret(options.passphrase, what="options.passphrase") if options.passphrase else None
    try:
        return [asyncssh.import_private_key(text, unlock)]
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, UnicodeError):
        # The library's own words may quote what it read.
        raise PermanentError(
            "options.private_key: refers to no private key that can be read; "
            f"its passphrase {'may be wrong' if unlock else 'may be missing'}"
        ) from None


def _known_hosts(options: SftpOptions) -> tuple[list[asyncssh.SSHKey], list[Any], list[Any]] | None:
    import asyncssh

    if options.any_host_key:
        return None
    try:
        return [asyncssh.import_public_key(options.host_key or "")], [], []
    except (asyncssh.KeyImportError, UnicodeError):
        raise PermanentError(
            "options.host_key: is no public key; give what `ssh-keyscan HOST` shows without the host's name, "
            "such as ssh-ed25519 AAAA…"
        ) from None


def _hiding(login: Mapping[str, Any]) -> Callable[[str], str]:
    return partial(hidden, secrets=(login["password"] or "",))


def _refusal(error: asyncssh.Error, place: Place, *, hide: Callable[[str], str]) -> PermanentError | TemporaryError:
    import asyncssh

    if isinstance(error, asyncssh.PermissionDenied):
        return PermanentError(f"{place} refused the login: check the user, options.password and options.private_key")
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return PermanentError(f"{place} shows another host key than options.host_key: it may be another server")
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return PermanentError(
            f"{place} and this worker have no algorithm in common, or options.host_key is of a kind that the server "
            "does not have"
        )
    if isinstance(error, asyncssh.ChannelOpenError) and error.code != asyncssh.OPEN_RESOURCE_SHORTAGE:
        return PermanentError(f"{place} offers no SFTP to this user")
    return TemporaryError(f"the connection to {place} broke: {hide(error.reason) or 'no reason given'}")

"""Which fsspec driver a datasource may use, with which options, and whether the hosts it names may be called.

Drivers that reach the worker's own disk, memory or code are refused: they would go round everything that guards a local
folder. The FTP driver is given the judged addresses. Any other connects by itself, so hosts are judged before it does
and cannot be pinned, and what it takes from elsewhere (a redirect, a file of its own settings) is not seen here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from actors.addresses import Address, resolve
from actors.datasources.credentials import is_reference, secret
from actors.datasources.storage import Datasource
from rota.datasources import FsspecOptions
from rota.errors import PermanentError

_OWN_DISK = "it reaches the worker's own files, memory or programs; use kind local for folders"
_WRAPPER = "it stands in front of another driver, which it could hide"
_REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("file", "local", "asynclocal", "memory", "data", "git", "dvc", "pyscript"), _OWN_DISK),
    **dict.fromkeys(("dask", "jupyter", "jlab"), _OWN_DISK),
    **dict.fromkeys(("reference", "generic", "dir", "async_wrapper", "asyncwrapper", "chained"), _WRAPPER),
    **dict.fromkeys(("blockcache", "cached", "filecache", "simplecache", "zip", "tar", "libarchive"), _WRAPPER),
    **dict.fromkeys(("sftp", "ssh"), "it accepts whatever key a server shows; use kind sftp"),
    **dict.fromkeys(("http", "https"), "pages are no folders, and it follows them anywhere; use kind webdav"),
    "webdav": "use kind webdav",
}
# Modules of the same drivers, for those that are registered under another name as well.
_REFUSED_MODULES = ("local", "memory", "reference", "dask", "jupyter", "cached", "zip", "tar", "libarchive", "dirfs")
# Options by which a driver can be told to use another driver, or a place on the worker's disk.
_REFUSED_OPTIONS = frozenset(
    {"fo", "fs", "target_protocol", "target_options", "remote_protocol", "protocol", "tempdir"}
)
_HOSTS = frozenset(
    {"host", "hostname", "server", "namenode", "instance", "endpoint", "endpoint_url", "base_url", "url"}
)
_BUCKETS = frozenset({"s3", "s3a", "gcs", "gs", "az", "abfs", "adl", "oss", "oci", "ocilake", "tos", "tosfs", "lakefs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A driver, ready to be made."""

    make: Callable[[], Any]
    """Connects and gives a file system of its own."""
    root: str
    """The root's path as the driver has it, without a slash at the end."""
    codec: str
    """How the driver turns the bytes of names into text."""
    is_bucket: bool
    """Whether it is an object store: with etags, without folders."""
    moves: bool
    """Whether it has a move of its own; what fsspec does for the others is to copy."""
    secrets: tuple[str, ...]
    """What must not be in a message."""


def choose(datasource: Datasource, options: FsspecOptions) -> Choice:
    """Check the root and the options of a datasource and give its driver; connects to nothing.

    Raises PermanentError for what is refused, unknown or not installed; TemporaryError when a host cannot be resolved
    now.
    """
    protocol = datasource.root.partition("://")[0]
    if "::" in datasource.root:
        raise PermanentError("root: chains of drivers are not allowed")
    if _password_in(datasource.root):
        raise PermanentError("root: must not hold a password: options.storage_options take a reference to it")
    driver = _driver(protocol)
    given, secrets = _resolved(options.storage_options)
    refused = sorted(_REFUSED_OPTIONS.intersection(given))
    if refused:
        raise PermanentError(f"options.storage_options: {', '.join(refused)} may not be set")
    given = {**driver._get_kwargs_from_urls(datasource.root), **given}  # noqa: SLF001 -- the only way fsspec has for it
    allow_private = datasource.rules.allow_private
    for name, host in _hosts_in(given):
        _judged(name, host, allow_private=allow_private)
    codec = "utf-8"
    if protocol == "ftp":
        # Names are bytes: each becomes the character of the same number.
        codec = given["encoding"] = "latin-1"
        given |= {"addresses": _ftp_addresses(given, allow_private), "timeout": options.timeout_seconds}
    elif "timeout" in inspect.signature(driver.__init__).parameters:
        given.setdefault("timeout", options.timeout_seconds)
    given |= {"use_listings_cache": False, "skip_instance_cache": True}
    root = driver._strip_protocol(datasource.root).rstrip("/")  # noqa: SLF001 -- as above
    return Choice(
        make=lambda: driver(**given),
        root=root.encode("utf-8", "surrogateescape").decode(codec, "surrogateescape"),
        codec=codec,
        is_bucket=protocol in _BUCKETS,
        moves=_has_own_move(driver),
        secrets=secrets,
    )


def _ftp_addresses(given: Mapping[str, Any], allow_private: bool) -> tuple[str, ...]:
    if given.get("password") and not given.get("tls") and not allow_private:
        raise PermanentError(
            "root: plain FTP sends the password in the clear: set tls: true in options.storage_options, or "
            "allow_private: true if the network on the way is your own"
        )
    addresses = _judged("host", str(given.get("host", "")), allow_private=allow_private)
    if not addresses:
        raise PermanentError("root: names no host")
    return tuple(map(str, addresses))


def _password_in(root: str) -> bool:
    try:
        return urlsplit(root).password is not None
    except ValueError:
        raise PermanentError("root: is no address") from None


def _driver(protocol: str) -> Any:
    reason = _REFUSED.get(protocol)
    if reason:
        raise PermanentError(f"root: {protocol}:// is not allowed: {reason}")
    if protocol == "ftp":
        from actors.datasources.fsspec.ftp import CarefulFtp

        return CarefulFtp
    from fsspec.registry import get_filesystem_class

    try:
        driver = get_filesystem_class(protocol)
    except ValueError as error:
        raise PermanentError(f"root: {protocol}:// is none that fsspec knows") from error
    except ImportError as error:
        raise PermanentError(f"root: the driver of {protocol}:// is not installed: {error}") from error
    modules = {f"fsspec.implementations.{name}" for name in _REFUSED_MODULES}
    if any(base.__module__ in modules for base in driver.__mro__):
        raise PermanentError(f"root: {protocol}:// is not allowed: {_OWN_DISK}")
    return driver


def _resolved(options: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Give the options with secrets in place of references, and the secrets."""
    found: list[str] = []

    def resolved(value: Any, where: str) -> Any:
        if isinstance(value, str) and is_reference(value):
            found.append(secret(value, what=where))
            return found[-1]
        if isinstance(value, Mapping):
            return {name: resolved(inner, f"{where}.{name}") for name, inner in value.items()}
        if isinstance(value, list):
            return [resolved(inner, where) for inner in value]
        return value

    given: dict[str, Any] = resolved(options, "options.storage_options")
    return given, tuple(text for text in found if text)


def _hosts_in(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give each option that names a host: by its own name, or because it holds an address."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _hosts_in(value)
        elif isinstance(value, str) and ("://" in value or name in _HOSTS):
            yield name, value


def _judged(name: str, value: str, *, allow_private: bool) -> tuple[Address, ...]:
    try:
        parts = urlsplit(value if "://" in value else f"//{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise PermanentError(f"options.storage_options: {name} is no address") from None
    return resolve(host, port or 443, allow_private=allow_private) if host else ()


def _has_own_move(driver: Any) -> bool:
    from fsspec import AbstractFileSystem

    return driver.mv is not AbstractFileSystem.mv

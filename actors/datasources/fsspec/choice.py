"""Which fsspec driver a datasource may use, with which options, and whether the hosts it names may be called.

Drivers that reach the worker's own disk, memory or code are refused: they would go round everything that guards a local
folder. The FTP driver is given the judged addresses. Any other connects by itself, so hosts are judged before it does
and cannot be pinned, and what it takes from elsewhere (a redirect, a file of its own settings) is not seen here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from actors.addresses import resolve
from actors.datasources.credentials import is_reference, secret
from actors.datasources.storage import Datasource
from rota.datasources import OWN_DISK, FsspecOptions, fsspec_problem
from rota.errors import PermanentError, TemporaryError

# Modules of the same drivers, for those that are registered under another name as well.
_REFUSED_MODULES = ("local", "memory", "reference", "dask", "jupyter", "cached", "zip", "tar", "libarchive", "dirfs")
# Options by which a driver can be told to use another driver, or a place on the worker's disk.
_REFUSED_OPTIONS = frozenset(
    {"fo", "fs", "target_protocol", "target_options", "remote_protocol", "protocol", "tempdir"}
)
_HOST_NAME = re.compile(
    r"(?:.*_)?(?:host(?:name|s)?|server|namenode|instance|endpoints?|url|uri|address(?:es)?|proxy)", re.IGNORECASE
)
# A value may hold several addresses, such as a connection string.
_AUTHORITY = re.compile(r"://([^/?#;,\s\\]*)")
_FTP_PORT, _WEB_PORT = 21, 443
_BUCKETS = frozenset({"s3", "s3a", "gcs", "gs", "az", "abfs", "adl", "oss", "oci", "ocilake", "tos", "tosfs", "lakefs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A driver, ready to be made."""

    make: Callable[[], Any] = field(repr=False)
    """Connects and gives a file system of its own."""
    root: str
    """The root's path as the driver has it, without a slash at the end."""
    codec: str
    """How the driver turns the bytes of names into text."""
    is_bucket: bool
    """Whether it is an object store: with etags, without folders."""
    moves: bool
    """Whether it has a move of its own; what fsspec does for the others is to copy."""
    secrets: tuple[str, ...] = field(repr=False)
    """What must not be in a message."""


def choose(datasource: Datasource, options: FsspecOptions) -> Choice:
    """Check the root and the options of a datasource and give its driver; connects to nothing.

    Raises PermanentError for what is refused, unknown or not installed; TemporaryError when a host cannot be resolved
    now.
    """
    protocol = datasource.root.partition("://")[0]
    problem = fsspec_problem(datasource.root)
    if problem:
        raise PermanentError(f"root: {problem}")
    if _password_in(datasource.root):
        raise PermanentError("root: must not hold a password: options.storage_options take a reference to it")
    driver = _driver(protocol)
    given, secrets = _resolved(options.storage_options)
    refused = sorted(_REFUSED_OPTIONS.intersection(given))
    if refused:
        raise PermanentError(f"options.storage_options: {', '.join(refused)} may not be set")
    given = {**driver._get_kwargs_from_urls(datasource.root), **given}  # noqa: SLF001 -- the only way fsspec has for it
    allow_private = datasource.rules.allow_private
    for name, value in _hosts_in(given):
        _judge(name, value, secrets=secrets, allow_private=allow_private)
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
    if not isinstance(given.get("tls", False), bool):
        raise PermanentError("options.storage_options: tls must be true or false")
    host, port = str(given.get("host") or ""), given.get("port", _FTP_PORT)
    if not host:
        raise PermanentError("root: names no host")
    if not isinstance(port, int):
        raise PermanentError("options.storage_options: port must be a number")
    return tuple(map(str, resolve(host, port, allow_private=allow_private)))


def _password_in(root: str) -> bool:
    try:
        return urlsplit(root).password is not None
    except ValueError:
        raise PermanentError("root: is no address") from None


def _driver(protocol: str) -> Any:
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
        raise PermanentError(f"root: {protocol}:// is not allowed: {OWN_DISK}")
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
    """Give each option that names a host, with its value: by its own name, or because it holds an address."""
    for name, value in options.items():
        for inner in value if isinstance(value, list | tuple) else [value]:
            if isinstance(inner, Mapping):
                yield from _hosts_in(inner)
            elif isinstance(inner, str) and "://" in inner:
                yield name, inner
            elif inner and isinstance(inner, str | int) and inner is not True and _HOST_NAME.fullmatch(name):
                yield name, str(inner)  # a number is an address too


def _judge(name: str, value: str, *, secrets: tuple[str, ...], allow_private: bool) -> None:
    """Resolve and judge each host in a value; one that came from a reference is not quoted."""
    try:
        for authority in _AUTHORITY.findall(value) or [value]:
            parts = urlsplit(f"//{authority}")
            if host := parts.hostname:
                resolve(host, parts.port or _WEB_PORT, allow_private=allow_private)
    except (ValueError, PermanentError, TemporaryError) as error:
        if isinstance(error, ValueError):
            raise PermanentError(f"options.storage_options: {name} is no address") from None
        if value not in secrets:
            raise
        raise type(error)(
            f"options.storage_options: {name} leads to a host that is unknown or not a public one"
        ) from None


def _has_own_move(driver: Any) -> bool:
    from fsspec import AbstractFileSystem

    return driver.mv is not AbstractFileSystem.mv

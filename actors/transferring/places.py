"""Refuses mirrors of a storage onto itself or into itself. Pure but for the links in local paths."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

from actors.datasources.storage import Datasource
from rota.errors import PermanentError

_OBJECT_STORES = frozenset({"s3", "gcs", "azure"})
_PORTS = {"sftp": 22, "http": 80, "https": 443}


def refuse_overlap(source: Datasource, target: Datasource) -> None:
    """Raise PermanentError if one of the two storages lies in the other, or they are one."""
    one, other = place_of(source), place_of(target)
    if source.name == target.name or one == other:
        raise PermanentError(f"{source.name!r} and {target.name!r} are the same storage: a mirror needs another one")
    if _is_within(one, other) or _is_within(other, one):
        inner, outer = (source, target) if _is_within(one, other) else (target, source)
        raise PermanentError(f"{inner.name!r} lies inside {outer.name!r}: a mirror would copy into itself")


def place_of(datasource: Datasource) -> tuple[str, ...]:
    """Give where a storage is: whose it is first, then the parts of its path.

    The user of an address does not count: two users may see the same files.
    """
    if datasource.kind == "local":
        return ("local", *_parts(os.path.realpath(datasource.root)))
    address = urlsplit(datasource.root)
    host = (address.hostname or "").rstrip(".")
    path = _parts(unquote(address.path))
    if datasource.kind in _OBJECT_STORES:
        endpoint = urlsplit(str(datasource.options.get("endpoint") or ""))
        account = str(datasource.options.get("account") or "")
        # The bucket in the address keeps its case: `hostname` lowers it.
        return (datasource.kind, endpoint.netloc.lower(), account, address.netloc, *path)
    port = address.port or _PORTS.get(address.scheme, 0)
    return (datasource.kind, address.scheme if datasource.kind == "fsspec" else "", f"{host}:{port}", *path)


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


def _is_within(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return inner[: len(outer)] == outer

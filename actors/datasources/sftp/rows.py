"""Turns what an SFTP server tells of an entry into a row, and its status codes into errors. Pure."""

from __future__ import annotations

import errno
import os
from typing import Protocol

from actors.datasources.storage import Kind, Row
from rota.runs import plain_text

STEP_NS = 1_000_000_000
"""Times of the protocol's third version, the one that servers speak, are whole seconds."""
MOST_SECONDS = 2**32 - 1

_FILE = 1
_UNKNOWN = 5  # the server did not tell it
_KINDS = {_FILE: Kind.FILE.value, 2: Kind.FOLDER.value, 3: Kind.LINK.value}
_REASON_CHARACTERS = 200
# The codes of the third version, and those of later ones that some servers send nevertheless.
_ERRNO = {
    2: errno.ENOENT,  # OpenSSH says so of ENOTDIR and ELOOP as well
    3: errno.EACCES,
    5: errno.EINVAL,
    8: errno.ENOTSUP,
    10: errno.ENOENT,
    11: errno.EEXIST,
    12: errno.EROFS,
    14: errno.ENOSPC,
    15: errno.EDQUOT,
    18: errno.ENOTEMPTY,
    19: errno.ENOTDIR,
    20: errno.EINVAL,
    21: errno.ELOOP,
    24: errno.EISDIR,
}


class Attributes(Protocol):
    """What a server tells of an entry."""

    type: int
    size: int | None
    mtime: int | None
    uid: int | None
    gid: int | None
    permissions: int | None


def kind_of(found: Attributes) -> str | None:
    """Give the kind of an entry, or None for one that is neither file, folder nor link.

    Raises OSError if the server did not tell it: taken for special, entries would seem to be gone.
    """
    if found.type == _UNKNOWN:
        raise OSError(errno.EIO, "the server does not tell whether it is a file, a folder or a link")
    return _KINDS.get(found.type)


def is_told(found: Attributes) -> bool:
    """Say whether a listing told enough of an entry to make its row."""
    return found.type != _UNKNOWN and (found.size is not None or found.type != _FILE)


def has_same_owner(one: Attributes, other: Attributes) -> bool:
    """Say whether two answers may be about the same entry: owner, group and permissions agree, where both tell them.

    Size and time are left out: they change under a writer's hands.
    """
    pairs = ((one.uid, other.uid), (one.gid, other.gid), (one.permissions, other.permissions))
    return all(this is None or that is None or this == that for this, that in pairs)


def row_of(name: bytes, found: Attributes) -> Row | None:
    """Give the row of an entry, or None for one that is neither file, folder nor link."""
    kind = kind_of(found)
    if kind is None:
        return None
    size = 0 if kind == Kind.FOLDER else found.size or 0
    return Row(name, kind, size, (found.mtime or 0) * STEP_NS)


def error_of(code: int, reason: str, path: bytes) -> OSError:
    """Give the error for a status that concerns one path; what the server says is told where its code says nothing."""
    number = _ERRNO.get(code)
    if number is not None:
        return OSError(number, os.strerror(number), path)
    return OSError(errno.EIO, f"the server says: {plain_text(reason[:_REASON_CHARACTERS]) or code}", path)


def seconds_of(modified_ns: int) -> int:
    """Give a time as the protocol can carry it: whole seconds from 1970 to 2106."""
    return min(max(modified_ns // STEP_NS, 0), MOST_SECONDS)

"""Names for files that are being written, until they get their own; they are private, so no listing shows them.

| name | what it is |
| --- | --- |
| `.rota-draft-<id>` | written in one go by a process; nobody comes back for it |
| `.rota-draft-<key>-<digest>` | written bit by bit by a task, that may come back for it; `digest` is of the path |
| `.rota-draft-<key>-<digest>-tree` | a folder that a task fills, and begins again in its next attempt |
| `.rota-draft-<…>-old` | a folder with a whole file, set aside in it under its name while another one takes its place |

An id is a UUIDv7, and so tells since when; a key is the id of a task. In object stores nothing is written under such a
name but the small record `.rota/drafts/<name>`, which holds the id of an upload in parts. Pure but for new ids.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import NamedTuple

from actors.datasources.paths import join, split
from rota.ids import new_id

RECORDS = b".rota/drafts"
"""Folder of the records of uploads in parts, in object stores."""

_PREFIX = b".rota-draft-"
_OLD = b"-old"
_TREE = b"-tree"
_ID = rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_NAME = re.compile(re.escape(_PREFIX) + rb"(" + _ID + rb")(?:-([0-9a-f]{32}))?(-old|(?<=-[0-9a-f]{32})-tree)?")
_KEY = re.compile(_ID)


class DraftKind(StrEnum):
    """What a draft is for."""

    WRITTEN = "written"  # written in one go: left over as soon as the process is gone
    KEPT = "kept"  # of a task that goes on with it in its next attempt: left over once the task has ended
    TREE = "tree"  # a whole folder, begun by a task: left over once the task has ended
    ASIDE = "aside"  # the whole old content of a file: perhaps the only copy, where a crash came just then


class DraftName(NamedTuple):
    """What the name of a draft tells."""

    kind: DraftKind
    id: str
    """The task's, for one that is kept and for a tree; else one of its own."""
    started_ms: int
    """The time in the id, in milliseconds since 1970."""
    digest: str
    """Of the path of the file or folder it is for; empty where it has none."""


def draft_beside(path: bytes) -> bytes:
    """Give the path of a new draft in the folder of another path."""
    return join(split(path)[0], _PREFIX + new_id().encode())


def draft_of(path: bytes, key: str) -> bytes:
    """Give the path of the draft that the task of this id keeps for a file: beside it, and always the same.

    Raises ValueError for a key that is no UUIDv7.
    """
    if not _KEY.fullmatch(key.encode()):
        raise ValueError(f"{key!r} is no id of a task")
    digest = hashlib.sha256(path).hexdigest()[:32]
    return join(split(path)[0], _PREFIX + key.encode() + b"-" + digest.encode())


def tree_of(path: bytes, key: str) -> bytes:
    """Give the path of the folder that the task of this id fills, to become the folder of a path: beside that.

    Raises ValueError for a key that is no UUIDv7.
    """
    return draft_of(path, key) + _TREE


def aside_of(draft: bytes) -> bytes:
    """Give the path of the folder into which the file is set aside whose place a draft takes."""
    return draft + _OLD


def parse_draft(name: bytes) -> DraftName | None:
    """Tell what the name of a draft says, or give None for any other name."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    id_, digest, end = found.groups()
    kind = DraftKind.KEPT if digest else DraftKind.WRITTEN
    kind = {_OLD: DraftKind.ASIDE, _TREE: DraftKind.TREE}.get(end, kind)
    started_ms = int(id_.replace(b"-", b"")[:12], 16)
    return DraftName(kind, id_.decode(), started_ms, (digest or b"").decode())

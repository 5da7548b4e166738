"""Makes rows of what fsspec drivers tell; each has words of its own. Pure."""

from __future__ import annotations

import errno
from calendar import timegm
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from actors.datasources.storage import Kind, Row

_KINDS = {"file": Kind.FILE.value, "directory": Kind.FOLDER.value, "link": Kind.LINK.value}
# The first that an entry has counts.
_TIMES = ("mtime", "LastModified", "last_modified", "modified", "modify", "updated", "created")
_ETAGS = ("ETag", "etag", "checksum", "md5Hash", "md5", "content_hash")
_MOST_NS = 2**63 - 1
_SECOND_NS = 1_000_000_000


def rows_of(folder: str, entries: Iterable[Mapping[str, Any]], *, codec: str) -> tuple[list[Row], int]:
    """Give the rows of a folder, and how many entries are neither file, folder nor link.

    Raises NotADirectoryError if it is a file, and OSError for an entry that is not in it or has no length: a driver
    that answers something else has not answered.
    """
    rows = []
    special = 0
    above = folder.strip("/")
    for entry in entries:
        path = str(entry["name"]).strip("/")
        if path == above:
            if entry.get("type") == "directory":
                continue  # the mark that some stores keep for a folder
            raise NotADirectoryError(errno.ENOTDIR, "is no folder", folder)
        start, _, name = path.rpartition("/")
        if start != above:
            raise OSError(errno.EBADMSG, f"the driver lists {entry['name']!r}, which is not in the folder", folder)
        row = row_of(name.encode(codec, "surrogateescape"), entry)
        if row is None:
            special += 1
        else:
            rows.append(row)
    return rows, special


def row_of(name: bytes, entry: Mapping[str, Any]) -> Row | None:
    """Give the row of an entry; None if it is neither file, folder nor link. Raises OSError if it has no length."""
    kind = Kind.LINK.value if entry.get("islink") else _KINDS.get(str(entry.get("type")))
    if kind is None:
        return None
    if kind == Kind.FOLDER:
        return Row(name, kind, 0, _modified_ns(entry))
    size = entry.get("size")
    if not isinstance(size, int) or size < 0:
        if kind == Kind.FILE:
            raise OSError(errno.EBADMSG, f"the driver does not say how long {entry.get('name')!r} is")
        size = 0
    return Row(name, kind, size, _modified_ns(entry), etag=_etag(entry) if kind == Kind.FILE else "")


def _modified_ns(entry: Mapping[str, Any]) -> int:
    value = next((entry[name] for name in _TIMES if entry.get(name)), None)
    try:
        return max(-_MOST_NS, min(_time_ns(value), _MOST_NS))
    except (ValueError, OverflowError):
        return 0


def _time_ns(value: Any) -> int:
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return timegm(aware.utctimetuple()) * _SECOND_NS + aware.microsecond * 1000
    return int(value * _SECOND_NS) if isinstance(value, int | float) else 0


def _parsed(text: str) -> datetime:
    """Read the time of an FTP server (`20261122224400.123`), or one of RFC 3339."""
    plain = text.partition(".")[0]
    if plain.isdigit() and len(plain) == 14:
        return datetime.strptime(plain, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return datetime.fromisoformat(text)


def _etag(entry: Mapping[str, Any]) -> str:
    value = next((entry[name] for name in _ETAGS if entry.get(name)), "")
    text = value.hex() if isinstance(value, bytes | bytearray) else str(value)
    return text.removeprefix("W/").strip('"')

"""What lies beside an item in a bin, in the form of freedesktop.org: from where, when and by whom it was deleted. Pure.

The lines that begin with `X-Rota-` are ours; other programs pass over them. Anybody who can write into the storage can
write such a file, so what is read is checked: a path that could lead elsewhere makes all of it void.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, quote_from_bytes, unquote, unquote_to_bytes

from actors.datasources.paths import is_private
from rota.times import MAX_MS, to_datetime, to_ms

MOST_BYTES = 32 * 1024
"""More than the longest path takes; what is larger is none of ours."""
_MOST_NAME = 200
_PLAIN = " @+,:;/()'&=!"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashInfo:
    """What is known of an item from the file beside it."""

    path: bytes
    """Where it was."""
    deleted_at: int
    """Milliseconds since 1970."""
    deleted_by: str | None = None
    run: str | None = None
    task: str | None = None
    keep_until: int | None = None
    """Milliseconds since 1970."""
    restoring: bytes | None = None
    """Where a restore has begun to take it, file by file."""


def encode(info: TrashInfo) -> bytes:
    """Write it as the content of a file."""
    # A moment that has no date can only come from a clock that is far off.
    when = to_datetime(max(0, min(info.deleted_at, MAX_MS))).strftime("%Y-%m-%dT%H:%M:%S")
    lines = ["[Trash Info]", f"Path={quote_from_bytes(info.path)}", f"DeletionDate={when}"]
    ours = {
        "By": None if info.deleted_by is None else quote(info.deleted_by, safe=_PLAIN),
        "Run": info.run,
        "Task": info.task,
        "At": info.deleted_at,
        "Keep-Until": info.keep_until,
        "Restoring": None if info.restoring is None else quote_from_bytes(info.restoring),
    }
    lines += [f"X-Rota-{name}={value}" for name, value in ours.items() if value is not None]
    return "\n".join([*lines, ""]).encode()


def decode(content: bytes) -> TrashInfo | None:
    """Read it from the content of a file; None if it is none, or leads nowhere."""
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        return None
    if not lines or lines[0].strip() != "[Trash Info]":
        return None
    found: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition("=")
        found.setdefault(name.strip(), value.strip())
    path = _path(found.get("Path", ""))
    deleted_at = _millis(found.get("X-Rota-At")) or _date(found.get("DeletionDate", ""))
    if path is None or deleted_at is None:
        return None
    by = unquote(found["X-Rota-By"]) if "X-Rota-By" in found else None
    restoring = found.get("X-Rota-Restoring")
    return TrashInfo(
        path=path,
        deleted_at=deleted_at,
        deleted_by=by if by is not None and by.isprintable() and len(by) <= _MOST_NAME else None,
        run=_id(found.get("X-Rota-Run")),
        task=_id(found.get("X-Rota-Task")),
        keep_until=_millis(found.get("X-Rota-Keep-Until")),
        restoring=None if restoring is None else _path(restoring),
    )


def _path(quoted: str) -> bytes | None:
    path = unquote_to_bytes(quoted)
    parts = path.split(b"/")
    if b"\0" in path or any(part in {b"", b".", b".."} or is_private(part) for part in parts):
        return None
    return path


def _millis(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_MS)):
        return None
    return min(int(text), MAX_MS)


def _date(text: str) -> int | None:
    try:
        return to_ms(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC))
    except ValueError:
        return None


def _id(text: str | None) -> str | None:
    return text if text and text.isprintable() and len(text) <= _MOST_NAME else None

"""Event notifications as S3 services send them, read as paths of a datasource. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from actors.datasources.globs import Selection
from actors.datasources.paths import is_own
from rota.problems import FieldError

_NO_NAMES = (b"", b".", b"..")


def is_notification(given: Mapping[str, Any]) -> bool:
    """Say whether this is an event notification, or the test that comes before the first one."""
    return "Records" in given or given.get("Event") == "s3:TestEvent"


def paths_in(given: Mapping[str, Any], *, root: str, selection: Selection) -> list[bytes]:
    """Return the paths at which a notification says that something changed; keys outside of the root are left out.

    Raises FieldError for what is no notification, and for one that is about other buckets only.
    """
    records = given.get("Records", [])
    if not isinstance(records, Sequence) or isinstance(records, str):
        raise FieldError(("Records",), "must be a list")
    bucket, _, prefix = root.partition("://")[2].partition("/")
    below = prefix.strip("/").encode()
    named = [_bucket_and_key(record, n) for n, record in enumerate(records)]
    if named and all(other != bucket for other, _ in named):
        raise FieldError(("Records", 0, "s3", "bucket", "name"), f"must be {bucket}, the bucket of the datasource")
    # Keys are encoded like the fields of a form.
    found = [_below(unquote_to_bytes(key.replace("+", " ")), below) for other, key in named if other == bucket]
    return [path for path in found if path is not None and _counts(path, selection)]


def _bucket_and_key(record: object, n: int) -> tuple[str, str]:
    s3 = record.get("s3") if isinstance(record, Mapping) else None
    bucket, key = _text_in(s3, "bucket", "name"), _text_in(s3, "object", "key")
    if bucket is None or key is None:
        raise FieldError(("Records", n, "s3"), "must have bucket.name and object.key")
    return bucket, key


def _text_in(value: object, *names: str) -> str | None:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None


def _below(key: bytes, prefix: bytes) -> bytes | None:
    """Return the path of a key, None if it is outside of the prefix."""
    if prefix:
        if key != prefix and not key.startswith(prefix + b"/"):
            return None
        key = key[len(prefix) + 1 :]
    parts = key.rstrip(b"/").split(b"/") if key.strip(b"/") else []
    # A key may hold what no path can: then the folder in front of that is told.
    wrong = next((n for n, part in enumerate(parts) if part in _NO_NAMES or b"\0" in part), len(parts))
    return b"/".join(parts[:wrong])


def _counts(path: bytes, selection: Selection) -> bool:
    if is_own(path):
        return False
    return not path or selection.takes_whole(path, "file") or selection.takes_whole(path, "folder")

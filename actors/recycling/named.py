"""Which paths and items somebody named: checked before anything is done. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from actors.datasources.paths import is_own, outermost, path_of
from rota.errors import PermanentError

_ITEM = re.compile(r"[^/\0]{1,255}")


def deletable(texts: Iterable[str]) -> list[bytes]:
    """Give the paths to delete, none within another.

    Raises PermanentError for the root itself, for what could lead elsewhere, and for what is Rota's own.
    """
    return outermost(_own_path(text, "be deleted") for text in texts)


def folder_of(text: str) -> bytes | None:
    """Give the folder that something is restored into; None where it was. Raises PermanentError as `deletable`."""
    return _own_path(text, "be restored into") if text.strip("/") else None


def item_names(texts: Iterable[str]) -> list[bytes]:
    """Give the names of items, each once; raises PermanentError for what is none."""
    names: dict[bytes, None] = {}
    for text in texts:
        if not _ITEM.fullmatch(text) or text in {".", ".."}:
            raise PermanentError(f"{text!r} is no item of a bin: give its id, or name it by the path that it had")
        names[text.encode("utf-8", "surrogateescape")] = None
    return list(names)


def _own_path(text: str, deed: str) -> bytes:
    path = path_of(text)
    if not path:
        raise PermanentError(f"path {text!r} is the datasource itself, which cannot {deed}: name something in it")
    if is_own(path):
        raise PermanentError(f"path {text!r} is Rota's own and cannot {deed}")
    return path

"""What a run made, as its result tells: where a person finds the archive, or what came out of one."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from console.api.shapes import MadeShape
from rota.archives import SINGLE, Format, parse_name, part_name

_MOST_PARTS = 100
_FORMATS = frozenset(Format)


def made_of(result: Any) -> MadeShape | None:
    """Return what the result of `compress` or `extract` says that was made; None for any other result."""
    if not isinstance(result, dict):
        return None
    datasource, path, form = (result.get(name) for name in ("datasource", "path", "format"))
    if not (isinstance(datasource, str) and isinstance(path, str) and datasource and path and form in _FORMATS):
        return None
    parts = result.get("parts")
    if isinstance(parts, int):
        urls = [content_url(datasource, each) for each in _part_paths(path, parts)]
        return MadeShape(datasource=datasource, path=path, kind="file", urls=urls)
    if form in SINGLE:
        return MadeShape(datasource=datasource, path=path, kind="file", urls=[content_url(datasource, path)])
    return MadeShape(datasource=datasource, path=path, kind="folder", urls=[_url(datasource, "entries", path)])


def content_url(datasource: str, path: str) -> str:
    """Return the address at which a file is downloaded."""
    return _url(datasource, "content", path)


def _part_paths(path: str, parts: int) -> list[str]:
    """Return the paths of all parts of an archive; `path` is that of the first one."""
    folder, slash, name = path.rpartition("/")
    whole = parse_name(name)
    if parts <= 1 or whole.part is None:
        return [path]
    stem = name.rpartition(".")[0]
    return [f"{folder}{slash}{part_name(stem, number)}" for number in range(1, min(parts, _MOST_PARTS) + 1)]


def _url(datasource: str, what: str, path: str) -> str:
    query = urlencode({"path": path}, quote_via=quote, safe="/", errors="surrogateescape")
    return f"/api/v1/datasources/{quote(datasource, safe='')}/{what}?{query}"

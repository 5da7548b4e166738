"""`/datasources/{name}/content`: a file of a datasource, as it is in its storage, to be downloaded."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from anyio.to_thread import run_sync
from fastapi import Request
from starlette.responses import Response

from console.api.answers import documented
from console.api.downloads import Downloads
from console.api.entries import PathText, RawText, folder_of
from console.api.homes import check_home
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.ranges import Version, extent_of, is_known, version_of
from console.api.routing import new_router
from console.api.streaming import ContentAnswer
from console.content_reading import Content, open_content, start_reading
from store.queries import datasources
from store.records import DatasourceRecord

router = new_router(tag="archives")

#: Whatever is in the file: a browser shall store it, and neither guess what it is nor run it.
_HEADERS = {
    "Content-Type": "application/octet-stream",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-cache",
    "Accept-Ranges": "bytes",
}


@router.get(
    "/datasources/{name}/content",
    **documented(binary="application/octet-stream", headers=("ETag", "Content-Disposition")),
)
async def get_content(
    request: Request, name: str, parts: Given, *, who: Asking, path: PathText = "", raw: RawText = ""
) -> Response:
    """Send a file, or the range of it that is asked for."""
    return await _answer(request, name, parts, who, path=path, raw=raw)


@router.head("/datasources/{name}/content", **documented(headers=("ETag", "Content-Length")))
async def head_content(
    request: Request, name: str, parts: Given, *, who: Asking, path: PathText = "", raw: RawText = ""
) -> Response:
    """Tell of a file what its download would."""
    return await _answer(request, name, parts, who, path=path, raw=raw)


async def _answer(request: Request, name: str, parts: Parts, who: Who, *, path: str, raw: str) -> Response:
    downloads: Downloads = request.app.state.downloads
    answer, content = None, None
    downloads.begin(who.name)
    try:
        where = folder_of(path, raw)
        record, content = await run_sync(_opened, parts, who, name, where, limiter=downloads.limiter)
        answer = await _of(request, record, content, downloads, who)
    finally:
        if not isinstance(answer, ContentAnswer):
            await downloads.end(who.name, content)
    return answer


def _opened(parts: Parts, who: Who, name: str, path: bytes) -> tuple[DatasourceRecord, Content]:
    with parts.store.reading() as conn:
        record = datasources.get(conn, name)
    check_home(who, record, path)
    return record, open_content(record, path)


async def _of(request: Request, record: DatasourceRecord, content: Content, downloads: Downloads, who: Who) -> Response:
    size, version = content.row.size, version_of(content.tag, content.row.modified_ns)
    headers = {**_HEADERS, **_said_of(version), "Content-Disposition": disposition(content.row.name)}
    if is_known(request.headers, version):
        return Response(status_code=304, headers=headers)
    extent = extent_of(request.headers, version, size)
    if extent is None:
        detail = f"the file has {size:,} bytes, and none of those that are asked for"
        raise Problem(416, detail, headers={"Content-Range": f"bytes */{size}"})
    if not extent.whole:
        headers["Content-Range"] = f"bytes {extent.start}-{extent.start + extent.length - 1}/{size}"
    status = 200 if extent.whole else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers={**headers, "Content-Length": str(extent.length)})
    first = await run_sync(start_reading, record, content, extent.start, extent.length, limiter=downloads.limiter)
    return ContentAnswer(
        content,
        first,
        extent.length,
        status=status,
        headers=headers,
        limiter=downloads.limiter,
        end=partial(downloads.end, who.name, content),
    )


def disposition(name: bytes) -> str:
    """Return the header that says under which name a browser stores a file: any name for new ones, ASCII for others."""
    text = name.decode("utf-8", "replace")
    plain = "".join(sign if sign.isascii() and sign.isprintable() and sign not in '"\\%' else "_" for sign in text)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(text, safe='')}"


def _said_of(version: Version) -> dict[str, str]:
    return {"ETag": version.tag, **({"Last-Modified": version.modified} if version.modified else {})}

"""Templates and static files, read once per process."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from starlette.responses import HTMLResponse, Response

from console import output
from console.pages import wording
from console.pages.moments import field_value

#: A request with this header wants only what changes: the block of the template that the page keeps up to date.
PART_HEADER = "x-rota-part"
PART_BLOCK = "live"
#: What stands above the content of every page; it goes with the part, so that it is kept up to date as well.
BANNER = "_banner.html"
_YEAR_SECONDS = 31_536_000


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that browsers fetch."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Statics:
    """All static files; `version` is a digest of them and part of their address, so they may be kept for ever."""

    version: str
    files: dict[str, StaticFile]


@cache
def statics() -> Statics:
    """Return the static files."""
    folder = files("console.pages") / "static"
    found = {
        item.name: StaticFile(item.read_bytes(), _media_type(item.name))
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.is_file()
    }
    digest = hashlib.blake2b(digest_size=6)
    for name, file in found.items():
        digest.update(name.encode() + b"\0" + file.content)
    return Statics(digest.hexdigest(), found)


def static_answer(file: StaticFile) -> Response:
    """Answer with a static file."""
    headers = {"Cache-Control": f"public, max-age={_YEAR_SECONDS}, immutable"}
    return Response(file.content, media_type=file.media_type, headers=headers)


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """Render a page, or the part of it that changes; what the browser has already is not sent again."""
    found = _environment().get_template(template)
    full = {
        "request_path": request.url.path,
        "here": _here(request),
        "static": f"/static/{statics().version}",
        **context,
    }
    body = (_part(found, full) if wants_part(request) else found.render(full)).encode()
    headers = {"Cache-Control": "no-cache", "Vary": f"Cookie, {PART_HEADER}"}
    if status == 200:
        tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        headers["ETag"] = tag
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
    return HTMLResponse(body, status_code=status, headers=headers)


def wants_part(request: Request) -> bool:
    """Tell whether only what changes is wanted."""
    return PART_HEADER in request.headers


def _part(template: Template, context: dict[str, Any]) -> str:
    banner = _environment().get_template(BANNER).render(context)
    return banner + "".join(template.blocks[PART_BLOCK](template.new_context(context)))


def _here(request: Request) -> str:
    """Return where a form on this page leads back to; an address that only takes forms is no such place."""
    if request.method != "GET":
        return "/jobs"
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


@cache
def _environment() -> Environment:
    folder = str(files("console.pages") / "templates")
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        when=wording.when,
        at=wording.at,
        both=wording.both,
        clock=wording.clock,
        hour=wording.hour,
        field=field_value,
        source_word=wording.source_word,
        took=wording.took,
        size=output.size,
        number=wording.number,
        keeping=wording.keeping,
        why=wording.why,
        pretty=wording.pretty,
        cause=wording.cause,
        state_word=wording.state_word,
        attempt_word=wording.attempt_word,
    )
    return environment


def _media_type(name: str) -> str:
    if name.endswith(".js"):
        return "text/javascript"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"

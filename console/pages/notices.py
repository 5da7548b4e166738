"""What the next page says about what was just done: carried by a cookie that is read once."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

from fastapi import Request
from starlette.responses import RedirectResponse, Response

_COOKIE = "rota_notice"
_SECONDS = 20
_MAX_CHARS = 500


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence; `good` decides how it looks."""

    text: str
    good: bool = True


def notice_of(request: Request) -> Notice | None:
    """Return the notice that came with this request."""
    kind, _, text = request.cookies.get(_COOKIE, "").partition(".")
    return Notice(unquote(text)[:_MAX_CHARS], good=kind == "ok") if text else None


def go(path: str, notice: Notice | None = None) -> Response:
    """Answer a form: go to a page, which says what was done."""
    answer = RedirectResponse(path, status_code=303)
    if notice is not None:
        value = f"{'ok' if notice.good else 'bad'}.{quote(notice.text[:_MAX_CHARS], safe='')}"
        answer.set_cookie(_COOKIE, value, max_age=_SECONDS, httponly=True, samesite="lax", path="/")
    return answer


def forget(answer: Response) -> Response:
    """Remove the notice once a page has said it."""
    answer.delete_cookie(_COOKIE, path="/")
    return answer

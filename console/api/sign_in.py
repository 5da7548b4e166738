"""Signing a browser in: a link that works once becomes a session cookie."""

from __future__ import annotations

import secrets
from contextlib import suppress

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from console.api.answers import documented, reply
from console.api.identity import Asking, Who, cookie_name
from console.api.parts import Given, Parts
from console.api.routing import new_router
from rota.errors import NotFound
from rota.ids import new_id
from rota.times import DAY_MS, HOUR_MS, rfc3339
from store.queries import tokens, users
from store.records import TokenRecord, UserRecord

router = new_router(tag="sign-in", prefix="")

LINK_MS = HOUR_MS
SESSION_MS = 14 * DAY_MS
ADMIN = "admin"


@router.post("/api/v1/sign-ins", **documented("SignIn", status=201))
def new_sign_in(request: Request, parts: Given, who: Asking) -> Response:
    """Make a link that signs a browser in as whoever asks, once and within the hour."""
    code = new_code(parts, user=who.name, role=who.role)
    expires = rfc3339(parts.clock.now_ms() + LINK_MS)
    url = str(request.url.replace(path="/login", query=f"code={code}"))
    return reply({"url": url, "expires_at": expires}, status=201)


def new_code(parts: Parts, *, user: str, role: str) -> str:
    """Return a new code for a sign-in link."""
    return new_token(parts, user=user, role=role, label="sign-in link", purpose="sign_in", lifetime_ms=LINK_MS)


def new_token(parts: Parts, *, user: str, role: str, label: str, purpose: str, lifetime_ms: int | None = None) -> str:
    """Save a new token and return its secret, which is nowhere else."""
    # No letters that a command line or a double click could take for anything else.
    secret = secrets.token_hex(32)
    now = parts.clock.now_ms()
    expires_at = None if lifetime_ms is None else now + lifetime_ms
    token = TokenRecord(
        id=new_id(), user=user, label=label, purpose=purpose, role=role, created_at=now, expires_at=expires_at
    )
    with parts.store.writing() as conn:
        tokens.create(conn, token, secret=secret)
    return secret


def ensure_admin(parts: Parts) -> None:
    """Make the first user, unless there is one of that name."""
    with parts.store.writing() as conn:
        if users.find(conn, ADMIN) is None:
            now = parts.clock.now_ms()
            users.save(conn, UserRecord(name=ADMIN, label="Administrator", role="admin", created_at=now))


def replace_token(parts: Parts, *, label: str) -> str:
    """Return a new token of the administrator; older ones with this label stop working."""
    with parts.store.writing() as conn:
        for token in tokens.list_tokens(conn, ADMIN):
            if token.label == label:
                tokens.revoke(conn, token.id)
    return new_token(parts, user=ADMIN, role="admin", label=label, purpose="api")


def redeem(parts: Parts, code: str) -> str | None:
    """Return the secret of a new session for a code, None if the code is used up or unknown."""
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        token = tokens.redeem(conn, code, at=now)
    if token is None:
        return None
    return new_token(
        parts, user=token.user, role=token.role, label="browser", purpose="session", lifetime_ms=SESSION_MS
    )


def prefetched(request: Request) -> bool:
    """Tell whether a browser asks ahead of its user: that must not use the code up."""
    said = f"{request.headers.get('sec-purpose', '')} {request.headers.get('purpose', '')}"
    return "prefetch" in said or "prerender" in said


def signed_in(request: Request, session: str) -> Response:
    """Answer with the session cookie and the way to the first page."""
    answer = RedirectResponse("/jobs", status_code=303, headers={"Cache-Control": "no-store"})
    answer.set_cookie(
        cookie_name(request),
        session,
        max_age=SESSION_MS // 1000,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        path="/",
    )
    return answer


@router.post("/logout", include_in_schema=False)
def logout(request: Request, parts: Given) -> Response:
    """End the session."""
    who: Who | None = request.state.who
    # A program's token is not a session, and not to be ended by a form.
    if who is not None and who.by_cookie:
        with suppress(NotFound), parts.store.writing() as conn:
            tokens.revoke(conn, who.token_id)
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(cookie_name(request), path="/")
    return answer

"""Who asks: a bearer token, or the session cookie of a browser; and whether the route is for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from console.api.parts import Parts, parts_of
from console.api.permissions import Rule, takes_admin
from console.api.problems import Problem
from rota.errors import NotFound, StoreUnavailable
from store.queries import tokens
from store.records import TokenRecord

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TOUCH_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """The person or service that asks; `own_only` limits this route to what is theirs."""

    name: str
    role: str
    token_id: str
    address: str | None = None
    by_cookie: bool = False
    own_only: bool = False

    @property
    def owner(self) -> str | None:
        """The only owner whose things they may see here, None for all."""
        return self.name if self.own_only else None

    def check(self, owner: str, what: str) -> None:
        """Raise NotFound for what is not theirs: that it exists is none of their business."""
        if self.own_only and owner != self.name:
            raise NotFound(f"there is no {what}")

    def check_run(self, job: str, params: Mapping[str, Any]) -> None:
        """Raise a Problem for a run that deletes for good, unless they may do that."""
        if self.role != "admin" and takes_admin(job, params):
            raise Problem(403, f"the role {self.role} may not start {job} so: it deletes for good")


async def admit(request: Request, rule: Rule) -> Who | None:
    """Return who asks, None on public routes for strangers; a Problem is raised for whom the route is closed.

    At a hook nobody signs in: its endpoint asks for the hook's own token.
    """
    if rule.by_hook:
        return None
    secret, by_cookie = _secret_of(request)
    who = await run_in_threadpool(_find, parts_of(request), secret, request) if secret else None
    if who is None:
        if rule.public:
            return None
        raise Problem(
            401,
            "sign in first: with a bearer token, or in a browser with the link that `rota login` prints",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if by_cookie and request.method not in _SAFE:
        _refuse_cross_site(request)
    if who.role not in rule.roles:
        raise Problem(403, f"the role {who.role} may not do this")
    return replace(who, by_cookie=by_cookie, own_only=who.role in rule.own_only)


def cookie_name(request: Request) -> str:
    """Return the name of the session cookie.

    Browsers keep cookies by host and not by port, so two installations on one machine need two names.
    """
    _, colon, port = request.headers.get("host", "").rpartition(":")
    return f"rota_session_{port}" if colon and port.isdecimal() else "rota_session"


async def _current(request: Request) -> Who:
    who: Who | None = request.state.who
    assert who is not None, "only public routes have nobody"
    return who


Asking = Annotated[Who, Depends(_current)]
"""Ask for this in an endpoint that is not public to get who asks."""


def _secret_of(request: Request) -> tuple[str | None, bool]:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and value.strip():
        return value.strip(), False
    return request.cookies.get(cookie_name(request)), True


def _find(parts: Parts, secret: str, request: Request) -> Who | None:
    now = parts.clock.now_ms()
    with parts.store.reading() as conn:
        token = tokens.find(conn, secret, at=now)
    if token is None or token.purpose not in ("api", "session"):
        return None
    _touch(parts, token, now)
    address = request.client.host if request.client else None
    return Who(name=token.user, role=token.role, token_id=token.id, address=address)


def _touch(parts: Parts, token: TokenRecord, now: int) -> None:
    if token.used_at is not None and now - token.used_at < _TOUCH_MS:
        return
    try:
        with parts.store.writing() as conn:
            tokens.touch(conn, token, at=now)
    except StoreUnavailable:  # when it was last used is worth no refusal
        return


def _refuse_cross_site(request: Request) -> None:
    """Refuse a browser's request that another site caused; SameSite=Lax on the cookie is the other half.

    Browsers send Sec-Fetch-Site over HTTPS and to localhost, and Origin with every POST. Who sends neither is no
    browser, and holds the cookie knowingly.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        origin = request.headers.get("origin")
        allowed = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not allowed:
        raise Problem(403, "this request came from another site")

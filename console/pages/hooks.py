"""The page of hooks: the addresses at which services publish events, and the tokens that open them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import Response

from console.api import addresses
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.routing import new_router
from console.pages.forms import Filled, Form
from console.pages.notices import Notice, go
from console.pages.showing import show
from rota.errors import Conflict, NotFound
from store.queries import hooks
from store.records import HookRecord

router = new_router(prefix="", in_schema=False)

_DEEDS = ("rotate", "enable", "disable", "delete")


@router.get("/hooks")
def hooks_page(request: Request, parts: Given, who: Asking) -> Response:
    """Show the hooks, with a form for another one."""
    return _page(request, parts, who)


@router.post("/hooks")
def act(request: Request, parts: Given, who: Asking, form: Filled) -> Response:
    """Add a hook, give one a new token, switch it or delete it.

    A new token is shown by the answer itself, this once: no address leads to it afterwards.
    """
    if form.one("deed") == "add":
        return _add(request, parts, who, form)
    deed = next((word for word in _DEEDS if form.one(word)), "")
    slug = form.one(deed) if deed else ""
    try:
        if deed == "rotate":
            return _with_token(request, parts, who, *addresses.rotate(parts, who, slug))
        if deed == "delete":
            addresses.remove(parts, who, slug)
            return go("/hooks", Notice(f"The hook {slug} is gone."))
        if deed:
            addresses.switch(parts, who, slug, enabled=deed == "enable")
            return go("/hooks", Notice(f"The hook {slug} is {deed}d."))
    except NotFound:
        return go("/hooks", Notice("There is no such hook any more.", good=False))
    raise Problem(400, "the form says nothing that can be done")


def _add(request: Request, parts: Parts, who: Who, form: Form) -> Response:
    given = {"slug": form.one("slug").strip(), "label": form.one("label").strip()}
    try:
        hook, secret = addresses.add(parts, who, given)
    except Problem as problem:
        said = "; ".join(f"{error['path']} {error['message']}" for error in problem.errors)
        return _page(request, parts, who, given=given, said=said, status=problem.status)
    except Conflict as error:
        return _page(request, parts, who, given=given, said=str(error), status=409)
    return _with_token(request, parts, who, hook, secret)


def _with_token(request: Request, parts: Parts, who: Who, hook: HookRecord, secret: str) -> Response:
    answer = _page(request, parts, who, fresh=hook, secret=secret)
    answer.headers["Cache-Control"] = "no-store"
    del answer.headers["ETag"]
    return answer


def _page(request: Request, parts: Parts, who: Who, **context: Any) -> Response:
    with parts.store.reading() as conn:
        found = hooks.list_hooks(conn)
    given: Mapping[str, str] = {"slug": "", "label": ""}
    said = {"fresh": None, "secret": "", "said": "", "given": given, **context}
    origin = str(request.base_url).rstrip("/")
    rows = [(hook, addresses.event_type_of(hook.slug), origin + addresses.path_of(hook.slug)) for hook in found]
    return show(request, "hooks.html", who, hooks=rows, origin=origin, path_of=addresses.path_of, **said)

"""`/hooks`: addresses at which services that cannot sign in publish events, and the secrets that open them."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from msgspec import structs
from starlette.responses import Response

from console.api import addresses
from console.api.answers import documented, nothing, reply, reply_list
from console.api.deliveries import event_of
from console.api.identity import Asking
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.requests import Body
from console.api.routing import new_router
from console.api.shapes import HookShape, NewHookShape
from rota.errors import StoreUnavailable
from rota.times import rfc3339
from store.queries import hooks
from store.records import HookRecord

router = new_router(tag="hooks")

_TOUCH_MS = 60_000
_NEW: dict[str, Any] = {
    "application/json": {
        "type": "object",
        "required": ["slug"],
        "properties": {
            "slug": {"type": "string", "description": "The last part of its address and of its events' type."},
            "label": {"type": "string", "maxLength": 200, "description": "What it is for."},
        },
    }
}
_DELIVERY: dict[str, Any] = {
    "application/json": {},
    "application/x-www-form-urlencoded": {"type": "object"},
    "text/plain": {"type": "string"},
}


@router.get("/hooks", **documented("Hook[]"))
def list_hooks(request: Request, parts: Given) -> Response:
    """List all hooks by slug; their tokens are nowhere to be read."""
    with parts.store.reading() as conn:
        found = hooks.list_hooks(conn)
    return reply_list(request, map(_shape, found), None)


@router.post("/hooks", **documented("NewHook", status=201, body=_NEW, headers=("Location",)))
def add_hook(parts: Given, who: Asking, body: Body) -> Response:
    """Add a hook and return its token, which is shown this once; 409 if there is one of that name."""
    hook, secret = addresses.add(parts, who, body.mapping())
    return reply(_new_shape(hook, secret), status=201, headers={"Location": addresses.path_of(hook.slug)})


@router.post("/hooks/{slug}/rotate", **documented("NewHook"))
def rotate_hook(slug: str, parts: Given, who: Asking) -> Response:
    """Replace the token of a hook and return the new one; the old one stops working at once."""
    return reply(_new_shape(*addresses.rotate(parts, who, slug)))


@router.post("/hooks/{slug}/enable", **documented("Hook"))
def enable_hook(slug: str, parts: Given, who: Asking) -> Response:
    """Let a hook take events again."""
    return reply(_shape(addresses.switch(parts, who, slug, enabled=True)))


@router.post("/hooks/{slug}/disable", **documented("Hook"))
def disable_hook(slug: str, parts: Given, who: Asking) -> Response:
    """Let a hook refuse what is sent to it."""
    return reply(_shape(addresses.switch(parts, who, slug, enabled=False)))


@router.delete("/hooks/{slug}", **documented(status=204))
def delete_hook(slug: str, parts: Given, who: Asking) -> Response:
    """Remove a hook and its token."""
    addresses.remove(parts, who, slug)
    return nothing()


@router.post("/hooks/{slug}", **documented("Accepted", status=202, body=_DELIVERY))
def deliver(request: Request, slug: str, parts: Given, body: Body) -> Response:
    """Publish `hook.{slug}` with the body as its data; opened by the hook's own token and by nothing else.

    The token is a bearer token or the header X-Rota-Token. A delivery that is sent again with the same
    Idempotency-Key, webhook-id, X-GitHub-Delivery or X-Gitlab-Event-UUID starts each job only once.
    """
    now = parts.clock.now_ms()
    _open(parts, slug, request, now)
    event = event_of(slug, request.headers, body, at=now)
    parts.bus.events.publish([event])
    return reply({"accepted": 1, "ids": [event.id], "errors": []}, status=202)


def _open(parts: Parts, slug: str, request: Request, now: int) -> None:
    """Raise a Problem unless the request holds the hook's token; who does not is not told whether there is a hook."""
    secret = _secret_of(request)
    with parts.store.reading() as conn:
        hook = hooks.open_with(conn, slug, secret or "")
    if hook is None or not secret:
        raise Problem(
            401,
            "send the token of this hook, as a bearer token or as X-Rota-Token",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if not hook.enabled:
        raise Problem(403, f"the hook {slug} is disabled")
    if hook.used_at is None or now - hook.used_at >= _TOUCH_MS:
        try:
            with parts.store.writing() as conn:
                hooks.touch(conn, slug, at=now)
        except StoreUnavailable:  # when it was last used is worth no refusal
            return


def _secret_of(request: Request) -> str | None:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and value.strip():
        return value.strip()
    return request.headers.get("x-rota-token")


def _shape(hook: HookRecord) -> HookShape:
    return HookShape(
        slug=hook.slug,
        label=hook.label,
        event=addresses.event_type_of(hook.slug),
        path=addresses.path_of(hook.slug),
        enabled=hook.enabled,
        created_at=rfc3339(hook.created_at),
        created_by=hook.created_by,
        used_at=None if hook.used_at is None else rfc3339(hook.used_at),
    )


def _new_shape(hook: HookRecord, secret: str) -> NewHookShape:
    return NewHookShape(**structs.asdict(_shape(hook)), token=secret)

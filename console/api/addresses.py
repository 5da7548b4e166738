"""Hooks added, given new tokens, switched and removed in somebody's name, for the API and the pages alike."""

from __future__ import annotations

import secrets
from typing import Any

from pydantic import ValidationError

from console.api.deeds import deed
from console.api.identity import Who
from console.api.parts import Parts
from console.api.problems import Problem, pointer
from rota.fields import Line, Part, Slug
from rota.problems import problems_of
from store.queries import audit, hooks
from store.records import HookRecord

_SECRET_BYTES = 32


class _New(Part):
    """What a new hook is told."""

    slug: Slug
    label: Line = ""


def add(parts: Parts, who: Who, fields: dict[str, Any]) -> tuple[HookRecord, str]:
    """Add a hook and return it with its token, which is nowhere to be read afterwards.

    Raises a Problem for what is no name or label, Conflict for a name that is taken.
    """
    given = _valid(fields)
    now = parts.clock.now_ms()
    secret = _new_secret()
    hook = HookRecord(slug=given.slug, label=given.label or given.slug, created_at=now, created_by=who.name)
    with parts.store.writing() as conn:
        hooks.create(conn, hook, secret=secret)
        audit.add(conn, [deed(who, "hook.add", f"hook:{hook.slug}", now)])
    return hook, secret


def rotate(parts: Parts, who: Who, slug: str) -> tuple[HookRecord, str]:
    """Give a hook a new token and return both; the old one stops working at once."""
    now = parts.clock.now_ms()
    secret = _new_secret()
    with parts.store.writing() as conn:
        hooks.rotate(conn, slug, secret=secret)
        audit.add(conn, [deed(who, "hook.rotate", f"hook:{slug}", now)])
        return hooks.get(conn, slug), secret


def switch(parts: Parts, who: Who, slug: str, *, enabled: bool) -> HookRecord:
    """Let a hook take events or refuse them."""
    now = parts.clock.now_ms()
    action = "hook.enable" if enabled else "hook.disable"
    with parts.store.writing() as conn:
        hooks.set_enabled(conn, slug, enabled=enabled)
        audit.add(conn, [deed(who, action, f"hook:{slug}", now)])
        return hooks.get(conn, slug)


def remove(parts: Parts, who: Who, slug: str) -> None:
    """Remove a hook and its token."""
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        hooks.remove(conn, slug)
        audit.add(conn, [deed(who, "hook.delete", f"hook:{slug}", now)])


def path_of(slug: str) -> str:
    """Return where a hook takes events."""
    return f"/api/v1/hooks/{slug}"


def event_type_of(slug: str) -> str:
    """Return the type of the events of a hook."""
    return f"hook.{slug}"


def _valid(fields: dict[str, Any]) -> _New:
    try:
        return _New.model_validate(fields)
    except ValidationError as error:
        listed = [
            {"pointer": pointer(problem.path), "path": problem.path, "message": problem.message}
            for problem in problems_of(error, _New)
        ]
        raise Problem(422, "the hook is not valid", name="invalid-request", errors=listed) from error


def _new_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)

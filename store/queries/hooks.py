"""Hooks: addresses at which services publish events, each with a secret of its own."""

from __future__ import annotations

import hmac

from sqlalchemy import Connection, RowMapping, delete, insert, or_, select, update

from rota.errors import Conflict, NotFound
from store.queries.tokens import digest_of
from store.records import HookRecord
from store.tables import hooks

# Uses are recorded to the minute: a busy service would write with each event otherwise.
_USE_MS = 60_000
_NO_DIGEST = bytes(32)


def create(conn: Connection, hook: HookRecord, *, secret: str) -> None:
    """Save a new hook; Conflict if its slug is taken."""
    if conn.execute(select(hooks.c.slug).where(hooks.c.slug == hook.slug)).first() is not None:
        raise Conflict(f"there is a hook {hook.slug} already")
    row = {
        "slug": hook.slug,
        "label": hook.label,
        "digest": digest_of(secret),
        "enabled": hook.enabled,
        "created_at": hook.created_at,
        "created_by": hook.created_by,
        "used_at": hook.used_at,
    }
    conn.execute(insert(hooks), row)


def get(conn: Connection, slug: str) -> HookRecord:
    """Return a hook; NotFound if there is none of that name."""
    row = conn.execute(select(hooks).where(hooks.c.slug == slug)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no hook {slug}")
    return _record(row)


def open_with(conn: Connection, slug: str, secret: str) -> HookRecord | None:
    """Return the hook that a secret opens, None for a wrong secret as for an unknown slug.

    Digests are compared in constant time, one that nothing has where there is no hook.
    """
    row = conn.execute(select(hooks).where(hooks.c.slug == slug)).mappings().one_or_none()
    digest = _NO_DIGEST if row is None else bytes(row["digest"])
    right = hmac.compare_digest(digest_of(secret), digest)
    return _record(row) if right and row is not None else None


def list_hooks(conn: Connection) -> list[HookRecord]:
    """Return all hooks by slug."""
    return [_record(row) for row in conn.execute(select(hooks).order_by(hooks.c.slug)).mappings()]


def rotate(conn: Connection, slug: str, *, secret: str) -> None:
    """Replace the secret of a hook, whose old one stops working; NotFound if there is none of that name."""
    _change(conn, slug, digest=digest_of(secret))


def set_enabled(conn: Connection, slug: str, *, enabled: bool) -> None:
    """Let a hook take events or not; NotFound if there is none of that name."""
    _change(conn, slug, enabled=enabled)


def remove(conn: Connection, slug: str) -> None:
    """Remove a hook; NotFound if there is none of that name."""
    if conn.execute(delete(hooks).where(hooks.c.slug == slug)).rowcount == 0:
        raise NotFound(f"there is no hook {slug}")


def touch(conn: Connection, slug: str, *, at: int) -> None:
    """Record that a hook was used, unless that was recorded within the last minute."""
    unused = or_(hooks.c.used_at.is_(None), hooks.c.used_at <= at - _USE_MS)
    conn.execute(update(hooks).where(hooks.c.slug == slug, unused).values(used_at=at))


def _change(conn: Connection, slug: str, **values: object) -> None:
    if conn.execute(update(hooks).where(hooks.c.slug == slug).values(**values)).rowcount == 0:
        raise NotFound(f"there is no hook {slug}")


def _record(row: RowMapping) -> HookRecord:
    return HookRecord(
        slug=row["slug"],
        label=row["label"],
        enabled=row["enabled"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        used_at=row["used_at"],
    )

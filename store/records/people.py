"""Users, tokens, hooks and deeds."""

from __future__ import annotations

from typing import Any

import msgspec


class UserRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a service that may do something."""

    name: str
    label: str
    role: str
    created_at: int
    enabled: bool = True
    password_hash: str | None = None


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that stands for a user, without the secret."""

    id: str
    user: str
    label: str
    purpose: str
    role: str
    created_at: int
    expires_at: int | None = None
    used_at: int | None = None


class HookRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An address at which a service may publish one type of event, without its secret."""

    slug: str
    label: str
    created_at: int
    created_by: str
    enabled: bool = True
    used_at: int | None = None


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the audit: who did what to what, from where."""

    at: int
    who: str
    action: str
    target: str
    address: str | None = None
    detail: dict[str, Any] = {}
    seq: int = 0

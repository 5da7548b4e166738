"""The tables of who may do what: users, their tokens, the hooks of services, and the audit of what was done."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import SERIAL_TYPE, Base, Bytes, Json, Key, Millis, one_of, table_of

ROLES = ("viewer", "user", "publisher", "operator", "admin")


class UserRow(Base):
    """A person or a service that may do something."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint(one_of("role", ROLES), name="role"),)

    name: Mapped[Key] = mapped_column(primary_key=True, comment="Name to sign in with")
    label: Mapped[str] = mapped_column(comment="For people")
    role: Mapped[Key] = mapped_column(comment="viewer | user | publisher | operator | admin")
    password_hash: Mapped[str | None] = mapped_column(comment="Salted and slow; null when there is no password")
    enabled: Mapped[bool] = mapped_column(comment="False locks the user out, tokens and sessions included")
    created_at: Mapped[Millis] = mapped_column(comment="When the user was added")


class TokenRow(Base):
    """A secret that stands for a user. Only its hash is here."""

    __tablename__ = "tokens"
    __table_args__ = (
        UniqueConstraint("digest", name="uq_tokens_digest"),
        CheckConstraint(one_of("role", ROLES), name="role"),
        CheckConstraint(one_of("purpose", ("api", "session", "sign_in", "hook")), name="purpose"),
        Index("ix_tokens_user", "user"),
    )

    id: Mapped[Key] = mapped_column(primary_key=True, comment="UUIDv7, shown to people")
    user: Mapped[Key] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"), comment="Whose it is")
    label: Mapped[str] = mapped_column(comment="What it is for, in words")
    purpose: Mapped[Key] = mapped_column(comment="api | session | sign_in (works once) | hook")
    role: Mapped[Key] = mapped_column(comment="What it allows, never more than its user's role")
    digest: Mapped[Bytes] = mapped_column(comment="SHA-256 of the secret, which has 256 random bits of its own")
    created_at: Mapped[Millis] = mapped_column(comment="When it was made")
    expires_at: Mapped[Millis | None] = mapped_column(comment="Not valid from then on")
    used_at: Mapped[Millis | None] = mapped_column(comment="Last use, to the minute")


class HookRow(Base):
    """An address at which a service that knows its secret may publish one type of event."""

    __tablename__ = "hooks"

    slug: Mapped[Key] = mapped_column(primary_key=True, comment="Last part of its address and of the event's type")
    label: Mapped[str] = mapped_column(comment="What it is for, in words")
    digest: Mapped[Bytes] = mapped_column(comment="SHA-256 of the secret, which has 256 random bits of its own")
    enabled: Mapped[bool] = mapped_column(comment="False refuses whoever knows the secret")
    created_at: Mapped[Millis] = mapped_column(comment="When it was added")
    created_by: Mapped[Key] = mapped_column(comment="Who added it")
    used_at: Mapped[Millis | None] = mapped_column(comment="Last use, to the minute")


class AuditRow(Base):
    """Who did what. Rows are only ever added, and go by age."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_target_seq", "target", "seq"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(SERIAL_TYPE, primary_key=True, comment="Order of the deeds")
    at: Mapped[Millis] = mapped_column(comment="When")
    who: Mapped[Key] = mapped_column(comment="User, or the part of Rota that acted by itself")
    action: Mapped[Key] = mapped_column(comment="The deed: job.save, run.cancel, …")
    target: Mapped[Key] = mapped_column(comment="What it was done to: job:NAME, run:ID, …")
    address: Mapped[Key | None] = mapped_column(comment="Network address it came from")
    detail: Mapped[Json] = mapped_column(comment="What else is worth knowing; no secrets")


users = table_of(UserRow)
tokens = table_of(TokenRow)
hooks = table_of(HookRow)
audit = table_of(AuditRow)

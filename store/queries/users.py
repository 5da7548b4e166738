"""Users: who may do something, and in which role."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping, select

from store import dialects
from store.records import UserRecord
from store.tables import users

_save = dialects.upsert(users, key=("name",), update=("label", "role", "password_hash", "enabled"))


def save(conn: Connection, user: UserRecord) -> None:
    """Save a user, new or known."""
    row = {
        "name": user.name,
        "label": user.label,
        "role": user.role,
        "password_hash": user.password_hash,
        "enabled": user.enabled,
        "created_at": user.created_at,
    }
    conn.execute(_save[conn.dialect.name], row)


def find(conn: Connection, name: str) -> UserRecord | None:
    """Return one user, or None."""
    row = conn.execute(select(users).where(users.c.name == name)).mappings().one_or_none()
    return None if row is None else _record(row)


def list_users(conn: Connection) -> list[UserRecord]:
    """Return all users by name."""
    return [_record(row) for row in conn.execute(select(users).order_by(users.c.name)).mappings()]


def _record(row: RowMapping) -> UserRecord:
    return UserRecord(
        name=row["name"],
        label=row["label"],
        role=row["role"],
        created_at=row["created_at"],
        enabled=row["enabled"],
        password_hash=row["password_hash"],
    )

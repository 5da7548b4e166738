"""Tokens: secrets that stand for a user. The store has only their digests."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, RowMapping, and_, bindparam, delete, insert, or_, select, update

from rota.errors import NotFound
from store.records import TokenRecord
from store.tables import tokens, users

# Uses are recorded to the minute: a busy client would write with each request otherwise.
_USE_MS = 60_000

_valid = (
    select(tokens)
    .join(users, users.c.name == tokens.c.user)
    .where(
        tokens.c.digest == bindparam("digest"),
        users.c.enabled.is_(True),
        or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > bindparam("at")),
    )
)


def digest_of(secret: str) -> bytes:
    """Give the digest that a secret is found by.

    Plain SHA-256 is enough: a token has 256 random bits, so nobody can try them out.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def create(conn: Connection, token: TokenRecord, *, secret: str) -> None:
    """Save a new token; Conflict if its user does not exist."""
    conn.execute(
        insert(tokens),
        {
            "id": token.id,
            "user": token.user,
            "label": token.label,
            "purpose": token.purpose,
            "role": token.role,
            "digest": digest_of(secret),
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "used_at": token.used_at,
        },
    )


def find(conn: Connection, secret: str, *, at: int) -> TokenRecord | None:
    """Return the token of a secret while it is valid and its user may sign in, else None."""
    row = conn.execute(_valid, {"digest": digest_of(secret), "at": at}).mappings().one_or_none()
    return None if row is None else _record(row)


def redeem(conn: Connection, secret: str, *, at: int) -> TokenRecord | None:
    """Return the token of a secret that works once, and remove it: of two who try, one gets it."""
    token = find(conn, secret, at=at)
    if token is None or token.purpose != "sign_in":
        return None
    return token if conn.execute(delete(tokens).where(tokens.c.id == token.id)).rowcount == 1 else None


def touch(conn: Connection, token: TokenRecord, *, at: int) -> bool:
    """Record that a token was used; False if that was recorded within the last minute already."""
    unused = or_(tokens.c.used_at.is_(None), tokens.c.used_at <= at - _USE_MS)
    result = conn.execute(update(tokens).where(and_(tokens.c.id == token.id, unused)).values(used_at=at))
    return result.rowcount == 1


def list_tokens(conn: Connection, user: str) -> list[TokenRecord]:
    """Return the tokens of a user, newest first."""
    query = select(tokens).where(tokens.c.user == user).order_by(tokens.c.id.desc())
    return [_record(row) for row in conn.execute(query).mappings()]


def revoke(conn: Connection, token_id: str) -> None:
    """Remove a token; NotFound if there is none with this id."""
    if conn.execute(delete(tokens).where(tokens.c.id == token_id)).rowcount == 0:
        raise NotFound(f"there is no token {token_id}")


def _record(row: RowMapping) -> TokenRecord:
    return TokenRecord(
        id=row["id"],
        user=row["user"],
        label=row["label"],
        purpose=row["purpose"],
        role=row["role"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
    )

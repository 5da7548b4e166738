"""What PostgreSQL says was wrong, where it means something else here than to the rest of the store."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from rota.errors import RotaError

CANCELLED = "57014"
"""The statement took too long."""
NO_TABLE = "42P01"
"""The table is not there any more."""


def sqlstate_of(error: RotaError) -> str | None:
    """Return the state that came with the database's error behind one of ours, if there is one."""
    cause = error.__cause__
    return getattr(cause.orig, "sqlstate", None) if isinstance(cause, DBAPIError) else None

"""Being the only one that writes to something: a row says who holds it, with a fence that only grows.

Every transaction of the holder first asks whether the fence is still its own, so whoever was frozen and wakes up later
writes nothing.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, bindparam, or_, select, update


class Holds:
    """The holds of a table, whose rows have a key and the columns held_by, held_fence and held_until."""

    def __init__(self, table: Table, *, key: str) -> None:
        self._table = table
        self._key = table.c[key]
        held = update(table).where(
            self._key == bindparam("of_key"), table.c.held_fence == bindparam("of_fence"), table.c.held_by.is_not(None)
        )
        self._keep = held.values(held_until=bindparam("until"))
        self._release = held.values(held_by=None, held_until=None)

    def take(self, conn: Connection, key: str, *, task: str, now: int, until: int) -> int | None:
        """Let a task be the only one that writes, and return its fence; None while another one is, or without a row.

        A task may take over from itself: its next attempt gets a new fence, and the writes of the old one are refused.
        A holder that is not heard of until `held_until` has lost it; so has one whose time lies much further ahead than
        any that is given now, because then a clock was set back. By less than a term clocks may differ, and a holder
        may have stayed for longer while we waited for our turn to ask.
        """
        columns = self._table.c
        free = or_(
            columns.held_by.is_(None),
            columns.held_by == task,
            columns.held_until <= now,
            columns.held_until > until + (until - now),
        )
        values = {"held_by": task, "held_until": until, "held_fence": columns.held_fence + 1}
        if conn.execute(update(self._table).where(self._key == key, free).values(values)).rowcount == 0:
            return None
        fence: int = conn.execute(select(columns.held_fence).where(self._key == key)).scalar_one()
        return fence

    def holder(self, conn: Connection, key: str) -> str | None:
        """Return the task that writes, or None."""
        found: str | None = conn.scalar(select(self._table.c.held_by).where(self._key == key))
        return found

    def keep(self, conn: Connection, key: str, *, fence: int, until: int) -> bool:
        """Stay the holder for longer; False if somebody else is by now, and then nothing may be written."""
        return conn.execute(self._keep, {"of_key": key, "of_fence": fence, "until": until}).rowcount == 1

    def release(self, conn: Connection, key: str, *, fence: int) -> None:
        """Let others write; nothing happens if somebody else does already."""
        conn.execute(self._release, {"of_key": key, "of_fence": fence})

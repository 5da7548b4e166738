"""The event that wakes the indexing of a datasource, when nothing in its catalog has changed that would."""

from __future__ import annotations

from rota.events import Event
from rota.ids import new_id

STALE = "index.stale"


def stale_event(name: str, *, source: str, at: int) -> Event:
    """Return the event that has a datasource indexed soon; `at` in ms."""
    return Event(id=new_id(), source=source, type=STALE, time=at, subject=name, data={"datasource": name})

"""Everything paused and let go again in somebody's name, for the API and the pages alike."""

from __future__ import annotations

from console.api.deeds import deed
from console.api.identity import Who
from console.api.parts import Parts
from store.queries import audit, jobs


def pause(parts: Parts, who: Who, reason: str | None) -> bool:
    """Let nothing new start; return whether that is new. The reason of a pause that holds already stays."""
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        changed = jobs.pause_everything(conn, person=who.name, reason=reason, at=now)
        if changed:
            audit.add(conn, [deed(who, "pause", "everything", now, reason=reason)])
    return changed


def resume(parts: Parts, who: Who) -> bool:
    """Let things start again; return whether they were paused."""
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        changed = jobs.resume_everything(conn, person=who.name, at=now)
        if changed:
            audit.add(conn, [deed(who, "resume", "everything", now)])
    return changed

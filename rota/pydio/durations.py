"""Durations of Pydio Cells, `1h30m` as Go writes them or ISO 8601, as ISO 8601."""

from __future__ import annotations

import re

from rota.pydio.report import Notes
from rota.times import duration_ms, iso_duration

_GO = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:h|ms|m|s))+", re.ASCII)
_PART = re.compile(r"(?P<number>[\d.]+)(?P<unit>h|ms|m|s)", re.ASCII)
_UNIT_MS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


def duration_of(text: str, place: str, notes: Notes) -> str | None:
    """Return a limit of time as ISO 8601, None with a notice if it is none or cannot be read."""
    try:
        ms = _go_ms(text) if _GO.fullmatch(text) else duration_ms(text)
    except ValueError:
        notes.lost(place, f"{text[:80]!r} is no duration; there is no limit of time", "write timeout:, such as PT2H")
        return None
    if ms == 0:
        return None
    made = iso_duration(ms)
    notes.carried(place, f"timeout: {made}")
    return made


def _go_ms(text: str) -> int:
    return round(sum(float(part["number"]) * _UNIT_MS[part["unit"]] for part in _PART.finditer(text)))

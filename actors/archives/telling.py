"""Tells names of members in messages. Pure."""

from __future__ import annotations

_SHOWN = 120


def shown(name: bytes) -> str:
    """Give a name for a message: quoted, cut, and with everything escaped that would not be seen as it is."""
    text = name.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")

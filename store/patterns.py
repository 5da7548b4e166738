"""Search by words that people type."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func


def contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Ask whether a text column contains this text, whatever the case; wildcards in it have no meaning."""
    return func.lower(column).contains(text.lower(), autoescape=True)

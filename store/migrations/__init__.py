"""Alembic migrations, run by `Store.upgrade`."""

from __future__ import annotations

HEAD = "0005"
"""The newest revision. Known without Alembic, which takes longer to import than most commands take to run."""

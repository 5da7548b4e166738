"""Where indexes are kept: which engine, and where it is."""

from __future__ import annotations

from typing import Literal

import msgspec

EngineName = Literal["tantivy", "postgresql", "opensearch"]


class SearchPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Which engine keeps the indexes, and what it needs to know to be opened."""

    engine: EngineName
    folder: str
    """Where tantivy has its files; on the disk of the machine that indexes and searches."""
    url: str | None = None
    """Address of OpenSearch, with its password."""
    prefix: str = "rota"
    """What the names of indexes in OpenSearch begin with."""

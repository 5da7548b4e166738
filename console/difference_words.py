"""What a run about one datasource found, and how that is said; light enough for the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COUNTED = ("created", "updated", "moved", "deleted")
"""The kinds of differences between a storage and its catalog."""
INDEXED = ("documents", "removed", "errors")
"""What a run that indexed counts."""
CHECKED = ("missing", "surplus", "repaired")
"""What a check of an index counts: entries that it lacked, documents without an entry, folders that were mended."""


def found_by(result: Any) -> dict[str, Any]:
    """Return what a run found out about its one datasource; nothing if it has no such result.

    A job that fans out over datasources has a list of results, one for each.
    """
    if isinstance(result, list) and len(result) == 1:
        result = result[0]
    return dict(result) if isinstance(result, Mapping) else {}


def counts_in_words(found: Mapping[str, Any], words: Sequence[str] = COUNTED) -> str:
    """Return what was counted, of a difference unless said otherwise: `created 3, updated 1, moved 0, deleted 2`."""
    return ", ".join(f"{word} {found[word]:,}" for word in words if isinstance(found.get(word), int))

"""What a run has done, all its attempts together, and how it tells that."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Counts:
    """What was written and read."""

    documents: int = 0
    """Added, or put in the place of another state of the same entry."""
    removed: int = 0
    """Taken out without another one in the same folder in their place."""
    errors: int = 0
    """Files that gave no text."""
    read: int = 0
    """Files whose text was extracted, or tried to be."""
    bytes: int = 0
    """Their size."""
    folders: int = 0
    """Folders that were compared."""

    def to_json(self) -> dict[str, Any]:
        """Give them as part of a checkpoint."""
        return asdict(self)

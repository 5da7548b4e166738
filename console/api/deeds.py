"""What goes into the audit: who did what to what."""

from __future__ import annotations

from typing import Any

from console.api.identity import Who
from store.records import Deed


def deed(who: Who, action: str, target: str, at: int, **detail: Any) -> Deed:
    """Return the entry for a deed; `target` is the kind and the name, such as `job:purge-bins`."""
    return Deed(at=at, who=who.name, action=action, target=target, address=who.address, detail=detail)

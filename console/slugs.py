"""Names for things that a person named freely."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from itertools import count

_MAX_CHARS = 48


def slug(text: str, taken: Collection[str] = ()) -> str:
    """Return a name of a-z, 0-9 and '-' made from a text, different from all that are taken."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_MAX_CHARS].strip("-") or "folder"
    if not base[0].isalpha():
        base = f"folder-{base}"
    numbered = (base if n == 1 else f"{base}-{n}" for n in count(1))
    return next(name for name in numbered if name not in taken)

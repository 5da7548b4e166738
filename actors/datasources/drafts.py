"""Names for files that are being written, until they get their own; they are private, so no listing shows them."""

from __future__ import annotations

from actors.datasources.paths import join, split
from rota.ids import new_id

_PREFIX = b".rota-draft-"


def draft_beside(path: bytes) -> bytes:
    """Give the path of a new draft in the folder of another path."""
    return join(split(path)[0], _PREFIX + new_id().encode())

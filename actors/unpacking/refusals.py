"""Why an archive is not unpacked. Pure."""

from __future__ import annotations

from actors.archives.reading import ArchiveError
from actors.archives.telling import shown
from actors.syncing.meter import sized
from rota.errors import PermanentError


class Refused(ArchiveError):
    """Raised when an archive must not be unpacked, whether it is whole or not; says which member and why."""


def refuse_without_room(free: int | None, size: int, name: bytes) -> None:
    """Raise PermanentError if so much is to be written and a storage that tells has less left."""
    if free is not None and size > free:
        raise PermanentError(f"{shown(name)} takes {sized(size)}, and only {sized(free)} are free")

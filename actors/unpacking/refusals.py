"""Why an archive is not unpacked, and how names that somebody else chose are told to people. Pure."""

from __future__ import annotations

from actors.archives.reading import ArchiveError
from actors.syncing.meter import sized
from rota.errors import PermanentError

_SHOWN = 120


class Refused(ArchiveError):
    """Raised when an archive must not be unpacked, whether it is whole or not; says which member and why."""


def shown(name: bytes) -> str:
    """Give a name for a message: quoted, cut, and with everything escaped that would not be seen as it is."""
    text = name.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def refuse_without_room(free: int | None, size: int, name: bytes) -> None:
    """Raise PermanentError if so much is to be written and a storage that tells has less left."""
    if free is not None and size > free:
        raise PermanentError(f"{shown(name)} takes {sized(size)}, and only {sized(free)} are free")

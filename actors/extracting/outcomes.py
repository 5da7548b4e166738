"""What comes of reading the text out of a file: the text with what the file says of itself, or why there is none."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """Why a file gave no text; a closed set, kept in the store."""

    ENCRYPTED = "encrypted"
    """A password or a key is needed."""
    BROKEN = "broken"
    """It is not what it says it is, or its end is missing."""
    TOO_LARGE = "too_large"
    """It is, or unpacks to, more than may be read; or its parts are nested too deeply."""
    TIMEOUT = "timeout"
    """Reading it took longer than a file may take."""
    MEMORY = "memory"
    """Reading it needs more memory than a file may use."""
    CRASHED = "crashed"
    """The process that read it was ended by a signal, or ended by itself."""
    UNREADABLE = "unreadable"
    """The storage did not give its bytes."""
    UNSUPPORTED = "unsupported"
    """Its format is known, this form of it is not."""
    FAILED = "failed"
    """The extractor raised an error that it should not have: it is the extractor that is broken."""


class Extracted(NamedTuple):
    """What a file gave; both are empty for a file of no known type."""

    text: str
    meta: tuple[tuple[str, str], ...] = ()
    """What the file says of itself, as (name, value): title, author, artist …; a name may occur again."""


class Failed(NamedTuple):
    """A file gave no text."""

    reason: Reason
    message: str
    """For people: what was wrong, in one sentence."""


class Unextractable(Exception):
    """Raised by an extractor that knows why a file gives no text; the file is listed with that reason."""

    def __init__(self, reason: Reason, message: str) -> None:
        # Types do not hold back an extractor of somebody else: here it is seen that it is the one that is broken.
        self.reason = Reason(reason)
        self.message = str(message)
        super().__init__(reason, message)

"""The hostile corpus: archives that somebody made to do harm, or that a bad day made, and what must become of each.

Whatever it is, nothing outside the folder that is unpacked into may change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Found = Mapping[str, bytes | str | None]
"""What is in a folder: contents of files, targets of links as text, None for folders."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One archive, and what must happen when it is unpacked with links kept."""

    name: str
    file: str = "evil.zip"
    """What the archive is called."""
    data: Callable[[], bytes]
    """Makes it: some are large."""
    refused: str = ""
    """A pattern of the message that ends it; empty if it is unpacked."""
    made: Found = field(default_factory=dict)
    """What is in the folder then."""
    noted: tuple[str, ...] = ()
    """Patterns of notes that must be there; there are no others."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """For the actor."""


def chunked(begin: bytes, chunk: bytes, times: int, end: bytes = b"") -> Callable[[], bytes]:
    """Give what makes a bomb: what is packed already, repeated."""
    return lambda: begin + chunk * times + end

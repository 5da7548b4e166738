"""What an extractor is: the reader of one family of formats, and what it may use up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from actors.extracting.outcomes import Extracted
from store.search.engine import MOST_TEXT

HEAD_BYTES = 4096
"""How much of its beginning tells what a file is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What reading one file may use up."""

    most_text: int = MOST_TEXT
    """Characters; more are not kept, so an extractor stops there. It is no error."""
    most_bytes: int = 256 * 1024 * 1024
    """Bytes that a file unpacks to, all its parts together; beyond it, it is `too_large`."""
    seconds: float = 60.0
    """On the clock; then the process that reads it is killed."""
    memory: int = 1024 * 1024 * 1024
    """Bytes of memory that the process may have."""
    most_copied: int = 1024 * 1024 * 1024
    """Bytes of a file that is not on this machine's disks, and so is fetched to be read; larger is `too_large`."""


def never(head: bytes, name: str) -> bool:  # noqa: ARG001 -- the signature of all detections
    """Recognise nothing: for formats that only their extension tells."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Extractor:
    """Reads the text out of the files of one family of formats.

    `extract` is called in a child process without network, which may not write files nor start processes, with the
    seekable file at its beginning. It gives text and meta, or raises Unextractable; OSError, MemoryError and anything
    else are told as what they are. It stops when it has `most_text` characters, and imports heavy libraries inside.
    """

    name: str
    """Unique; lower-case letters, digits and hyphens."""
    version: int
    """Increase it when the same file gives other text than before: then everything is extracted again."""
    extract: Callable[[BinaryIO, Limits], Extracted]
    extensions: frozenset[str] = field(default_factory=frozenset)
    """Lower-case, without the dot; asked when no content was recognised."""
    enough_bytes: int | None = None
    """So many bytes of the beginning suffice, so no more are fetched from afar; None if it needs the whole file."""
    detect: Callable[[bytes, str], bool] = never
    """Whether these first 4 KiB of the file with this name are of the format. Pure, quick, and called in the worker."""


class TextGatherer:
    """Gathers pieces of text up to a number of characters, and tells when no more is needed."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._pieces: list[str] = []

    @property
    def is_full(self) -> bool:
        """Whether no more text is needed."""
        return self._left <= 0

    def add(self, piece: str) -> bool:
        """Take a piece, as far as there is room; gives whether more is needed."""
        if self._left > 0 and piece:
            self._pieces.append(piece[: self._left])
            self._left -= len(piece)
        return self._left > 0

    def text(self) -> str:
        """Give all of it."""
        return "".join(self._pieces)

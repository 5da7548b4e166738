"""Plain text and source code of any kind, in any encoding."""

from __future__ import annotations

from typing import BinaryIO

from actors.extracting.decoding import decoded
from actors.extracting.detection import looks_like_text
from actors.extracting.extractor import Extractor, Limits, TextGatherer
from actors.extracting.outcomes import Extracted
from store.search.engine import MOST_TEXT

ENOUGH_BYTES = 4 * MOST_TEXT + 4
"""No character has more than four bytes; and a byte order mark."""


def read_text(file: BinaryIO, limits: Limits) -> str:
    """Give the text of a file, as far as it is wanted."""
    gathered = TextGatherer(limits.most_text)
    for piece in decoded(file):
        if not gathered.add(piece):
            break
    return gathered.text()


def _extract(file: BinaryIO, limits: Limits) -> Extracted:
    return Extracted(read_text(file, limits))


PLAIN = Extractor(
    name="text",
    version=1,
    extract=_extract,
    enough_bytes=ENOUGH_BYTES,
    detect=lambda head, name: looks_like_text(head),  # noqa: ARG005 -- the signature of all detections
)

"""JSON and its relatives: the text as it stands, but with what is escaped in it as people read it.

Nothing is parsed, so a broken file gives its text too, and a nested one costs nothing. Tables (CSV, TSV) and YAML need
no such care; they are plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from actors.extracting.decoding import decoded, joined
from actors.extracting.detection import looks_like_text
from actors.extracting.extractor import HEAD_BYTES, Extractor, Limits, TextGatherer
from actors.extracting.formats.text import ENOUGH_BYTES
from actors.extracting.outcomes import Extracted

_ESCAPED = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_LONGEST_ESCAPE = 6
_BLANKS = {"b": " ", "f": " ", "n": "\n", "r": " ", "t": " "}


def unescaped(pieces: Iterable[str]) -> Iterator[str]:
    """Give the text with the escapes of JSON resolved, halves of characters as such.

    An escape may be spread over two pieces.
    """
    kept = ""
    for piece in pieces:
        kept += piece
        cut = _safe_cut(kept)
        yield _ESCAPED.sub(_character, kept[:cut])
        kept = kept[cut:]
    yield _ESCAPED.sub(_character, kept)


def _safe_cut(text: str) -> int:
    """Give where what may be the beginning of an escape is held back."""
    place = max(0, len(text) - _LONGEST_ESCAPE + 1)
    while (place := text.find("\\", place)) >= 0:
        end = len(text) - len(text[place:].lstrip("\\"))
        # Backslashes escape each other in pairs; only the last of an odd row begins something else.
        row = end - len(text[:end].rstrip("\\"))
        if row % 2:
            return end - 1
        place = end
    return len(text)


def _character(found: re.Match[str]) -> str:
    number, single = found.groups()
    return chr(int(number, 16)) if number is not None else _BLANKS.get(single, single)


def _extract(file: BinaryIO, limits: Limits) -> Extracted:
    # The name said that it is JSON; what it holds may be anything, and is no error then.
    if not looks_like_text(file.read(HEAD_BYTES)):
        return Extracted("")
    file.seek(0)
    gathered = TextGatherer(limits.most_text)
    for piece in unescaped(decoded(file)):
        if not gathered.add(piece):
            break
    return Extracted(joined(gathered.text()))


JSON = Extractor(
    name="json",
    version=1,
    extract=_extract,
    extensions=frozenset({"json", "jsonl", "ndjson", "geojson", "ipynb", "har", "webmanifest"}),
    enough_bytes=2 * ENOUGH_BYTES,
)

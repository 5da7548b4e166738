"""What a file says of itself, in a closed set of words, and the cleaning of all that files say."""

from __future__ import annotations

import re
from enum import StrEnum

from actors.extracting.extractor import TextGatherer
from actors.extracting.outcomes import Extracted

MOST_VALUE = 300
"""Characters of one value; a title is found by its first words."""
MOST_VALUES = 64
"""A file that says more of itself than this says nothing that a search wants."""

# What no index wants, and what a database refuses: control characters, halves of surrogate pairs, no characters.
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LINE_ENDS = re.compile("\r\n?|\u2028|\u2029")
_BLANKS = re.compile(r"\s+")


class Word(StrEnum):
    """The names under which a file says something of itself; there are no others."""

    TITLE = "title"
    AUTHOR = "author"
    SUBJECT = "subject"
    KEYWORDS = "keywords"
    DESCRIPTION = "description"
    CREATED = "created"
    MODIFIED = "modified"
    LANGUAGE = "language"
    PUBLISHER = "publisher"
    IDENTIFIER = "identifier"
    """ISBN and the like."""
    COPYRIGHT = "copyright"
    COMMENT = "comment"
    SHEET = "sheet"
    """The name of one."""
    FROM = "from"
    TO = "to"
    DATE = "date"
    """When a message was sent, or a book or a piece of music came out."""
    ATTACHMENT = "attachment"
    """The name of one."""
    CAMERA = "camera"
    LENS = "lens"
    TAKEN = "taken"
    """When a picture was taken, by the clock of its camera."""
    DIMENSIONS = "dimensions"
    """Width x height in pixels."""
    PLACE = "place"
    """Latitude and longitude in degrees, or a name."""
    ARTIST = "artist"
    ALBUM = "album"
    COMPOSER = "composer"
    GENRE = "genre"
    DURATION = "duration"
    """Hours, minutes and seconds."""


class Telling:
    """Gathers what one file says of itself; values are cleaned, cut, and kept once."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], None] = {}

    def add(self, word: Word, value: object) -> None:
        """Take a value; None and what is blank is left out."""
        if value is None or len(self._values) >= MOST_VALUES:
            return
        # Cut first, so that a value of a hundred megabytes costs nothing; blanks may have been before the text.
        text = _BLANKS.sub(" ", cleaned(str(value)[: 4 * MOST_VALUE])).strip()[:MOST_VALUE]
        if text:
            self._values[word.value, text] = None

    def values(self) -> tuple[tuple[str, str], ...]:
        """Give them in the order they came in."""
        return tuple(self._values)


def cleaned(text: str) -> str:
    """Return a text with blanks for what can be neither searched nor stored, and with one kind of line end.

    Marks where a word may be parted, and where a file begins, are left out: they hide words from a search.
    """
    joined = text.replace("\u00ad", "").replace("\ufeff", "")
    return _UNWANTED.sub(" ", _LINE_ENDS.sub("\n", joined))


def extracted(text: TextGatherer | None, telling: Telling) -> Extracted:
    """Return what a reader gathered, cleaned."""
    return Extracted(cleaned(text.text()).strip() if text else "", telling.values())

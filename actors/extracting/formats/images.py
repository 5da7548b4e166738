"""Reads what pictures say of themselves: EXIF, IPTC, XMP and the texts of PNG; and their size in pixels."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO

from actors.extracting.extractor import Extractor, Limits
from actors.extracting.formats.picture_frames import frames
from actors.extracting.formats.properties import PICTURE, add_properties
from actors.extracting.formats.reading import broken, faults, read_at
from actors.extracting.formats.telling import Telling, Word, extracted
from actors.extracting.outcomes import Extracted, Unextractable

_OF_WINDOWS = "Image XP"
_TAGS = {
    "Image ImageDescription": Word.DESCRIPTION,
    "Image XPTitle": Word.TITLE,
    "Image XPSubject": Word.SUBJECT,
    "Image XPKeywords": Word.KEYWORDS,
    "Image XPComment": Word.COMMENT,
    "Image XPAuthor": Word.AUTHOR,
    "Image Artist": Word.AUTHOR,
    "Image Copyright": Word.COPYRIGHT,
    "EXIF LensModel": Word.LENS,
}
_RECORDS = {
    5: Word.TITLE,
    25: Word.KEYWORDS,
    80: Word.AUTHOR,
    90: Word.PLACE,
    101: Word.PLACE,
    105: Word.TITLE,
    116: Word.COPYRIGHT,
    120: Word.DESCRIPTION,
}
"""The data sets of the second record of IPTC."""
_NOTES = {
    "title": Word.TITLE,
    "author": Word.AUTHOR,
    "description": Word.DESCRIPTION,
    "comment": Word.COMMENT,
    "copyright": Word.COPYRIGHT,
    "creation time": Word.CREATED,
}
_TIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)")
_HEADS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_HEIF = (b"heic", b"heix", b"mif1", b"msf1", b"avif")


def read_image(file: BinaryIO, limits: Limits) -> Extracted:  # noqa: ARG001 -- the signature of all extractors
    """Read what a picture says of itself; it has no text.

    Pictures that are cut off, or say something in a broken way, tell the rest.
    """
    if not _is_image(read_at(file, 0, 32), ""):
        raise broken("it is no picture")
    telling = Telling()
    _add_exif(file, telling)
    for frame in frames(file):
        if frame.kind == "size":
            telling.add(Word.DIMENSIONS, "{} x {}".format(*frame.size))
        elif frame.kind == "xmp":
            add_properties([frame.content], telling, PICTURE)
        elif frame.kind == "iptc":
            _add_iptc(frame.content, telling)
        elif frame.kind in _NOTES:
            telling.add(_NOTES[frame.kind], frame.content.decode("utf-8", "replace"))
    return extracted(None, telling)


def _add_exif(file: BinaryIO, telling: Telling) -> None:
    from exifread import process_file
    from exifread.utils import get_gps_coords

    # It warns of each picture without EXIF, which is most of them.
    logging.getLogger("exifread").setLevel(logging.CRITICAL)
    tags: dict[str, Any] = {}
    place = None
    # A picture with broken EXIF has more to tell.
    with suppress(Unextractable), faults("its EXIF does not read"):
        tags = process_file(file, details=False, extract_thumbnail=False)
        place = get_gps_coords(tags)
    for name, word in _TAGS.items():
        telling.add(word, _said(name, tags))
    maker, model = (_said(name, tags).strip() for name in ("Image Make", "Image Model"))
    telling.add(Word.CAMERA, model if model.lower().startswith(maker.lower()) else f"{maker} {model}")
    taken = _said("EXIF DateTimeOriginal", tags) or _said("Image DateTime", tags)
    telling.add(Word.TAKEN, _TIME.sub(r"\1-\2-\3 \4", taken))
    if place:
        telling.add(Word.PLACE, "{:.5f}, {:.5f}".format(*place))


def _said(name: str, tags: Mapping[str, Any]) -> str:
    """Return the text of a tag; empty if it is not there or has none.

    The library reads those of letters only; of the others it gives the bytes, as numbers.
    """
    values = getattr(tags.get(name), "values", None)
    if isinstance(values, str):
        return values
    try:
        content = values if isinstance(values, bytes) else bytes(values if isinstance(values, list) else ())
    except (TypeError, ValueError):
        return ""
    if name.startswith(_OF_WINDOWS):
        return content.decode("utf-16-le", "replace")
    return content.decode("utf-8", "replace") if isinstance(values, bytes) else ""


def _add_iptc(content: bytes, telling: Telling) -> None:
    place = 0
    is_utf8 = False
    while content[place : place + 1] == b"\x1c":
        record, number = content[place + 1 : place + 2], content[place + 2 : place + 3]
        size = int.from_bytes(content[place + 3 : place + 5], "big")
        value = content[place + 5 : place + 5 + size]
        if record == b"\x01" and number == b"\x5a":
            is_utf8 = value == b"\x1b%G"
        elif record == b"\x02" and number and number[0] in _RECORDS:
            telling.add(_RECORDS[number[0]], value.decode("utf-8" if is_utf8 else "latin-1", "replace"))
        place += 5 + size


def _is_image(head: bytes, name: str) -> bool:  # noqa: ARG001 -- the signature of all detections
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return head.startswith(_HEADS) or is_webp or (head[4:8] == b"ftyp" and head[8:12] in _HEIF)


IMAGE = Extractor(
    name="image",
    version=1,
    extract=read_image,
    extensions=frozenset({"jpg", "jpeg", "jpe", "png", "gif", "webp", "tif", "tiff", "heic", "heif", "avif", "dng"}),
    detect=_is_image,
)

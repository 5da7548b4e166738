"""Finds the size of a picture, and the parts of it that say what it shows, by the frames of its format."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from actors.extracting.formats.reading import read_at

MOST_FRAMES = 1000
MOST_NOTE = 1024 * 1024
"""Bytes of one part that says something."""

_NO_SIZES = frozenset({0xC4, 0xC8, 0xCC})  # among the markers that tell sizes, those that do not
_XMP_OF_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_IPTC_OF_JPEG = b"Photoshop 3.0\0"
_XMP_OF_PNG = b"XML:com.adobe.xmp"


class Frame(NamedTuple):
    """A part of a picture that is of use: its size as (width, height), or what it says."""

    kind: str
    """size, xmp, iptc, or the keyword of a text of PNG in lower case."""
    size: tuple[int, int] = (0, 0)
    content: bytes = b""


def frames(file: BinaryIO) -> Iterator[Frame]:
    """Give the useful frames of a JPEG, PNG, GIF or WebP file; none of any other; what is cut off ends it."""
    head = read_at(file, 0, 32)
    try:
        if head.startswith(b"\xff\xd8"):
            yield from _of_jpeg(file)
        elif head.startswith(b"\x89PNG\r\n\x1a\n"):
            yield from _of_png(file)
        elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            yield from _of_webp(file)
        elif head[:4] == b"GIF8":
            yield Frame("size", struct.unpack_from("<HH", head, 6))
    except struct.error:
        # It ends within a frame.
        return


def _of_jpeg(file: BinaryIO) -> Iterator[Frame]:
    place = 2
    for _ in range(MOST_FRAMES):
        mark, marker, length = struct.unpack(">BBH", read_at(file, place, 4))
        if mark != 0xFF or marker == 0xDA:
            return
        if marker == 0xFF:
            # A byte that fills up the room before a frame.
            place += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZES:
            _, height, width = struct.unpack(">BHH", read_at(file, place + 4, 5))
            yield Frame("size", (width, height))
        elif marker in (0xE1, 0xED):
            content = read_at(file, place + 4, max(0, length - 2))
            if content.startswith(_XMP_OF_JPEG):
                yield Frame("xmp", content=content[len(_XMP_OF_JPEG) :])
            elif content.startswith(_IPTC_OF_JPEG):
                yield Frame("iptc", content=_resource(content[len(_IPTC_OF_JPEG) :]))
        place += 2 + max(2, length)


def _resource(content: bytes) -> bytes:
    """Return the IPTC record among the resources of Photoshop; empty if there is none, or they are cut off before."""
    place = 0
    while content[place : place + 4] == b"8BIM":
        number = content[place + 4 : place + 6]
        name = int.from_bytes(content[place + 6 : place + 7], "big")
        # A name with its length, and what follows, begin at even places.
        start = place + 7 + name + (name + 1) % 2
        size = int.from_bytes(content[start : start + 4], "big")
        if number == b"\x04\x04":
            return content[start + 4 : start + 4 + size]
        place = start + 4 + size + size % 2
    return b""


def _of_png(file: BinaryIO) -> Iterator[Frame]:
    place = 8
    for _ in range(MOST_FRAMES):
        length, kind = struct.unpack(">I4s", read_at(file, place, 8))
        if kind == b"IHDR":
            yield Frame("size", struct.unpack(">II", read_at(file, place + 8, 8)))
        elif kind in (b"tEXt", b"iTXt") and length <= MOST_NOTE:
            yield from _note(kind, read_at(file, place + 8, length))
        elif kind == b"IEND":
            return
        place += 12 + length


def _note(kind: bytes, content: bytes) -> Iterator[Frame]:
    """Give a text of PNG, unless it is packed: few are, and what they unpack to has no bound."""
    keyword, _, rest = content.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\0":
            return
        *_, rest = rest[2:].split(b"\0", 2)
    else:
        rest = rest.decode("latin-1").encode()
    is_xmp = keyword == _XMP_OF_PNG
    yield Frame("xmp" if is_xmp else keyword.decode("latin-1").lower(), content=rest)


def _of_webp(file: BinaryIO) -> Iterator[Frame]:
    place = 12
    for _ in range(MOST_FRAMES):
        kind, length = struct.unpack("<4sI", read_at(file, place, 8))
        content = read_at(file, place + 8, 10) if kind in (b"VP8 ", b"VP8L", b"VP8X") else b""
        if kind == b"VP8X":
            width, height = content[4:7], content[7:10]
            yield Frame("size", (int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1))
        elif kind == b"VP8L":
            (packed,) = struct.unpack_from("<I", content, 1)
            yield Frame("size", ((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1))
        elif kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", content, 6)
            yield Frame("size", (width & 0x3FFF, height & 0x3FFF))
        elif kind == b"XMP " and length <= MOST_NOTE:
            yield Frame("xmp", content=read_at(file, place + 8, length))
        place += 8 + length + length % 2

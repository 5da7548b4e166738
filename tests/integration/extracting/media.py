"""Makes small real pictures and pieces of music by hand, for the extractors to read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

_BYTE, _ASCII, _LONG, _RATIONAL = 1, 2, 4, 5
_SIZES = {_BYTE: 1, _ASCII: 1, _LONG: 4, _RATIONAL: 8}
_MAKE, _MODEL, _DESCRIPTION, _EXIF, _GPS, _TAKEN = 0x10F, 0x110, 0x10E, 0x8769, 0x8825, 0x9003
_KEYWORDS = 0x9C9E


def exif(maker: str, model: str, taken: str, description: str, *, keywords: str = "") -> bytes:
    """What cameras write into pictures, with a place on the southern half of the earth, west of London."""
    texts = [(_DESCRIPTION, description), (_MAKE, maker), (_MODEL, model)]
    head = b"II*\0" + struct.pack("<I", 8)
    rows = [(tag, _ASCII, text.encode() + b"\0") for tag, text in texts]
    if keywords:
        rows.append((_KEYWORDS, _BYTE, keywords.encode("utf-16-le") + b"\0\0"))
    shot = [(_TAKEN, _ASCII, taken.encode() + b"\0")]
    degrees = struct.pack("<6I", 33, 1, 30, 1, 0, 1)
    place = [(1, _ASCII, b"S\0"), (2, _RATIONAL, degrees), (3, _ASCII, b"W\0"), (4, _RATIONAL, degrees)]
    # The first directory names the places of the other two, so it is measured with places of no meaning first.
    size = len(_directory([*rows, (_EXIF, _LONG, bytes(4)), (_GPS, _LONG, bytes(4))], 8))
    shot_at = 8 + size
    inner = _directory(shot, shot_at)
    place_at = shot_at + len(inner)
    links = [(_EXIF, _LONG, struct.pack("<I", shot_at)), (_GPS, _LONG, struct.pack("<I", place_at))]
    return head + _directory([*rows, *links], 8) + inner + _directory(place, place_at)


def _directory(rows: list[tuple[int, int, bytes]], at: int) -> bytes:
    fixed, values = struct.pack("<H", len(rows)), b""
    values_at = at + 2 + 12 * len(rows) + 4
    for tag, kind, content in rows:
        fixed += struct.pack("<HHI", tag, kind, len(content) // _SIZES[kind])
        if len(content) <= 4:
            fixed += content.ljust(4, b"\0")
        else:
            fixed += struct.pack("<I", values_at + len(values))
            values += content
    return fixed + bytes(4) + values


def iptc(*values: tuple[int, str]) -> bytes:
    """What newsrooms write into pictures, by the numbers of its second record."""
    rows = b"\x1c\x01\x5a\0\x03\x1b%G"
    for number, text in values:
        rows += struct.pack(">BBBH", 0x1C, 2, number, len(text.encode())) + text.encode()
    return b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(rows)) + rows


def xmp(title: str, *keywords: str) -> bytes:
    """What programs write into pictures."""
    items = "".join(f"<rdf:li>{keyword}</rdf:li>" for keyword in keywords)
    return (
        '<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:rdf="urn:rdf" xmlns:dc="urn:dc"><rdf:RDF>'
        f"<rdf:Description><dc:title><rdf:Alt><rdf:li>{title}</rdf:li></rdf:Alt></dc:title>"
        f"<dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def jpeg(*segments: tuple[int, bytes], width: int = 640, height: int = 480) -> bytes:
    """A picture without pixels; each segment by its marker."""
    size = struct.pack(">BHHB", 8, height, width, 0)
    content = b"\xff\xd8"
    for marker, segment in [*segments, (0xC0, size), (0xDA, b"")]:
        content += struct.pack(">BBH", 0xFF, marker, len(segment) + 2) + segment
    return content + b"\xff\xd9"


def png(*chunks: tuple[bytes, bytes], width: int = 3, height: int = 2) -> bytes:
    """A picture without pixels, with these chunks."""
    content = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    for kind, chunk in [(b"IHDR", header), *chunks, (b"IEND", b"")]:
        content += struct.pack(">I", len(chunk)) + kind + chunk + struct.pack(">I", zlib.crc32(kind + chunk))
    return content


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    """A picture of these chunks."""
    content = b"WEBP"
    for kind, chunk in chunks:
        content += kind + struct.pack("<I", len(chunk)) + chunk + bytes(len(chunk) % 2)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def mp3(frames: Mapping[str, str], lyrics: str = "") -> bytes:
    """A piece of music without sound, with these frames of ID3."""
    rows = b""
    for name, text in frames.items():
        content = b"\x01" + text.encode("utf-16")
        rows += name.encode() + struct.pack(">IH", len(content), 0) + content
    if lyrics:
        content = b"\x01eng" + "".encode("utf-16") + b"\0\0" + lyrics.encode("utf-16")
        rows += b"USLT" + struct.pack(">IH", len(content), 0) + content
    size = bytes(len(rows) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + rows + (b"\xff\xfb\x90\0" + bytes(413)) * 80


def wav(seconds: int, **info: str) -> bytes:
    """A piece of silence; what it says of itself by the names of RIFF: INAM, IART …"""
    rows = b"INFO"
    for name, text in info.items():
        content = text.encode() + b"\0"
        rows += name.encode() + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
    sound = bytes(8000 * seconds)
    content = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    content += b"LIST" + struct.pack("<I", len(rows)) + rows + b"data" + struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", len(content)) + content

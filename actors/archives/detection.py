"""Finds out the format of an archive: from its content first, and from its name where the content leaves it open."""

from __future__ import annotations

from contextlib import closing
from typing import BinaryIO, cast

from actors.archives.decompression import INNER, ZSTD_MAGICS, Decompressed
from actors.archives.files import HEAD_BYTES
from actors.archives.reading import ArchiveError, ArchiveFile, Damaged, Unsupported
from actors.archives.streams import Sequential
from actors.archives.tar.blocks import is_header
from actors.archives.tar.headers import BLOCK_BYTES, END_BYTES
from actors.archives.xz_streams import XZ_MAGIC
from rota.archives import Format, parse_name

# After BZh and a digit comes a block, or the end of an empty file.
_BZIP2 = tuple(
    b"BZh%d%s" % (level, then) for level in range(1, 10) for then in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
)
_MAGICS: tuple[tuple[tuple[bytes, ...], Format], ...] = (
    ((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08PK\x03\x04", b"PK00PK\x03\x04"), Format.ZIP),
    ((b"7z\xbc\xaf\x27\x1c",), Format.SEVEN_ZIP),
    ((b"\x1f\x8b\x08",), Format.GZ),
    (ZSTD_MAGICS, Format.ZST),
    ((XZ_MAGIC,), Format.XZ),
    (_BZIP2, Format.BZ2),
)
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22
_MOST_COMMENT_BYTES = 65_535
_LOOKED_AT_BYTES = 4096
_ISO_AT = 32_769

_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"MSCF", "a cabinet (CAB)"),
    (0, b"!<arch>\n", "an ar archive, as packages of Debian are"),
    (0, b"070701", "a cpio archive"),
    (0, b"070702", "a cpio archive"),
    (0, b"070707", "a cpio archive"),
    (0, b"\xc7\x71", "a cpio archive"),
    (0, b"\xed\xab\xee\xdb", "an RPM package"),
    (0, b"\x04\x22\x4d\x18", "compressed with LZ4"),
    (0, b"LZIP", "compressed with lzip"),
    (0, b"\x5d\x00\x00", "compressed with LZMA, as before xz"),
    (0, b"\x89LZO", "compressed with lzop"),
    (0, b"\xff\x06\x00\x00sNaPpY", "compressed with Snappy"),
    (0, b"\x1f\x9d", "compressed with compress (.Z)"),
    (0, b"\x1f\xa0", "compressed with compress (.Z)"),
    (0, b"xar!", "a xar archive"),
    (0, b"MSWIM", "a Windows image (WIM)"),
    (0, b"hsqs", "a SquashFS image"),
    (0, b"\x60\xea", "an ARJ archive"),
    (2, b"-lh", "an LHA archive"),
    (7, b"**ACE**", "an ACE archive"),
    (20, b"\xdc\xa7\xc4\xfd", "a zoo archive"),
    (_ISO_AT, b"CD001", "an image of a disc (ISO 9660)"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"Salted__", "encrypted with OpenSSL"),
    (0, b"age-encryption.org", "encrypted with age"),
    (0, b"-----BEGIN PGP", "encrypted or signed with PGP"),
    (0, b"<!DOCTYPE", "a page of HTML"),
    (0, b"<!doctype", "a page of HTML"),
    (0, b"<html", "a page of HTML"),
)


def detect(file: ArchiveFile) -> Format:
    """Tell the format of an archive.

    Raises Unsupported for what is none that can be read, with what it looks like, and Damaged for an empty file.
    """
    if not file.size:
        raise Damaged(f"{file.name!r} is empty")
    head = file.read_at(0, _LOOKED_AT_BYTES)
    found = format_of(head)
    if found is None and _is_end_of_tar(head, file):
        return Format.TAR
    if found is None and _has_end_of_zip(file):
        return Format.ZIP
    if found is None:
        raise Unsupported(_told(file))
    outer = next((tar for tar, inner in INNER.items() if inner is found), None)
    return found if outer is None or not _holds_tar(file, found, outer) else outer


def format_of(head: bytes) -> Format | None:
    """Tell the format of a file that begins like this; of a compressed one the way it is compressed. Pure."""
    found = next((format_ for magics, format_ in _MAGICS if head.startswith(magics)), None)
    return Format.TAR if found is None and is_header(head) else found


def _holds_tar(file: ArchiveFile, inner: Format, outer: Format) -> bool:
    """Say whether what is compressed is a tar archive; what cannot be decompressed is what its name says."""
    named = parse_name(file.name).format is outer
    start = b""
    try:
        # The start is enough, and all that can be had of some files without a copy of them.
        with closing(Decompressed(_Beginning(file), inner, is_ahead=False)) as pieces:
            for piece in pieces:
                start += piece
                if len(start) >= END_BYTES:
                    break
    except ArchiveError:
        if len(start) < BLOCK_BYTES:
            return named
    return is_header(start) or (named and not any(start))


class _Beginning:
    """The beginning of a file."""

    def __init__(self, file: ArchiveFile) -> None:
        self.name = file.name
        self.size = min(file.size, HEAD_BYTES)
        self._file = file

    def read_at(self, offset: int, size: int) -> bytes:
        return self._file.read_at(offset, min(size, self.size - offset))

    def stream(self) -> BinaryIO:
        return cast("BinaryIO", Sequential(self.read_at, self.size))


def _is_end_of_tar(head: bytes, file: ArchiveFile) -> bool:
    """Say whether it is a tar archive without members, which is nothing but zeros: its name has to say so."""
    return parse_name(file.name).format is Format.TAR and len(head) >= END_BYTES and not any(head)


def _has_end_of_zip(file: ArchiveFile) -> bool:
    """Say whether it ends as a zip archive does, whatever stands before it: a program that unpacks itself, say."""
    size = min(file.size, _ZIP_END_BYTES + _MOST_COMMENT_BYTES)
    tail = file.read_at(file.size - size, size)
    at = tail.rfind(_ZIP_END)
    while at >= 0:
        if at + _ZIP_END_BYTES + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail):
            return True
        at = tail.rfind(_ZIP_END, 0, at)
    return False


def _told(file: ArchiveFile) -> str:
    head = file.read_at(0, _ISO_AT + 5)
    looks = next((what for at, magic, what in _OTHERS if head[at : at + len(magic)] == magic), None)
    said = f"{file.name!r} is {looks}" if looks else f"{file.name!r} is no archive by its content"
    if not looks and parse_name(file.name).part is not None:
        said += ", and if it is a part of one, its first part is missing"
    return f"{said}; what can be read: {', '.join(Format)}"

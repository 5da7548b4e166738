"""Which archives there are, by what names one knows them, and how what is made of one is called. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Format(StrEnum):
    """A kind of archive, or of a single file that is compressed."""

    ZIP = "zip"
    TAR = "tar"
    TAR_GZ = "tar.gz"
    TAR_ZST = "tar.zst"
    TAR_XZ = "tar.xz"
    TAR_BZ2 = "tar.bz2"
    SEVEN_ZIP = "7z"
    GZ = "gz"
    ZST = "zst"
    XZ = "xz"
    BZ2 = "bz2"


MADE = (Format.ZIP, Format.TAR, Format.TAR_GZ, Format.TAR_ZST, Format.TAR_XZ, Format.SEVEN_ZIP)
"""Those that `compress` makes; all of them can be read."""
ENCRYPTED = (Format.ZIP, Format.SEVEN_ZIP)
"""Those of them that can have a password."""
SINGLE = frozenset({Format.GZ, Format.ZST, Format.XZ, Format.BZ2})
"""Those that hold one file without a name."""

_SUFFIXES: dict[str, Format] = {
    # The longer ones first: the first that fits is taken.
    ".tar.gz": Format.TAR_GZ,
    ".tar.zst": Format.TAR_ZST,
    ".tar.xz": Format.TAR_XZ,
    ".tar.bz2": Format.TAR_BZ2,
    ".tgz": Format.TAR_GZ,
    ".tzst": Format.TAR_ZST,
    ".txz": Format.TAR_XZ,
    ".tbz2": Format.TAR_BZ2,
    ".tbz": Format.TAR_BZ2,
    ".tar": Format.TAR,
    ".zip": Format.ZIP,
    ".jar": Format.ZIP,
    ".7z": Format.SEVEN_ZIP,
    ".gz": Format.GZ,
    ".zst": Format.ZST,
    ".xz": Format.XZ,
    ".bz2": Format.BZ2,
}
_PART_DIGITS = 3


class ArchiveName(NamedTuple):
    """What the name of an archive tells."""

    stem: str
    """Without what names the format: what a folder made of it is called."""
    format: Format | None
    """None if the name does not tell."""
    part: int | None
    """Which part of a divided archive it is, from 1; None if it is whole."""


def parse_name(name: str) -> ArchiveName:
    """Tell what the name of a file says about the archive in it; upper and lower case are the same."""
    whole, part = _whole(name)
    lower = whole.lower()
    for suffix, format_ in _SUFFIXES.items():
        if lower.endswith(suffix) and len(lower) > len(suffix):
            return ArchiveName(whole[: -len(suffix)], format_, part)
    return ArchiveName(whole, None, part)


def part_name(name: str, number: int) -> str:
    """Give the name of a part of a divided archive: `photos.zip.001`; numbers begin with 1."""
    return f"{name}.{number:0{_PART_DIGITS}d}"


def _whole(name: str) -> tuple[str, int | None]:
    stem, dot, digits = name.rpartition(".")
    if dot and stem and len(digits) >= _PART_DIGITS and digits.isascii() and digits.isdigit() and int(digits) > 0:
        return stem, int(digits)
    return name, None

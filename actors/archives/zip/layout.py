"""How the structures of a zip file are laid out (APPNOTE 6.3.10, with the extra fields of WinZip AES and Info-ZIP).

Each `Struct` with a signature has it as its first field. Lengths of what follows a structure, the name, the extra
fields and the comment, are in its fields. What Rota itself writes is told at the flags and extra fields.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from struct import Struct

LOCAL_SIGNATURE = 0x04034B50
CENTRAL_SIGNATURE = 0x02014B50
DESCRIPTOR_SIGNATURE = 0x08074B50
END_SIGNATURE = 0x06054B50
END64_SIGNATURE = 0x06064B50
LOCATOR64_SIGNATURE = 0x07064B50

LOCAL = Struct("<IHHHHHIIIHH")
"""signature, version needed, flags, method, DOS time, DOS date, crc, packed, size, name length, extra length"""
CENTRAL = Struct("<IHHHHHHIIIHHHHHII")
"""signature, made by, version needed, flags, method, DOS time, DOS date, crc, packed, size,
name length, extra length, comment length, disk, internal attributes, external attributes, offset of the local header"""
CENTRAL_LENGTHS = Struct("<HHH")
"""name length, extra length, comment length, at `CENTRAL_LENGTHS_AT` of a central record"""
CENTRAL_LENGTHS_AT = 28
CENTRAL_OFFSET_AT = 42
DESCRIPTOR = Struct("<IIII")
"""signature, crc, packed, size"""
DESCRIPTOR64 = Struct("<IIQQ")
"""The same for an entry whose local header has a zip64 field."""
END = Struct("<IHHHHIIH")
"""signature, disk, directory's disk, records on this disk, records, directory's size, its offset, comment length"""
END64 = Struct("<IQHHIIQQQQ")
"""signature, bytes that follow, made by, version needed, disk, directory's disk, records on this disk, records,
directory's size, its offset"""
END64_FOLLOWING = END64.size - 12
LOCATOR64 = Struct("<IIQI")
"""signature, disk of the zip64 end, its offset, number of disks"""

EXTRA = Struct("<HH")
"""The head of each extra field: its id, and how many bytes follow."""
TIMESTAMP = Struct("<Bi")
"""Extra 0x5455: which times follow (bit 0: modified), and that one, in seconds since 1970."""
NTFS = Struct("<IHHQQQ")
"""Extra 0x000a: 0, the tag 1, its length 24, then modified, accessed and created, in 100 ns since 1601."""
NTFS_TAG = 1
NTFS_TAG_BYTES = 24
AES = Struct("<H2sBH")
"""Extra 0x9901: version (2: no crc is kept), `AE`, strength (3: 256 bits), the method behind the encryption."""

LIMIT16 = 0xFFFF
LIMIT32 = 0xFFFFFFFF
"""What a field says when its value stands in a zip64 structure."""


class Flag(IntFlag):
    """Bits of the general purpose flags."""

    ENCRYPTED = 1 << 0
    DESCRIPTOR = 1 << 3  # crc and sizes follow the content; Rota writes it for larger contents
    STRONG = 1 << 6  # a kind of encryption that needs a licence
    UTF8 = 1 << 11  # Rota sets it for names that are UTF-8 and not ASCII
    MASKED = 1 << 13  # the directory itself is encrypted


class Method(IntEnum):
    """How a content is packed."""

    STORED = 0
    DEFLATE = 8
    DEFLATE64 = 9
    BZIP2 = 12
    LZMA = 14
    ZSTD = 93
    XZ = 95
    AES = 99  # the method is in the extra field 0x9901


class Extra(IntEnum):
    """Ids of the extra fields that matter here."""

    ZIP64 = 0x0001  # in this order, each only if its own field says the limit: size, packed, offset, disk
    NTFS = 0x000A  # Rota writes it in the directory only, and only where whole seconds of 32 bits do not tell the time
    TIMESTAMP = 0x5455  # Rota writes it in both places, unless the time does not fit
    UNICODE_PATH = 0x7075
    AES = 0x9901


class Version(IntEnum):
    """What a reader has to know; the lower byte of both version fields."""

    BASIC = 20  # folders and deflate
    ZIP64 = 45
    AES = 51


MADE_BY_UNIX = 3 << 8
"""In `made by`: the external attributes hold the Unix mode in their upper half."""
FOLDER_ATTRIBUTE = 0x10
"""In the lower half of the external attributes: a folder, as DOS says it."""

AES_VERSION = 2
AES_VENDOR = b"AE"
AES_STRENGTH = 3
AES_SALT_BYTES = 16
AES_CHECK_BYTES = 2
"""They follow the salt and tell early that a password is wrong; one of 65,536 wrong ones passes."""
AES_TAG_BYTES = 10
"""They follow the content."""

"""Finds the packer and the reader of a format; each is imported by the process that uses it."""

from __future__ import annotations

from actors.archives.packing import Contents, Packer, Packing
from actors.archives.reading import Archive, ArchiveFile, Unsupported
from rota.archives import ENCRYPTED, MADE, SINGLE, Format
from rota.errors import PermanentError


def packer_of(format_: Format, contents: Contents, packing: Packing) -> Packer:
    """Give what makes archives of a format; raises PermanentError for one that is only read, or has no passwords."""
    if packing.password is not None and format_ not in ENCRYPTED:
        raise PermanentError(f"format: {format_} knows no password; take {' or '.join(ENCRYPTED)}")
    match format_:
        case Format.ZIP:
            from actors.archives.zip.packer import ZipPacker

            return ZipPacker(contents, packing)
        case Format.TAR | Format.TAR_GZ | Format.TAR_ZST | Format.TAR_XZ:
            from actors.archives.tar.packer import TarPacker

            return TarPacker(format_, contents, packing)
        case Format.SEVEN_ZIP:
            from actors.archives.seven_zip.packer import SevenZipPacker

            return SevenZipPacker(contents, packing)
    raise PermanentError(f"format: {format_} is only read; allowed: {', '.join(MADE)}")


def open_archive(file: ArchiveFile, format_: Format, *, password: str | None = None) -> Archive:
    """Open an archive of a known format, see `detection`; the caller closes it, and the file after it."""
    match format_:
        case Format.ZIP:
            from actors.archives.zip.reader import ZipArchive

            return ZipArchive(file, password=password)
        case Format.SEVEN_ZIP:
            from actors.archives.seven_zip.reader import SevenZipArchive

            return SevenZipArchive(file, password=password)
        case _ if format_ in SINGLE:
            from actors.archives.single import SingleArchive

            return SingleArchive(file, format_)
        case Format.TAR | Format.TAR_GZ | Format.TAR_ZST | Format.TAR_XZ | Format.TAR_BZ2:
            from actors.archives.tar.reader import TarArchive

            return TarArchive(file, format_)
    raise Unsupported(f"{file.name!r}: archives of the format {format_} cannot be read")

"""Opens the zip files that documents are made of, with bounds on all that they may unpack to.

What the headers say of sizes is not believed: bytes are counted as they come out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from actors.extracting.extractor import Limits
from actors.extracting.formats.reading import CHUNK_BYTES, broken, faults
from actors.extracting.outcomes import Reason, Unextractable

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

MOST_DIRECTORY = 2 * 1024 * 1024
"""Bytes of the list of parts; some 20,000 of them. Python makes objects of all of it at once."""
MOST_SMALL = 4 * 1024 * 1024
"""Bytes of a part that is read whole: lists of parts, types, names."""
FREE_BYTES = 10 * 1024 * 1024
MOST_RATIO = 200
"""A part that unpacks to more than the free bytes may be this many times its packed size; XML stays below a tenth."""

_ZIP = b"PK\x03\x04"
_STORED, _DEFLATED = 0, 8
_IS_ENCRYPTED = 0x1


class _File:
    """A file that does not give a list of parts larger than is allowed, whatever the archive says its size is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(min(size, MOST_DIRECTORY + 1) if size >= 0 else MOST_DIRECTORY + 1)
        if len(content) > MOST_DIRECTORY:
            raise Unextractable(Reason.TOO_LARGE, "it is made of too many parts")
        return content

    def seekable(self) -> bool:
        return True


class Package:
    """A document made of parts in a zip file; use `open_package`."""

    def __init__(self, archive: ZipFile, limits: Limits) -> None:
        self._archive = archive
        self._left = limits.most_bytes
        self._parts: dict[str, ZipInfo] = {}
        for info in archive.infolist():
            # Names are the same in any case; of two parts of one name the first is the one others see, too.
            self._parts.setdefault(_key(info.filename), info)

    def names(self) -> list[str]:
        """Return the names of all parts, in lower case and without a leading slash."""
        return list(self._parts)

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._parts

    def stream(self, name: str) -> Iterator[bytes]:
        """Give the bytes of a part; nothing if it is not there.

        Raises Unextractable if it is encrypted, broken, or unpacks to more than the document may.
        """
        info = self._parts.get(_key(name))
        if info is None:
            return
        if info.flag_bits & _IS_ENCRYPTED:
            raise Unextractable(Reason.ENCRYPTED, f"{info.filename} needs a password")
        if info.compress_type not in (_STORED, _DEFLATED):
            raise Unextractable(Reason.UNSUPPORTED, f"{info.filename} is packed in a way that documents do not use")
        given = 0
        with faults(f"{info.filename} does not unpack"), self._archive.open(info) as part:
            while chunk := part.read(CHUNK_BYTES):
                given += len(chunk)
                self._left -= len(chunk)
                if self._left < 0 or given > max(FREE_BYTES, MOST_RATIO * info.compress_size):
                    raise Unextractable(Reason.TOO_LARGE, f"{info.filename} unpacks to too much")
                yield chunk

    def small(self, name: str) -> bytes:
        """Return a part as a whole, which has to be small; empty if it is not there."""
        pieces, size = [], 0
        for chunk in self.stream(name):
            size += len(chunk)
            if size > MOST_SMALL:
                raise Unextractable(Reason.TOO_LARGE, f"{name} is larger than any of its kind")
            pieces.append(chunk)
        return b"".join(pieces)


@contextmanager
def open_package(file: BinaryIO, limits: Limits) -> Iterator[Package]:
    """Open a document that is a zip file.

    Raises Unextractable if it is none, or one of encrypted parts in an old Office container.
    """
    import zipfile

    file.seek(0)
    head = file.read(len(OLE))
    if head.startswith(OLE):
        raise _of_ole(file)
    if not head.startswith(_ZIP):
        raise broken("it is not a zip file")
    with faults("its list of parts is broken"):
        archive = zipfile.ZipFile(_File(file))
        package = Package(archive, limits)
    with archive:
        yield package


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How the containers of Office begin: of files before 2007, and of later ones that have a password."""
_ENCRYPTED_NAME = "EncryptedPackage".encode("utf-16-le")


def _of_ole(file: BinaryIO) -> Unextractable:
    """Return why such a container is not read."""
    tail = b""
    while chunk := file.read(16 * CHUNK_BYTES):
        if _ENCRYPTED_NAME in tail + chunk:
            return Unextractable(Reason.ENCRYPTED, "it needs a password")
        tail = chunk[-len(_ENCRYPTED_NAME) :]
    return Unextractable(Reason.UNSUPPORTED, "it is of a version of Office before 2007")


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()

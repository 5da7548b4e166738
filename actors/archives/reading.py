"""What reads an archive promises: members out, one after the other, and the content of those that are wanted.

An archive is somebody's data: sizes may lie, names may lead anywhere, content may be endless. Readers check what the
format itself can tell (checksums, declared sizes, ranges that overlap) and raise; names and links they hand on as they
are. What is done with them, and how much of it, is decided by who unpacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol, runtime_checkable

from rota.archives import Format
from rota.errors import PermanentError


class ArchiveError(PermanentError):
    """Raised when an archive cannot be read or must not be unpacked; says which member and why."""


class Damaged(ArchiveError):
    """Raised when an archive is not what its format demands: cut off, wrong checksum, ranges that overlap."""


class Unsupported(ArchiveError):
    """Raised for what the format allows and Rota cannot read."""


class PasswordNeeded(ArchiveError):
    """Raised when something is encrypted and no password was given."""


class WrongPassword(ArchiveError):
    """Raised when the password does not fit."""


class MemberKind(StrEnum):
    """What a member of an archive is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    HARD_LINK = "hard link"  # another name of a member before it
    SPECIAL = "special"  # a device, a pipe, a socket


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One entry of an archive, as the archive tells it. Nothing of it is to be trusted."""

    number: int
    """Its place in the archive, from 0."""
    name: bytes
    """As the archive has it, in its own encoding."""
    utf8: bool
    """Whether the archive says that names are UTF-8."""
    kind: MemberKind
    size: int | None
    """How many bytes it is said to have; None where the archive does not say."""
    packed: int | None = None
    """How many bytes of the archive hold it; None where that cannot be told for one alone."""
    modified_ns: int | None = None
    """Nanoseconds since 1970."""
    executable: bool = False
    link: bytes = b""
    """Where a link leads; of a hard link the name of the member."""
    encrypted: bool = False
    verbatim: bool = False
    """Whether the archive says that names are bytes of no encoding, so that they are to come back as they are."""
    backslashes: bool = False
    """Whether it was made where folders are separated by backslashes (FAT, NTFS): those in its name may mean that."""
    place: int = 0
    """Where it lies, for the reader that made it."""


class ArchiveFile(Protocol):
    """The bytes of an archive, all parts of a divided one as one; safe in several threads."""

    @property
    def name(self) -> str:
        """What the file is called, without a part's number; for detection and messages."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Read so many bytes from an offset on; fewer only at the end."""

    def stream(self) -> BinaryIO:
        """Give it as a file that is read from the start on, once, by one thread."""


class Archive(Protocol):
    """An archive that is being read. Raises Damaged, Unsupported, PasswordNeeded, WrongPassword."""

    @property
    def format(self) -> Format:
        """What it is."""

    @property
    def is_direct(self) -> bool:
        """Whether members can be opened in any order, again, and in several threads at once.

        If not, a member is opened before the next one is asked for, and what is not read of it is passed over.
        """

    @property
    def consumed(self) -> int:
        """How many bytes of the file were used so far, for progress and to judge how much comes out of them."""

    def members(self) -> Iterator[Member]:
        """Give the members in the order of the archive, once. What is not direct reads the file on the way."""

    def open(self, member: Member) -> Iterator[bytes]:
        """Give the content of a file in pieces of at most a few MiB; never more than it is said to have.

        Its checksum is checked at the end, before the iteration ends.
        """

    def close(self) -> None:
        """Let go of it; twice is fine."""


@runtime_checkable
class WholeReading(Protocol):
    """An archive that gives small contents in one call, which is quicker than as pieces. Safe in several threads."""

    def open_whole(self, member: Member) -> bytes | None:
        """Give the whole content of a file, checked as by `open`; None if it is not small and has to be opened."""


@runtime_checkable
class PassingOver(Protocol):
    """An archive that has to unpack what lies before a member to come to it, whether that is wanted or not."""

    @property
    def unpacked(self) -> int:
        """How many bytes came out of it so far, what was passed over among them."""


@runtime_checkable
class NamesAhead(Protocol):
    """An archive whose names are known before its members are given; see `names.Names`, which needs them early."""

    def old_names(self) -> Iterable[bytes]:
        """Give a sample of the names, or parts of them, that are neither ASCII nor UTF-8."""

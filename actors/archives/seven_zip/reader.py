"""Reads 7z archives with py7zr: its parser and its decoders; nothing of it writes, and no file is made.

The contents of many members are one packed stream, so reading on is cheap and going back begins the stream anew. What
py7zr does not know (members that only say that something is to be deleted) is refused, and so is what it cannot do
safely, see `limits`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from zlib import crc32

from actors.archives.reading import ArchiveFile, Damaged, Member, MemberKind, PasswordNeeded, WrongPassword
from actors.archives.seven_zip.attributes import kind_of, mode_of, modified_ns_of
from actors.archives.seven_zip.decoding import Unpacking
from actors.archives.seven_zip.header import Content, Stream, read_header
from actors.archives.seven_zip.names import decoded
from actors.archives.seven_zip.view import View, judged
from actors.archives.telling import shown
from rota.archives import Format
from rota.errors import PermanentError

PIECE_BYTES = 1024 * 1024
_MOST_LINK_BYTES = 4096
_EXECUTABLE = 0o111


class SevenZipArchive:
    """A 7z archive that is being read. Memory: a kilobyte for each member, and what its decoder looks back at."""

    format = Format.SEVEN_ZIP
    is_direct = False

    def __init__(self, file: ArchiveFile, *, password: str | None = None) -> None:
        """Read the list of members; raises PermanentError where py7zr is not installed."""
        if find_spec("py7zr") is None:
            raise PermanentError("7z needs the extra: pip install 'rota[7z]'")
        self._view = View(file)
        self._password = password
        self._header = read_header(self._view, password)
        self._reading: tuple[int, Unpacking] | None = None
        self._unpacked = 0
        self._proved: set[int] = set()
        """The streams of which a content came out as its checksum says: the password fits."""

    @property
    def consumed(self) -> int:
        """How many bytes of the file were used so far."""
        return min(self._view.consumed, self._view.size)

    @property
    def unpacked(self) -> int:
        """How many bytes came out of its streams so far, what was passed over among them."""
        return self._unpacked + (0 if self._reading is None else self._reading[1].place)

    def members(self) -> Iterator[Member]:
        """Give the members in the order of the archive; links with what they lead to, unless a password is missing."""
        contents = iter(enumerate(self._header.contents))
        empty_files = iter(self._header.is_empty_file)
        for number, file in enumerate(self._header.files):
            place, content = (-1, None) if file["emptystream"] else next(contents)
            is_folder = content is None and not next(empty_files, False)
            stream = self._header.streams[content.stream] if content is not None else None
            mode = mode_of(file.get("attributes"))
            kind = kind_of(file.get("attributes"), is_folder=is_folder)
            encrypted = stream is not None and stream.is_encrypted
            member = Member(
                number=number,
                name=decoded(file.get("filename", "")),
                utf8=True,
                verbatim=True,
                kind=kind,
                size=content.size if content is not None else 0,
                modified_ns=modified_ns_of(file.get("lastwritetime")),
                executable=kind is MemberKind.FILE and mode is not None and bool(mode & _EXECUTABLE),
                encrypted=encrypted,
                place=place,
            )
            yield member if kind is not MemberKind.LINK else self._with_target(member)

    def open(self, member: Member) -> Iterator[bytes]:
        """Give the content of a file in pieces; raises PasswordNeeded at once."""
        if member.encrypted and self._password is None:
            raise PasswordNeeded(f"{shown(member.name)} is encrypted, and no password is given")
        return self._pieces(member) if member.place >= 0 else iter(())

    def close(self) -> None:
        """Let go of it; twice is fine."""
        self._reading = None

    def _with_target(self, member: Member) -> Member:
        if member.place < 0 or (member.encrypted and self._password is None):
            return member
        target = b""
        for piece in self._pieces(member):
            target += piece
            if len(target) > _MOST_LINK_BYTES:
                break  # no system makes such a link; whoever unpacks leaves it out
        return replace(member, link=target[: _MOST_LINK_BYTES + 1])

    def _pieces(self, member: Member) -> Iterator[bytes]:
        content = self._header.contents[member.place]
        stream = self._header.streams[content.stream]
        try:
            yield from self._checked(content, stream, shown(member.name))
        except Damaged as error:
            if stream.is_encrypted and content.stream not in self._proved:
                raise WrongPassword(f"the password does not fit {shown(member.name)}, or it is damaged") from error
            raise

    def _checked(self, content: Content, stream: Stream, what: str) -> Iterator[bytes]:
        crc, left = 0, content.size
        with judged(self._view, what):
            unpacking = self._at(content, stream)
        while left:
            with judged(self._view, what):
                piece = unpacking.read(min(left, PIECE_BYTES))
            crc, left = crc32(piece, crc), left - len(piece)
            if not left and content.crc is not None:
                if crc != content.crc:
                    raise Damaged(f"{what} is damaged: its checksum is wrong")
                self._proved.add(content.stream)
            yield piece

    def _at(self, content: Content, stream: Stream) -> Unpacking:
        """Give the stream unpacked up to a content; what comes before it is passed over."""
        number, unpacking = self._reading or (-1, None)
        if unpacking is None or number != content.stream or unpacking.place > content.offset:
            unpacking = Unpacking(
                self._view, stream.packed, start=stream.start, size=stream.size, password=self._password
            )
            self._unpacked = self.unpacked
            self._reading = content.stream, unpacking
        while unpacking.place < content.offset:
            unpacking.read(min(content.offset - unpacking.place, PIECE_BYTES))
        return unpacking

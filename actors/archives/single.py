"""Reads a file that is only compressed: an archive with one member, which is called as the file is."""

from __future__ import annotations

from collections.abc import Iterator

from actors.archives.decompression import Decompressed
from actors.archives.reading import ArchiveFile, Member, MemberKind
from rota.archives import Format, parse_name

_TIME_OF_GZIP, _TIME_BYTES = 4, 4
_SECOND = 1_000_000_000


class SingleArchive:
    """A compressed file that is being read; see `Archive` for the promises."""

    is_direct = False

    def __init__(self, file: ArchiveFile, format_: Format) -> None:
        """Open a file in one of the formats for single files; nothing is read yet."""
        self.format = format_
        self._file = file
        self._content: Decompressed | None = None

    @property
    def consumed(self) -> int:
        """How many bytes of the file were used so far."""
        return 0 if self._content is None else self._content.consumed

    def members(self) -> Iterator[Member]:
        """Give the one member."""
        yield Member(
            number=0,
            name=parse_name(self._file.name).stem.encode(),
            utf8=True,
            kind=MemberKind.FILE,
            size=None,  # gzip has a number for it that is wrong for large files and for several members
            packed=self._file.size,
            modified_ns=self._modified_ns(),
        )

    def open(self, member: Member) -> Iterator[bytes]:
        """Give its content, once."""
        if self._content is not None:
            raise ValueError(f"member {member.number} is being read already")
        self._content = Decompressed(self._file, self.format)
        return self._content

    def close(self) -> None:
        """Let go of the file's stream; twice is fine."""
        if self._content is not None:
            self._content.close()

    def _modified_ns(self) -> int | None:
        """Give the time that gzip notes of the file it compressed, in seconds; 0 says that it is not known."""
        if self.format is not Format.GZ:
            return None
        field = self._file.read_at(_TIME_OF_GZIP, _TIME_BYTES)
        return int.from_bytes(field, "little") * _SECOND or None

"""Turns the names in an archive into UTF-8: they may be in any code page, and seldom say in which. Pure."""

from __future__ import annotations

import codecs
from typing import NamedTuple

from actors.archives.code_pages import likeliest
from actors.archives.reading import Member
from rota.errors import PermanentError
from rota.names import is_utf8

SAMPLE_BYTES = 64 * 1024
"""How much of the names is remembered to find out their encoding."""
_PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ./_-()"
_EXAMPLES = ("utf-8", "cp437", "cp850", "cp866", "cp1251", "cp1252", "cp932", "gbk", "big5", "cp949")


class Name(NamedTuple):
    """A name or the target of a link, readable."""

    utf8: bytes
    """Valid UTF-8, but for names that are kept verbatim; still as untrusted as it was."""
    note: str = ""
    """What had to be done to it, for the person who unpacks; empty for nearly all."""


class Names:
    """The names of one archive, which are all in one encoding, but for those that say or show that they are UTF-8.

    `encoding` is what a person says the encoding is; None to find it out over all the names that were learned. With
    `keeps_bytes`, names that an archive says to be bytes of no encoding stay as they are, for storages that can have
    such. Raises PermanentError for an encoding that is not known or is none of text.
    """

    def __init__(self, encoding: str | None = None, *, keeps_bytes: bool = False) -> None:
        self._keeps_bytes = keeps_bytes
        self._given = encoding is not None
        self._encoding = _checked(encoding) if encoding is not None else None
        self._sample: list[bytes] = []
        self._sampled = 0
        self._judged = 0
        self.guessed: dict[str, None] = {}
        """The encodings that names were taken to be in without anybody saying so, in the order of their use."""

    @property
    def encoding(self) -> str | None:
        """What is taken for the encoding of names that are not UTF-8; None as long as none was needed."""
        return self._encoding

    def learn(self, raw: bytes) -> None:
        """Remember a name, so that the encoding is found with it in mind; those of ASCII and UTF-8 tell nothing.

        Best called with all names before the first one is read (see `reading.NamesAhead`). What is read is learned too.
        """
        if self._sampled < SAMPLE_BYTES and not self._given and not is_utf8(raw):
            self._sample.append(raw)
            self._sampled += len(raw)

    def name_of(self, member: Member) -> Name:
        r"""Give the name of a member.

        Where it was made with `\` between folders that becomes `/`, unless the name has one: some writers on Windows
        did so.
        """
        name = self._read(member, member.name)
        if member.backslashes and b"\\" in name.utf8 and b"/" not in name.utf8:
            return name._replace(utf8=name.utf8.replace(b"\\", b"/"))
        return name

    def link_of(self, member: Member) -> bytes:
        """Give where a link leads, or of a hard link the name of the member."""
        return self._read(member, member.link).utf8

    def read(self, raw: bytes, *, utf8: bool) -> Name:
        """Give a name or the target of a link in UTF-8; `utf8` is what the member says.

        Bytes that are no character are written as `%` and two digits, with a note.
        """
        if raw.isascii():
            return Name(raw)
        # What is valid UTF-8 by chance in another code page is so rare that it is taken for what it looks like; only a
        # person who names the encoding knows better.
        if (utf8 or not self._given) and is_utf8(raw):
            return Name(raw)
        if utf8:
            return Name(
                _escaped(raw, "utf-8"), "its name is not the UTF-8 that it says it is; the bytes are written as %XX"
            )
        encoding = self._found(raw)
        if not self._given:
            self.guessed.setdefault(encoding)
        try:
            return Name(raw.decode(encoding).encode())
        except UnicodeError:
            return Name(_escaped(raw, encoding), f"its name does not fit {encoding}; the bytes are written as %XX")

    def _read(self, member: Member, raw: bytes) -> Name:
        if member.verbatim and self._keeps_bytes and (member.utf8 or not self._given):
            return Name(raw)
        return self.read(raw, utf8=member.utf8)

    def _found(self, raw: bytes) -> str:
        if self._encoding is not None and (self._given or _fits(raw, self._encoding)):
            return self._encoding
        self.learn(raw)
        # It takes a while, and names that fit nowhere come by the thousand: only twice as much known is worth it again.
        if self._encoding is None or self._sampled >= 2 * self._judged:
            self._encoding = likeliest(self._sample)
            self._judged = self._sampled
        return self._encoding


def _checked(encoding: str) -> str:
    try:
        if _PLAIN.decode(encoding) == _PLAIN.decode("ascii"):
            return codecs.lookup(encoding).name
    except (LookupError, UnicodeError, ValueError):
        pass  # said below
    raise PermanentError(f"encoding: {encoding!r} is no encoding of names; allowed are e.g. {', '.join(_EXAMPLES)}")


def _fits(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeError:
        return False
    return True


def _escaped(raw: bytes, encoding: str) -> bytes:
    # Bytes that are no character become lone surrogates, each of which stands for one byte.
    text = raw.decode(encoding, "surrogateescape")
    return "".join(f"%{ord(one) - 0xDC00:02X}" if "\udc80" <= one <= "\udcff" else one for one in text).encode()

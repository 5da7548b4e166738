"""RTF: the text of its paragraphs, without the groups that hold fonts, styles, pictures and other machinery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from actors.extracting.decoding import joined
from actors.extracting.extractor import Extractor, Limits, TextGatherer
from actors.extracting.outcomes import Extracted, Reason, Unextractable

_SIGNATURE = b"{\\rtf"
_TOKEN = re.compile(
    rb"\\(?:([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?"  # a word with its number
    rb"|'([0-9a-fA-F]{2})"  # a byte in the document's code page
    rb"|([^a-zA-Z']))"  # a symbol
    rb"|([{}])"
    rb"|([^\\{}\r\n]+)"  # text
)
# Groups whose text is not the document's; an asterisk marks others that a reader may leave out.
_MACHINERY = frozenset(
    b"fonttbl colortbl stylesheet listtable listoverridetable rsidtbl generator pict object themedata datastore"
    b" latentstyles filetbl revtbl xmlnstbl fldinst bkmkstart bkmkend".split()
)
_INFO = {b"title": "title", b"subject": "subject", b"author": "author", b"keywords": "keywords", b"company": "company"}
_BREAKS = {b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"row": "\n", b"cell": " ", b"tab": " "}
_SIGNS = {
    b"emdash": "\u2014", b"endash": "\u2013", b"bullet": "\u2022", b"lquote": "\u2018", b"rquote": "\u2019",
    b"ldblquote": "\u201c", b"rdblquote": "\u201d", b"emspace": " ", b"enspace": " ",
}  # fmt: skip
_SYMBOLS = {b"~": "\u00a0", b"_": "-", b"\n": "\n", b"\r": "\n", b"\\": "\\", b"{": "{", b"}": "}"}
_MOST_DEPTH = 1_000
_BINARY = b"bin"


class _State:
    """What holds within a group and what lies in it."""

    __slots__ = ("after_unicode", "is_info", "meta", "silent")

    def __init__(self, outer: _State | None = None) -> None:
        self.silent: bool = outer.silent if outer else False
        self.is_info: bool = outer.is_info if outer else False
        self.meta: str = outer.meta if outer else ""
        self.after_unicode: int = outer.after_unicode if outer else 1


class _Reader:
    """Walks through the tokens of one document."""

    def __init__(self, limits: Limits) -> None:
        self.text = TextGatherer(limits.most_text)
        self.meta: dict[str, list[str]] = {}
        self._code_page = "cp1252"
        self._groups = [_State()]
        self._to_skip = 0
        self._bytes = bytearray()
        self._after_asterisk = False

    def read(self, content: bytes) -> None:
        """Take the tokens, until there is text enough."""
        place = 0
        while not self.text.is_full and (found := _TOKEN.search(content, place)):
            place = found.end() + self._take(found)
        self._flush()

    def _take(self, found: re.Match[bytes]) -> int:
        """Give how many bytes to leave out behind the token."""
        word, number, byte, symbol, brace, text = found.groups()
        if byte is not None:
            self._add_byte(int(byte, 16))
            return 0
        if text is not None:
            self._add_bytes(text)
            return 0
        if brace is not None:
            self._flush()
            self._group(brace)
        elif word is not None:
            if word == _BINARY:
                return max(0, int(number or 0))
            self._word(word, int(number) if number else None)
        elif symbol == b"*":
            self._after_asterisk = True
            return 0
        else:
            self._say(_SYMBOLS.get(symbol, ""))
        self._after_asterisk = False
        return 0

    def _group(self, brace: bytes) -> None:
        self._to_skip = 0
        if brace == b"}":
            if len(self._groups) > 1:
                self._groups.pop()
            return
        if len(self._groups) >= _MOST_DEPTH:
            raise Unextractable(Reason.TOO_LARGE, f"its groups are nested more than {_MOST_DEPTH} deep")
        self._groups.append(_State(self._groups[-1]))

    def _word(self, word: bytes, number: int | None) -> None:
        group = self._groups[-1]
        if word == b"u" and number is not None:
            self._say(_unicode(number))
            self._to_skip = group.after_unicode
        elif word == b"uc" and number is not None:
            group.after_unicode = min(max(number, 0), 8)
        elif word == b"ansicpg" and number is not None:
            self._code_page = _code_page(number)
        elif word == b"info":
            group.is_info = group.silent = True
        elif group.is_info and word in _INFO:
            group.meta, group.silent = _INFO[word], False
        elif word in _MACHINERY or self._after_asterisk:
            self._flush()
            group.silent = True
        else:
            self._say(_BREAKS.get(word) or _SIGNS.get(word) or "")

    def _add_byte(self, byte: int) -> None:
        if self._to_skip:
            self._to_skip -= 1
        elif not self._groups[-1].silent:
            self._bytes.append(byte)

    def _add_bytes(self, text: bytes) -> None:
        skipped = min(self._to_skip, len(text))
        self._to_skip -= skipped
        if not self._groups[-1].silent:
            self._bytes += text[skipped:]

    def _say(self, text: str) -> None:
        self._flush()
        if text and not self._groups[-1].silent:
            self._keep(text)

    def _flush(self) -> None:
        # Bytes that follow each other may be halves of one character.
        if self._bytes:
            self._keep(self._bytes.decode(self._code_page, "replace"))
            self._bytes.clear()

    def _keep(self, text: str) -> None:
        group = self._groups[-1]
        if group.meta:
            self.meta.setdefault(group.meta, []).append(text)
        elif not group.is_info:
            self.text.add(text)


def _unicode(number: int) -> str:
    # Sixteen bits with a sign; halves of pairs meet again below.
    return chr(number & 0xFFFF)


def _code_page(number: int) -> str:
    import codecs

    try:
        return codecs.lookup("utf-8" if number == 65001 else f"cp{number}").name
    except LookupError:
        return "cp1252"


def _content(file: BinaryIO, limits: Limits) -> bytes:
    content = file.read(limits.most_bytes + 1)
    if len(content) > limits.most_bytes:
        raise Unextractable(Reason.TOO_LARGE, f"it has more than {limits.most_bytes} bytes")
    return content


def _meta(said: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    return ((name, joined("".join(pieces))) for name, pieces in said.items())


def _extract(file: BinaryIO, limits: Limits) -> Extracted:
    content = _content(file, limits)
    if not content.startswith(_SIGNATURE):
        raise Unextractable(Reason.BROKEN, "it does not begin as RTF does")
    reader = _Reader(limits)
    reader.read(content)
    return Extracted(joined(reader.text.text()), tuple(_meta(reader.meta)))


RTF = Extractor(
    name="rtf",
    version=1,
    extract=_extract,
    extensions=frozenset({"rtf"}),
    detect=lambda head, name: head.startswith(_SIGNATURE),  # noqa: ARG005 -- the signature of all detections
)

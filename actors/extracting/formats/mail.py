"""Reads messages (eml) and boxes of messages (mbox)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from typing import BinaryIO

from actors.extracting.decoding import encoding_of
from actors.extracting.extractor import Extractor, Limits, TextGatherer
from actors.extracting.formats.html import add_html
from actors.extracting.formats.reading import CHUNK_BYTES, faults
from actors.extracting.formats.telling import Telling, Word, extracted
from actors.extracting.outcomes import Extracted, Unextractable

MOST_MESSAGE = 32 * 1024 * 1024
"""Bytes of one message; the rest, which is attachments, is not read."""
MOST_LINE = 1024 * 1024
MOST_PARTS = 1000
MOST_DEPTH = 20
"""Parts in each other, forwarded messages too."""
MOST_HEADER = 2000

_HEADERS = {
    "subject": Word.SUBJECT,
    "from": Word.FROM,
    "to": Word.TO,
    "cc": Word.TO,
    "date": Word.DATE,
}
_FIRST_HEADER = re.compile(
    rb"(?:Return-Path|Received|Delivered-To|X-Original-To|Message-ID|MIME-Version|DKIM-Signature|X-Mozilla-Status"
    rb"): [^\n]*\n(?:[\w-]+:|[ \t])",
    re.IGNORECASE,
)


def read_message(file: BinaryIO, limits: Limits) -> Extracted:
    """Read a message: who wrote what to whom, its text, and the names of what is attached."""
    text, telling = TextGatherer(limits.most_text), Telling()
    with faults("it does not read as a message"):
        message = message_from_bytes(file.read(MOST_MESSAGE))
        for name, word in _HEADERS.items():
            for value in message.get_all(name, [])[:10]:
                telling.add(word, _header(value))
        _Body(text, telling).add(message)
    return extracted(text, telling)


def read_box(file: BinaryIO, limits: Limits) -> Extracted:
    """Read the messages of a box, one after the other; their headers are part of the text."""
    text, telling = TextGatherer(limits.most_text), Telling()
    with faults("it does not read as a box of messages"):
        for content in _messages(file):
            body = _Body(text, telling)
            message = message_from_bytes(content)
            body.add_headers(message)
            body.add(message)
            if text.is_full:
                break
    return extracted(text, telling)


class _Body:
    """Takes the text of a message's parts in their order."""

    def __init__(self, text: TextGatherer, telling: Telling) -> None:
        self._text = text
        self._telling = telling
        self._parts = 0

    def add_headers(self, message: Message) -> None:
        for name in _HEADERS:
            value = message.get(name)
            if value is not None:
                self._text.add(f"{_header(value)}\n")

    def add(self, part: Message, depth: int = 0) -> None:
        """Add a part with those in it; too many, or too deep ones, are left out."""
        self._parts += 1
        if depth > MOST_DEPTH or self._parts > MOST_PARTS or self._text.is_full:
            return
        if depth:
            self._telling.add(Word.ATTACHMENT, _file_name(part))
        content = [inner for inner in part.get_payload() if isinstance(inner, Message)] if part.is_multipart() else None
        if content is None:
            self._add_text(part)
        elif part.get_content_type() == "multipart/alternative":
            self.add(_simplest(content), depth + 1)
        else:
            for inner in content:
                if part.get_content_type() == "message/rfc822":
                    self.add_headers(inner)
                self.add(inner, depth + 1)

    def _add_text(self, part: Message) -> None:
        kind = part.get_content_type()
        if kind not in ("text/plain", "text/html") or part.get_content_disposition() == "attachment":
            return
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            return
        declared = part.get_content_charset() or ""
        if kind == "text/plain":
            self._text.add(_decoded(content, declared))
        else:
            try:
                add_html(_decoded(content, declared) if declared else content, self._text)
            except Unextractable:
                # The other parts of the message are worth having.
                return
        self._text.add("\n")


def _simplest(alternatives: list[Message]) -> Message:
    """Return the form of a text with the least to strip."""
    plain = (part for part in alternatives if part.get_content_type() == "text/plain")
    return next(plain, alternatives[-1]) if alternatives else Message()


def _header(value: object) -> str:
    """Return a header as people read it; one in an unknown encoding as it is."""
    raw = str(value)[:MOST_HEADER]
    try:
        pieces = decode_header(raw)
    except (MessageError, ValueError):
        return raw
    return "".join(piece if isinstance(piece, str) else _decoded(piece, charset or "") for piece, charset in pieces)


def _file_name(part: Message) -> str | None:
    name = part.get_filename()
    return _header(name) if name else None


def _decoded(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset or encoding_of(content[:CHUNK_BYTES]), "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


def _messages(file: BinaryIO) -> Iterator[bytes]:
    """Give the messages of a box, each cut to what is read of one."""
    lines: list[bytes] = []
    size = 0
    was_blank = True
    while line := file.readline(MOST_LINE):
        if was_blank and line.startswith(b"From "):
            if lines:
                yield b"".join(lines)
            lines, size = [], 0
        elif size < MOST_MESSAGE:
            lines.append(line)
            size += len(line)
        was_blank = line in (b"\n", b"\r\n")
    if lines:
        yield b"".join(lines)


def _is_message(head: bytes, name: str) -> bool:  # noqa: ARG001 -- the signature of all detections
    return bool(_FIRST_HEADER.match(head))


def _is_box(head: bytes, name: str) -> bool:  # noqa: ARG001
    first, _, rest = head.partition(b"\n")
    return first.startswith(b"From ") and b"@" in first and bool(re.match(rb"[\w-]+:", rest))


MESSAGE = Extractor(
    name="message",
    version=1,
    extract=read_message,
    extensions=frozenset({"eml", "mht", "mhtml"}),
    detect=_is_message,
    enough_bytes=MOST_MESSAGE,
)
BOX = Extractor(name="mbox", version=1, extract=read_box, extensions=frozenset({"mbox"}), detect=_is_box)

"""Reads the answer to a PROPFIND while it arrives. Pure.

The parser is expat: without a document type, which is refused, there are no entities to expand and nothing external to
fetch. Whatever is not complete and plain is an error of the whole answer: an entry that cannot be told must not look
like one that is missing.
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterable, Iterator
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from xml.parsers import expat

from rota.errors import TemporaryError

QUESTION = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>"
)
"""What a PROPFIND asks for."""
MAX_ANSWER_BYTES = 512 * 1024 * 1024
"""About a million entries."""
_MAX_TOKEN_BYTES = 1024 * 1024
_MAX_TEXT_PIECES = 16  # expat gathers 8 KiB, or hands on what one piece of the answer held
_MAX_DEPTH = 64
_MOST_NS = 2**63 - 1

# States of the reader, one per element that counts; what is in any other element is skipped with it.
_START, _SKIPPED, _ANSWER, _MEMBER, _HREF, _STATUS, _PROPS, _PROPS_STATUS, _PROP = range(9)
_SIZE, _MODIFIED, _ETAG, _TYPE, _COLLECTION = range(9, 14)
_NEXT = {
    (_START, "DAV: multistatus"): _ANSWER,
    (_ANSWER, "DAV: response"): _MEMBER,
    (_MEMBER, "DAV: href"): _HREF,
    (_MEMBER, "DAV: status"): _STATUS,
    (_MEMBER, "DAV: propstat"): _PROPS,
    (_PROPS, "DAV: status"): _PROPS_STATUS,
    (_PROPS, "DAV: prop"): _PROP,
    (_PROP, "DAV: getcontentlength"): _SIZE,
    (_PROP, "DAV: getlastmodified"): _MODIFIED,
    (_PROP, "DAV: getetag"): _ETAG,
    (_PROP, "DAV: resourcetype"): _TYPE,
    (_TYPE, "DAV: collection"): _COLLECTION,
}
_VALUES = frozenset({_SIZE, _MODIFIED, _ETAG, _TYPE, _COLLECTION})

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)
_SIZE_TEXT = re.compile(r"[0-9]{1,18}", re.ASCII)


class BadAnswer(ValueError):
    """Raised when an answer is not what WebDAV allows, or tells of an entry that it could not read."""


class Member(NamedTuple):
    """What an answer tells of one resource."""

    href: str
    """Its address as the server gives it."""
    folder: bool
    size: int
    modified_ns: int
    etag: str


def read_members(pieces: Iterable[bytes]) -> Iterator[Member]:
    """Give the members of an answer while its pieces arrive.

    Raises BadAnswer when it cannot be relied on, whatever was given before; TemporaryError when it ends too early.
    """
    reader = _Reader()
    received = 0
    for piece in pieces:
        received += len(piece)
        if received > MAX_ANSWER_BYTES:
            raise BadAnswer(f"the answer is longer than {MAX_ANSWER_BYTES:,} bytes")
        reader.feed(piece)
        if received - reader.position > _MAX_TOKEN_BYTES:  # expat would read it again with each further piece
            raise BadAnswer("the answer holds an overlong tag")
        yield from reader.taken()
    reader.finish()
    yield from reader.taken()


class _Reader:
    """Follows the elements of one answer and collects its members."""

    def __init__(self) -> None:
        # Names come as "namespace name".
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._add_text
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._states = [_START]
        self._text: list[str] = []
        self._members: list[Member] = []
        self._href = ""
        self._status = ""
        self._given: dict[int, str] = {}
        self._found: dict[int, str] = {}

    @property
    def position(self) -> int:
        """How many bytes have been understood."""
        return self._parser.CurrentByteIndex

    def feed(self, piece: bytes) -> None:
        try:
            self._parser.Parse(piece, False)
        except expat.ExpatError as error:
            raise BadAnswer(f"the answer is not well-formed XML: {error}") from error

    def finish(self) -> None:
        try:
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            # All that came was right: the rest is missing.
            raise TemporaryError(f"the answer ends too early: {error}") from error

    def taken(self) -> list[Member]:
        """Give the members that are complete and not yet given."""
        members, self._members = self._members, []
        return members

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        states = self._states
        state = _NEXT.get((states[-1], name), _SKIPPED)
        if len(states) == 1 and state != _ANSWER:
            raise BadAnswer(f"the answer is no multistatus but <{name.rpartition(' ')[2][:100]}>")
        if len(states) > _MAX_DEPTH:
            raise BadAnswer("the answer is nested too deeply")
        states.append(state)
        self._text.clear()
        if state == _MEMBER:
            self._href = ""
            self._found = {}
        elif state == _PROPS:
            self._status = ""
            self._given = {}

    def _add_text(self, text: str) -> None:
        self._text.append(text)
        if len(self._text) > _MAX_TEXT_PIECES:
            raise BadAnswer("the answer holds an overlong text")

    def _end(self, name: str) -> None:
        state = self._states.pop()
        if state in _VALUES:
            self._given[state] = "".join(self._text).strip()
        elif state == _PROPS_STATUS:
            self._status = "".join(self._text)
        elif state == _PROPS:
            self._take_props()
        elif state == _HREF:
            if self._href:
                raise BadAnswer(f"the server tells of several entries at once, such as {self._href!r}")
            self._href = "".join(self._text).strip("\r\n\t ")
        elif state == _STATUS and _code("".join(self._text)) != "200":
            raise BadAnswer(f"the server cannot tell of {self._href!r}: {''.join(self._text).strip()[:200]}")
        elif state == _MEMBER:
            self._members.append(_member(self._href, self._found))
        self._text.clear()

    def _take_props(self) -> None:
        code = _code(self._status)
        if code == "200":
            self._found.update(self._given)
        elif code != "404":  # a folder has no length: such a property is said to be missing
            raise BadAnswer(f"the server cannot tell of {self._href!r}: {self._status.strip()[:200] or 'no status'}")

    def _refuse_doctype(self, *declared: object) -> None:
        raise BadAnswer("the answer has a document type, which is not allowed")


def _member(href: str, found: dict[int, str]) -> Member:
    if not href:
        raise BadAnswer("the answer holds an entry without an address")
    if _TYPE not in found and _SIZE not in found:
        raise BadAnswer(f"the server does not say what {href!r} is")
    if _COLLECTION in found:
        return Member(href, True, 0, modified_ns(found.get(_MODIFIED, "")), plain_etag(found.get(_ETAG, "")))
    size = found.get(_SIZE, "")
    if not _SIZE_TEXT.fullmatch(size):
        raise BadAnswer(f"the server does not say how long {href!r} is")
    return Member(href, False, int(size), modified_ns(found.get(_MODIFIED, "")), plain_etag(found.get(_ETAG, "")))


def _code(status: str) -> str:
    """Give the number of a line such as `HTTP/1.1 200 OK`."""
    return status.partition(" ")[2].strip()[:3]


def plain_etag(text: str) -> str:
    """Give an etag without its quotes and without the mark of a weak one."""
    return text.removeprefix("W/").strip('"')


def modified_ns(text: str) -> int:
    """Give the time of an HTTP date in nanoseconds since 1970; 0 for what is none."""
    plain = _DATE.fullmatch(text)
    try:
        if plain:
            day, month, year, hour, minute, second = plain.groups()
            when = timegm((int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second)))
        else:  # one of the older forms
            when = int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0
    return max(-_MOST_NS, min(when * 1_000_000_000, _MOST_NS))

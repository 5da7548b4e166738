"""The first step of reading a query: its text as tokens, each with its place.

A token is what stands between spaces, quotes and parentheses. Where a field's value begins, parentheses belong to it as
far as they are closed in it, because paths have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rota.errors import InvalidQuery
from rota.search.fields import FIELDS

Kind = Literal["text", "quoted", "open", "close", "or", "and", "not"]

_KEYWORDS: dict[str, Kind] = {"OR": "or", "AND": "and", "NOT": "not"}
_PARENTHESES: dict[str, Kind] = {"(": "open", ")": "close"}

#: What a quote is closed by; programs that write letters turn the straight ones into these.
_CLOSING = {'"': '"', "“": "”“", "„": "“”", "”": "”", "«": "»"}

_FIELD = re.compile(r"([^\W\d_]{1,40}):", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A piece of a query. `text` is without the field and the quotes, and `position` is where the token begins."""

    kind: Kind
    text: str
    position: int
    length: int
    field: str = ""
    """What stands before a colon, as it was written; nobody has looked whether there is such a field."""

    @property
    def value_position(self) -> int:
        """Where the value of the field begins."""
        return self.position + (len(self.field) + 1 if self.field else 0)


def tokens_of(text: str) -> Iterator[Token]:
    """Yield the tokens of a query; InvalidQuery for a quote that is never closed."""
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        token = _token_at(text, place)
        place += token.length
        yield token


def _token_at(text: str, place: int) -> Token:
    character = text[place]
    if character in _PARENTHESES:
        return Token(kind=_PARENTHESES[character], text=character, position=place, length=1)
    if character == "-" and place + 1 < len(text) and not text[place + 1].isspace():
        return Token(kind="not", text="-", position=place, length=1)
    field = _FIELD.match(text, place)
    name = field[1] if field else ""
    begin = field.end() if field else place
    if begin < len(text) and text[begin] in _CLOSING:
        value, end = _quoted(text, begin)
        return Token(kind="quoted", text=value, position=place, length=end - place, field=name)
    end = _end_of_run(text, begin, takes_parentheses=name.lower() in FIELDS)
    value = text[begin:end]
    kind = _KEYWORDS.get(value, "text") if not field else "text"
    return Token(kind=kind, text=value, position=place, length=end - place, field=name)


def _quoted(text: str, begin: int) -> tuple[str, int]:
    """Return what is between quotes, and where it is over; a backslash lets a quote or a backslash be a part of it."""
    closing = _CLOSING[text[begin]]
    found: list[str] = []
    place = begin + 1
    while place < len(text):
        if text[place] in closing:
            return "".join(found), place + 1
        if text[place] == "\\" and text[place + 1 : place + 2] in ("\\", *closing):
            place += 1
        found.append(text[place])
        place += 1
    raise InvalidQuery('this quote is never closed; write "like this", or leave the quote out', begin)


def _end_of_run(text: str, begin: int, *, takes_parentheses: bool) -> int:
    depth = 0
    for place in range(begin, len(text)):
        character = text[place]
        if character.isspace() or character in _CLOSING:
            return place
        if character not in _PARENTHESES:
            continue
        depth += 1 if character == "(" else -1
        if not takes_parentheses or depth < 0:
            return place
    return len(text)

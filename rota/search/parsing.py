"""Reads queries as people write them.

    query  = either
    either = all *( "OR" all )
    all    = not *( ["AND"] not )
    not    = *( "-" / "NOT" ) term
    term   = "(" [either] ")" / word / word"*" / "phrase" / field:value

What holds no letter and no digit asks for nothing and is left out; if nothing is left, the query is for everything.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from rota.errors import InvalidQuery
from rota.search.fields import FIELDS, WORD_FIELDS, Around, extension, value_of
from rota.search.lexing import Token, tokens_of
from rota.search.query import All, Either, Node, Not, Phrase, Query, Where, Word
from rota.search.words import is_inside, split_words

MAX_CHARACTERS = 1000
MAX_PARTS = 60
"""Words, each of a phrase's counted, and values of fields."""
MAX_DEPTH = 8
"""Parentheses within parentheses."""

_ENDING = re.compile(r"\*\.[^\W_]{1,32}")

#: What other programs call our fields.
_ELSEWHERE = {
    "after": "modified", "before": "modified", "content": "text", "contents": "text", "date": "modified",
    "directory": "in", "extension": "ext", "filename": "name", "filetype": "ext", "folder": "in", "intext": "text",
    "intitle": "name", "kind": "type", "mtime": "modified", "path": "in", "since": "modified", "until": "modified",
}  # fmt: skip


def parse_query(text: str, *, now_ms: int, zone: str = "UTC", datasources: Collection[str] | None = None) -> Query:
    """Return what somebody searches for; InvalidQuery says what is wrong, and where.

    `zone` names the time zone that days begin in, and `now_ms` is what ages such as `modified:7d` are counted from. A
    name that is none of `datasources` is refused; None takes any.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidQuery(
            f"a search has at most {MAX_CHARACTERS:,} characters, this has {len(text):,}",
            MAX_CHARACTERS,
            len(text) - MAX_CHARACTERS,
        )
    around = Around(now_ms=now_ms, zone=zone, datasources=datasources)
    return Query(text, _Parser(list(tokens_of(text)), around).parse())


class _Parser:
    """Reads one query; a term of None asks for nothing."""

    def __init__(self, tokens: list[Token], around: Around) -> None:
        self._tokens = tokens
        self._around = around
        self._next = 0
        self._depth = 0
        self._parts = 0

    def parse(self) -> Node | None:
        root = self._either() if self._tokens else None
        left = self._peek()
        if left is not None:
            raise InvalidQuery("this parenthesis closes nothing; leave it out, or open one before it", left.position)
        return root

    def _peek(self) -> Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _either(self) -> Node | None:
        parts = [self._all()]
        while (token := self._peek()) is not None and token.kind == "or":
            self._next += 1
            self._need_term(token, "OR needs something on both sides; write a OR b")
            parts.append(self._all())
        return _joined(Either, parts)

    def _all(self) -> Node | None:
        parts: list[Node | None] = []
        while (token := self._peek()) is not None and token.kind not in ("or", "close"):
            if token.kind == "and":
                if not parts:
                    raise InvalidQuery(_NO_LEFT.format("AND"), token.position, token.length)
                self._next += 1
                self._need_term(token, "AND needs something on both sides; write a b or a AND b")
            parts.append(self._not())
        if not parts and token is not None and token.kind == "or":
            raise InvalidQuery(_NO_LEFT.format("OR"), token.position, token.length)
        return _joined(All, parts)

    def _not(self) -> Node | None:
        is_negative = False
        while (token := self._peek()) is not None and token.kind == "not":
            self._next += 1
            self._need_term(token, f"{token.text} needs something behind it; write -word or NOT word")
            is_negative = not is_negative
        part = self._term()
        return Not(part) if is_negative and part is not None else part

    def _need_term(self, before: Token, message: str) -> None:
        following = self._peek()
        if following is None or following.kind in ("or", "and", "close"):
            raise InvalidQuery(message, before.position, before.length)

    def _term(self) -> Node | None:
        token = self._tokens[self._next]
        self._next += 1
        if token.kind == "open":
            return self._group(token)
        part = _part_of(token, self._around)
        self._parts += _count(part)
        if self._parts > MAX_PARTS:
            raise InvalidQuery(
                f"a search has at most {MAX_PARTS} words and values; leave some out", token.position, token.length
            )
        if isinstance(part, All | Either):
            self._check_depth(token, self._depth + 1)
        return part

    def _group(self, opened: Token) -> Node | None:
        self._check_depth(opened, self._depth + 1)
        self._depth += 1
        found = self._peek()
        part = self._either() if found is not None and found.kind != "close" else None
        if self._peek() is None:
            raise InvalidQuery("this parenthesis is never closed; add a ) or leave it out", opened.position)
        self._next += 1
        self._depth -= 1
        return part

    def _check_depth(self, token: Token, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise InvalidQuery(f"a search is at most {MAX_DEPTH} parentheses deep", token.position, token.length)


_NO_LEFT = '{0} needs something on both sides; write a {0} b, or "{0}" for the word itself'


def _joined(kind: type[All | Either], parts: list[Node | None]) -> Node | None:
    """Return parts as one: without those that ask for nothing or for the same, and none of a kind within its like."""
    flat: dict[Node, None] = {}
    for part in parts:
        if isinstance(part, kind):
            flat |= dict.fromkeys(part.parts)
        elif part is not None:
            flat[part] = None
    if len(flat) > 1:
        return kind(tuple(flat))
    return next(iter(flat), None)


def _count(part: Node | None) -> int:
    match part:
        case None:
            return 0
        case Phrase():
            return len(part.words)
        case All() | Either():
            return sum(_count(inner) for inner in part.parts)
    return 1


def _part_of(token: Token, around: Around) -> Node | None:
    """Return what a token asks for."""
    field = token.field.lower()
    is_quoted = token.kind == "quoted"
    if field not in FIELDS:
        _check_spelling(token, field)
        return _words(token, f"{token.field}:{token.text}" if field else token.text, "any")
    try:
        if field in WORD_FIELDS and token.text and (is_quoted or not token.text.startswith("(")):
            return _words(token, token.text, "name" if field == "name" else "text")
        return value_of(field, token.text, is_quoted=is_quoted, around=around)
    except ValueError as error:
        at = token.value_position if token.text else token.position
        raise InvalidQuery(str(error), at, token.position + token.length - at) from error


def _check_spelling(token: Token, field: str) -> None:
    """Raise InvalidQuery where a field is misspelt, or called as others call it; other colons are part of a text."""
    if len(field) < 3 or not token.text:
        return
    meant = _ELSEWHERE.get(field) or next(iter(difflib.get_close_matches(field, FIELDS, n=1, cutoff=0.7)), None)
    if meant is not None:
        raise InvalidQuery(
            f"there is no field {token.field}:, did you mean {meant}:{FIELDS[meant]}? Fields are {', '.join(FIELDS)};"
            " put text with a colon into quotes",
            token.position,
            len(token.field),
        )


def _words(token: Token, text: str, where: Where) -> Node | None:
    """Return the words of a token: one, the beginning of one, or several that follow each other."""
    if token.kind == "quoted":
        return _phrase(split_words(text), where)
    if where != "text" and _ENDING.fullmatch(text):
        return extension(text)
    bare = text.rstrip("*")
    words = split_words(bare)
    if not words:
        return None
    star = bare.find("*")
    if star < 0 and bare == text:
        return _phrase(words, where)
    if star < 0 and is_inside(bare[-1]):
        last = Word(words[-1], where, is_prefix=True)
        return _joined(All, [*(Word(word, where) for word in words[:-1]), last])
    at = token.position + token.length - len(text) + (star if star >= 0 else len(bare))
    raise InvalidQuery(
        "a * may stand only behind a word, as in report*; write ext:pdf for an ending, or put the text into quotes", at
    )


def _phrase(words: tuple[str, ...], where: Where) -> Node | None:
    if len(words) > 1:
        return Phrase(words, where)
    return Word(words[0], where) if words else None

"""The part of CEL that Rota takes, read into a tree: what an expression costs cannot be told from its text alone.

The library that evaluates shows no tree. What it would read otherwise than this is refused here, so nothing gets past
the estimate: unknown functions and macros, messages, names that begin with a dot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_NESTING = 24
"""How deep parentheses, lists, maps and calls may be nested; the library's own bound is 32 of its rules."""
MAX_DEPTH = 80
"""How many levels the tree may have, which a long chain of fields or calls needs too."""

MACROS = {"all": 1, "exists": 1, "exists_one": 1, "existsOne": 1, "filter": 1, "map": 2}
"""The macros, with the most expressions that may follow the name of the entry."""
FUNCTIONS = frozenset(
    {
        "bytes", "contains", "double", "duration", "dyn", "endsWith", "getDate", "getDayOfMonth", "getDayOfWeek",
        "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds", "has",
        "int", "matches", "size", "startsWith", "string", "timestamp", "type", "uint",
    }
)  # fmt: skip

_TOKEN = re.compile(
    r"""(?P<space>(?:[\ \t\r\n\f]+|//[^\n]*)+)
    |(?P<text>(?:[rR]?[bB]?|[bB][rR])(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<number>0x[0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?[uU]?)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<sign>\|\||&&|[<>=!]=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_LEVELS = (("||",), ("&&",), ("<", "<=", ">=", ">", "==", "!=", "in"), ("+", "-"), ("*", "/", "%"))
_CONSTANTS = frozenset({"true", "false", "null"})

Kind = Literal["literal", "text", "name", "field", "index", "list", "map", "call", "choice", "macro"]


class NotRead(Exception):
    """Raised for what is not in the part of CEL that Rota takes."""


class TooDeep(NotRead):
    """Raised for what is nested too deep."""


@dataclass(frozen=True, slots=True)
class Node:
    """One part of an expression.

    `name` is that of the variable, field, function, operator or macro, or what a literal says. `parts` are the
    operands; those of a macro are its range and what is evaluated for each entry, which is called `entry` there.
    """

    kind: Kind
    name: str = ""
    parts: tuple[Node, ...] = ()
    entry: str = ""
    depth: int = 1


def parse(text: str) -> Node:
    """Return the tree of an expression; NotRead if it is none, or holds what Rota does not take."""
    return _Reader(text).read()


class _Reader:
    """Reads from left to right, by precedence; operators of one level become one node, so that chains stay flat."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._nesting = 0

    def read(self) -> Node:
        node = self._choice()
        if self._peek() != ("end", ""):
            raise NotRead(f"{self._peek()[1]!r} is not expected there")
        return node

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _next(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _take(self, *signs: str) -> str | None:
        kind, text = self._peek()
        if kind in ("sign", "word") and text in signs:
            self._at += 1
            return text
        return None

    def _expect(self, sign: str) -> None:
        if self._take(sign) is None:
            raise NotRead(f"{sign!r} is missing")

    def _choice(self) -> Node:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise TooDeep(f"is nested deeper than {MAX_NESTING} levels")
        node = self._operation(0)
        if self._take("?"):
            yes = self._operation(0)
            self._expect(":")
            node = _node("choice", parts=(node, yes, self._choice()))
        self._nesting -= 1
        return node

    def _operation(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        first = self._operation(level + 1)
        operands, operator = [first], ""
        while found := self._take(*_LEVELS[level]):
            operator = operator or found
            operands.append(self._operation(level + 1))
        return _node("call", operator, tuple(operands)) if operator else first

    def _unary(self) -> Node:
        sign = self._take("!", "-")
        if sign is None:
            return self._member()
        while self._take("!", "-"):
            pass
        return _node("call", "!", (self._member(),))

    def _member(self) -> Node:
        node = self._primary()
        while True:
            if self._take("."):
                node = self._field_or_call(node)
            elif self._take("["):
                node = _node("index", parts=(node, self._choice()))
                self._expect("]")
            elif self._peek() == ("sign", "{"):
                raise NotRead("messages are not known here")
            else:
                return node

    def _field_or_call(self, base: Node) -> Node:
        kind, name = self._next()
        if kind != "word":
            raise NotRead(f"{name!r} is no name of a field")
        if not self._take("("):
            return _node("field", name, (base,))
        return self._macro(name, base) if name in MACROS else self._call(name, (base,))

    def _macro(self, name: str, base: Node) -> Node:
        entry = self._choice()
        if entry.kind != "name":
            raise NotRead(f"{name} needs a name for the entry first")
        bodies = self._listed(")") if self._take(",") else ()
        if not 1 <= len(bodies) <= MACROS[name]:
            raise NotRead(
                f"{name} has {len(bodies)} expressions after the name of the entry, allowed is {MACROS[name]}"
            )
        return _node("macro", name, (base, *bodies), entry.name)

    def _call(self, name: str, given: tuple[Node, ...]) -> Node:
        if name not in FUNCTIONS:
            raise NotRead(f"there is no function {name}; allowed are {', '.join(sorted(FUNCTIONS | MACROS.keys()))}")
        return _node("call", name, (*given, *self._listed(")")))

    def _primary(self) -> Node:
        kind, text = self._next()
        if kind == "number" or text in _CONSTANTS:
            return _node("literal", text)
        if kind == "text":
            return _node("text", text)
        if kind == "word":
            return self._call(text, ()) if self._take("(") else _node("name", text)
        if text == "(":
            node = self._choice()
            self._expect(")")
            return node
        if text == "[":
            return _node("list", parts=self._listed("]"))
        if text == "{":
            return _node("map", parts=self._pairs())
        raise NotRead(f"{text!r} is not expected there")

    def _listed(self, closing: str) -> tuple[Node, ...]:
        nodes: list[Node] = []
        while not self._take(closing):
            nodes.append(self._choice())
            if not self._take(","):
                self._expect(closing)
                break
        return tuple(nodes)

    def _pairs(self) -> tuple[Node, ...]:
        nodes: list[Node] = []
        while not self._take("}"):
            nodes.append(self._choice())
            self._expect(":")
            nodes.append(self._choice())
            if not self._take(","):
                self._expect("}")
                break
        return tuple(nodes)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise NotRead(f"{text[at]!r} is not expected there")
        if found.lastgroup != "space":
            tokens.append((str(found.lastgroup), found[0]))
        at = found.end()
    return [*tokens, ("end", "")]


def _node(kind: Kind, name: str = "", parts: tuple[Node, ...] = (), entry: str = "") -> Node:
    depth = 1 + max((part.depth for part in parts), default=0)
    if depth > MAX_DEPTH:
        raise TooDeep(f"is nested deeper than {MAX_DEPTH} levels")
    return Node(kind, name, parts, entry, depth)

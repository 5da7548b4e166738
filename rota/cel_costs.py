"""What an expression costs at most, told before it is evaluated, because evaluating cannot be interrupted.

Each part is estimated once, with the sizes of what it is given, and counted as often as the macros around it go round.
The figures were measured with the library and rounded up: it copies a list whenever a macro adds an entry to its
result, which makes `map` and `filter` quadratic, and copies a map to read one of its fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from rota.cel_patterns import MAX_PATTERN_CHARS, PatternCost, pattern_cost
from rota.cel_shapes import ENTRY_NS, SCALAR, VALUE_NS, Shape, join, text_shape
from rota.cel_syntax import Node, NotRead

_PART_NS = 200
_ROUND_NS = 200
_PLAIN_TEXT = re.compile(r"""(["'])([^"'\\\n]*)\1""")
"""A text without prefix, escapes or quotes in it: it is what it looks like, and no library is loaded to say so."""
_ANSWER = 10
"""How much more it takes to make Python and then JSON of a value than to copy it."""


def estimate_ns(tree: Node, given: Mapping[str, Shape]) -> float:
    """Return the most that one evaluation takes, in nanoseconds; names that are not given count as nothing."""
    estimate = _Estimate()
    answer = estimate.of(tree, given, 1)
    return estimate.ns + answer.ns * _ANSWER


def pattern_of(node: Node) -> str:
    """Return the regular expression of a call of `matches`; NotRead unless it is written out there."""
    pattern = node.parts[-1] if len(node.parts) == 2 else None
    if pattern is None or pattern.kind != "text":
        raise NotRead("matches needs its pattern written out, as a text in quotes")
    return _unquoted(pattern.name)


@lru_cache(maxsize=1024)
def _unquoted(literal: str) -> str:
    plain = _PLAIN_TEXT.fullmatch(literal)
    text = plain[2] if plain else _as_read_by_the_library(literal)
    if not isinstance(text, str) or len(text) > MAX_PATTERN_CHARS:
        raise NotRead(f"the pattern of matches is a text of at most {MAX_PATTERN_CHARS} characters")
    return text


def _as_read_by_the_library(literal: str) -> object:
    import cel  # knows the escapes of its own texts best

    return cel.compile(literal).execute()


class _Estimate:
    """Adds up; each method returns the size of what a part gives."""

    def __init__(self) -> None:
        self.ns = 0.0

    def of(self, node: Node, scope: Mapping[str, Shape], times: float) -> Shape:
        self.ns += times * _PART_NS
        if node.kind == "name":
            return scope.get(node.name, SCALAR)
        if node.kind == "text":
            return text_shape(len(node.name))
        if node.kind == "macro":
            return self._macro(node, scope, times)
        parts = [self.of(part, scope, times) for part in node.parts]
        self.ns += times * sum(part.ns for part in parts)
        return self._call(node, parts, times) if node.kind == "call" else _put(node, parts)

    def _call(self, node: Node, parts: list[Shape], times: float) -> Shape:
        if node.name == "matches":
            self._match(pattern_cost(pattern_of(node)), parts[0], times)
        if node.name in ("+", "-"):
            return self._joined(parts, times)
        if node.name in ("string", "bytes") and parts:
            return text_shape(max(40, parts[0].length))
        if node.name == "dyn" and parts:
            return parts[0]
        return SCALAR

    def _match(self, cost: PatternCost, text: Shape, times: float) -> None:
        self.ns += times * (cost.compile_ns + cost.char_ns * text.length)

    def _joined(self, parts: list[Shape], times: float) -> Shape:
        """Return the size of texts or lists that are put together; each is copied once more with every `+`."""
        result = parts[0]
        for part in parts[1:]:
            if result.is_plain and part.is_plain and result.length + part.length == 0:
                continue
            both = Shape(result.length + part.length, result.ns + part.ns, items=join(result.entry(), part.entry()))
            both.longest = max(both.longest, result.longest, part.longest)
            result = both
            self.ns += times * result.ns
        return result

    def _macro(self, node: Node, scope: Mapping[str, Shape], times: float) -> Shape:
        entries = self.of(node.parts[0], scope, times)
        rounds = times * entries.length
        entry = entries.keys or entries.entry()
        self.ns += times * entries.ns + rounds * (_ROUND_NS + entry.ns)
        inner = {**scope, node.entry: entry}
        answers = [self.of(body, inner, rounds) for body in node.parts[1:]]
        if node.name not in ("map", "filter"):
            return SCALAR
        kept = entry if node.name == "filter" else answers[-1]
        # With each round the list is copied with what it holds so far.
        self.ns += rounds * (entries.length + 1) / 2 * kept.ns
        return Shape(entries.length, VALUE_NS + entries.length * kept.ns, items=kept)


def _put(node: Node, parts: list[Shape]) -> Shape:
    """Return the size of what leads to a part of a value, or puts some together."""
    match node.kind:
        case "field":
            return parts[0].field(node.name)
        case "index":
            return parts[0].entry()
        case "list" | "map":
            return _made(node.kind, parts)
        case "choice":
            return join(parts[1], parts[2]) or SCALAR
    return SCALAR


def _made(kind: str, parts: list[Shape]) -> Shape:
    entries = parts if kind == "list" else parts[1::2]
    made = Shape(
        len(entries), VALUE_NS + sum(part.ns for part in parts) + (0 if kind == "list" else ENTRY_NS * len(entries))
    )
    for each in entries:
        made.items = join(made.items, each)
    if kind == "map":
        for key in parts[::2]:
            made.keys = join(made.keys, key)
    made.longest = max((made.length, *(part.longest for part in parts)))
    return made

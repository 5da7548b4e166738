"""What a regular expression costs: it is compiled at each call, and some need a step for every state and character.

The library's engine never backtracks, so the size of the automaton bounds it: counted repetitions multiply what they
repeat, and classes of Unicode are large. Measured with the library; each figure is rounded up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_PATTERN_CHARS = 500
_COMPILE_NS = 8_000
_STEP_NS = 8
# For one atom: time to compile in ns, and states as the matcher feels them.
_PLAIN = (700, 1)
_QUANTIFIER = (3_000, 1)
_FOLDED = (8_000, 2)
_NEGATED = (6_000, 3)
_SMALL_CLASS = (60_000, 4)
_LARGE_CLASS = (300_000, 8)

_ATOM = re.compile(
    r"\\(?P<large>[pP](?:\{[^}]*\}|.)|[wWbB])|\\(?P<small>[dDsS])|\\(?:[xuU]\{[^}]*\}|.)|\{(?P<least>\d+)(?P<comma>,)?"
    r"(?P<most>\d+)?\}|(?P<flags>\(\?[A-Za-z-]*[:)])|(?P<negated>\.|\[\^)|.",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class PatternCost:
    """What matching costs: once for the pattern, and for each character of the text."""

    compile_ns: int
    char_ns: int


def pattern_cost(pattern: str) -> PatternCost:
    """Return an upper bound for one call of `matches`."""
    folded = any("i" in found["flags"] for found in _ATOM.finditer(pattern) if found["flags"])
    # One pair per open group: what it holds so far, and its last atom, which a repetition multiplies.
    groups: list[tuple[_Weight, _Weight]] = [((0, 0), (0, 0))]
    for found in _ATOM.finditer(pattern):
        before, last = groups.pop()
        if found["least"]:
            times = max(1, int(found["most"] or found["least"]) + (1 if found["comma"] else 0))
            groups.append((before, (last[0] * times, last[1] * times)))
        elif found["flags"] or found[0] in ("(", "[", "[^"):
            groups += (
                [(before, last)]
                if (found["flags"] or "").endswith(")")
                else [(before, last), ((0, 0), _weight(found, folded))]
            )
        elif found[0] in (")", "]") and groups:
            outer, previous = groups.pop()
            groups.append((_sum(outer, previous), _sum(before, last)))
        else:
            groups.append((_sum(before, last), _weight(found, folded)))
    compile_ns, states = (sum(each) for each in zip(*(_sum(*group) for group in groups), strict=True))
    return PatternCost(_COMPILE_NS + compile_ns, 2 + states * _STEP_NS)


_Weight = tuple[int, int]


def _sum(one: _Weight, other: _Weight) -> _Weight:
    return one[0] + other[0], one[1] + other[1]


def _weight(found: re.Match[str], folded: bool) -> _Weight:
    if found["large"]:
        return _LARGE_CLASS
    if found["small"]:
        return _SMALL_CLASS
    if found[0] in ("?", "*", "+"):
        return _QUANTIFIER
    if found["negated"]:
        return _NEGATED
    return _FOLDED if folded or not found[0].isascii() else _PLAIN

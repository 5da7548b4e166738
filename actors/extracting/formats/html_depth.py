"""Tells from the tags of a web page how deep its elements lie, before a tree is made of them."""

from __future__ import annotations

import re
from collections import Counter

MOST_DEPTH = 2000
"""Elements in each other. The parser's time grows with the square of it: 10 s at 100,000, a few hundredths here."""

_TAG = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)")
# Ended by the next one of their kind, or without content: many of them are no depth.
_FLAT = frozenset(
    b"a area base body br col colgroup dd dt embed head hr html img input li link meta option p param source tbody td"
    b" tfoot th thead tr track wbr".split()
)
_RAW_ENDS = {name: re.compile(rb"</" + name, re.IGNORECASE) for name in (b"script", b"style")}


def is_deep(page: bytes) -> bool:
    """Say whether the elements of a page may be nested too deeply for its tree to be made.

    Counts tags that are open, so it is right within a few; what is wrongly counted as open is that of broken pages. An
    end without a beginning closes nothing, and scripts and styles hold no elements.
    """
    if page.count(b"<") <= MOST_DEPTH:
        return False
    place = depth = 0
    is_open: Counter[bytes] = Counter()
    while match := _TAG.search(page, place):
        place, name = match.end(), match[2].lower()
        if name in _FLAT:
            continue
        if not match[1]:
            is_open[name] += 1
            depth += 1
        elif is_open[name]:
            is_open[name] -= 1
            depth -= 1
        if depth > MOST_DEPTH:
            return True
        # In drawings and formulas these are elements as others are.
        if name in _RAW_ENDS and not match[1] and not is_open[b"svg"] and not is_open[b"math"]:
            end = _RAW_ENDS[name].search(page, place)
            if end is None:
                return False
            place = end.start()
    return False

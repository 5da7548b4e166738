"""Finds the best piece of a text to show for a query, and what to highlight in it.

Works on the text as it was extracted, word by word, so that it serves every engine and shows exactly what is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import NamedTuple

from rota.search.words import is_inside
from store.search.engine import Piece

MOST_CHARACTERS = 200
"""Of a snippet."""
MOST_READ = 200_000
"""Characters from the beginning of a text that are looked through; nobody waits for the rest."""
_LEAD = 40
_MOST_WORDS = 1000
_CHUNK = re.compile(r"[^\x00-/:-@\[-`{-\x7f]+")
_SPACE = re.compile(r"\s")


class _Found(NamedTuple):
    start: int
    end: int
    key: Hashable


def snippet_of(text: str, key_of: Callable[[str], Hashable | None], keys: int) -> tuple[Piece, ...]:
    """Return the piece of a text with most of what was asked for; empty if there is none of it.

    `key_of` tells for a word as it is written which of the words asked for it is, None for none of them; `keys` is how
    many there are. It is called for every word, so it had better remember.
    """
    found = _look(text, key_of, keys)
    if not found:
        return ()
    first, last = _best(found)
    start = _start(text, found[first].start, found[last].end)
    end = _end(text, start)
    return _cut(text, start, end, [one for one in found if start <= one.start < end])


def _look(text: str, key_of: Callable[[str], Hashable | None], keys: int) -> list[_Found]:
    """Collect words that were asked for, until a window has all of them."""
    found: list[_Found] = []
    end = None
    for match in _CHUNK.finditer(text, 0, MOST_READ):
        if end is not None and match.end() > end:
            break
        key = key_of(match.group())
        if key is None:
            continue
        found.append(_Found(*_bare(text, match.start(), match.end()), key))
        if len(found) == _MOST_WORDS:
            break
        if end is None and _complete(found, keys):
            end = found[-1].start + MOST_CHARACTERS
    return found


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out quotes and the like beyond ASCII that a word stands in."""
    while not text[start].isalnum() and start + 1 < end:
        start += 1
    while not is_inside(text[end - 1]) and end - 1 > start:
        end -= 1
    return start, end


def _complete(found: list[_Found], keys: int) -> bool:
    newest = found[-1]
    near = {one.key for one in found[-20:] if newest.end - one.start <= MOST_CHARACTERS - _LEAD}
    return len(near) >= keys


def _best(found: list[_Found]) -> tuple[int, int]:
    """Choose the first and the last word of the window with most different ones; then most of them, then the first."""
    best = (0, 0, 0, 0)
    last = -1
    for first, one in enumerate(found):
        last = max(last, first)
        while last + 1 < len(found) and found[last + 1].end - one.start <= MOST_CHARACTERS - _LEAD:
            last += 1
        different = len({inside.key for inside in found[first : last + 1][:40]})
        best = max(best, (different, last - first + 1, -first, last))
    return -best[2], best[3]


def _start(text: str, first: int, last: int) -> int:
    """Begin a little before the first word, where a word begins."""
    room = max(0, MOST_CHARACTERS - (last - first))
    earliest = max(0, first - min(_LEAD, room))
    if earliest == 0:
        return 0
    space = _SPACE.search(text, earliest, first)
    return space.end() if space else first


def _end(text: str, start: int) -> int:
    """End where a word ends."""
    latest = start + MOST_CHARACTERS
    if latest >= len(text):
        return len(text)
    for place in range(latest, latest - _LEAD, -1):
        if text[place].isspace():
            return place
    return latest


def _cut(text: str, start: int, end: int, found: list[_Found]) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for one in found:
        if one.start > start:
            pieces.append(Piece(text[start : one.start], False))
        pieces.append(Piece(text[one.start : min(one.end, end)], True))
        start = min(one.end, end)
    if start < end:
        pieces.append(Piece(text[start:end], False))
    return tuple(pieces)

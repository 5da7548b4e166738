"""Finds the code page of names by what would be written with it. Pure.

General detectors are made for pages of text and go wrong on a few short words. Here each code page has a table of how
unlikely each character is, and neighbours count too: letters of two scripts in one word, or a capital behind a small
letter, are what a wrong code page looks like. The sum is the cost of the names; the cheapest code page wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from unicodedata import combining

from actors.archives import characters as known

DEFAULT = "cp437"
"""What the zip format prescribes, and what is taken where another one is not likelier."""
_JUDGED_BYTES = 8 * 1024
"""How much of the names is judged: more would not change the verdict."""

_ASCII_COST = 4.0
_RARE_COST = 13.0  # signs, lines, fractions
_NEVER_COST = 20.0  # control characters, private ones
_BYTE_UNFIT_COST = 14.0  # each byte beyond ASCII of a name that is impossible in a code page


class _Page(NamedTuple):
    encoding: str
    groups: tuple[tuple[str, float], ...]
    """Characters and their costs; the first group that has a character counts."""
    bias: float = 0.0
    """What each character beyond ASCII costs more: for code pages that share most letters with a more usual one."""


_WESTERN = ((known.WESTERN, 4.8), (known.WESTERN_LESS, 5.2), (known.WESTERN_RARE, 6.6), (known.QUOTES, 8.0))
_CENTRAL = (
    (known.CENTRAL, 5.05),
    (known.CENTRAL_LESS, 5.7),
    (known.WESTERN + known.WESTERN_LESS, 7.5),
    (known.QUOTES, 8.5),
)
_TURKISH = ((known.TURKISH, 5.0), (known.WESTERN + known.WESTERN_LESS, 7.0), (known.QUOTES, 8.5))
_CYRILLIC = (
    (known.CYRILLIC, 3.5),
    (known.CYRILLIC.upper(), 5.0),
    (known.CYRILLIC_LESS, 5.5),
    (known.CYRILLIC_LESS.upper() + known.CYRILLIC_NEIGHBOURS, 6.5),
    (known.QUOTES + "№", 8.0),
)
_GREEK = (
    (known.GREEK, 3.8),
    (known.GREEK_LESS, 5.5),
    (known.GREEK.upper() + known.GREEK_LESS.upper(), 6.0),
    (known.QUOTES, 8.5),
)
_HEBREW = ((known.HEBREW, 4.5), (known.QUOTES, 8.5))
_ARABIC = ((known.ARABIC, 4.3), (known.QUOTES, 8.5))
_THAI = ((known.THAI, 5.0), (known.QUOTES, 9.0))
_JAPANESE = ((known.KANA, 8.0), (known.KANJI, 8.7), (known.WIDE, 11.0), (known.HALF_KANA, 8.5))
_PAGES = (
    _Page(DEFAULT, _WESTERN),
    _Page("cp850", _WESTERN, bias=0.1),
    _Page("cp1252", _WESTERN, bias=0.1),
    _Page("cp852", _CENTRAL, bias=0.15),
    _Page("cp1250", _CENTRAL, bias=0.15),
    _Page("cp857", _TURKISH, bias=0.3),
    _Page("cp1254", _TURKISH, bias=0.3),
    _Page("cp866", _CYRILLIC),
    _Page("cp1251", _CYRILLIC),
    _Page("koi8-r", _CYRILLIC, bias=0.1),
    _Page("cp737", _GREEK, bias=0.1),
    _Page("cp1253", _GREEK, bias=0.1),
    _Page("cp862", _HEBREW, bias=0.1),
    _Page("cp1255", _HEBREW, bias=0.1),
    _Page("cp1256", _ARABIC, bias=0.1),
    _Page("cp874", _THAI, bias=0.1),
    _Page("cp932", _JAPANESE),
    _Page("euc_jp", _JAPANESE, bias=0.2),
    _Page("gbk", ((known.SIMPLIFIED, 8.0), (known.WIDE, 11.0))),
    _Page("big5", ((known.TRADITIONAL, 8.2), (known.WIDE, 11.0))),
    _Page("cp949", ((known.HANGUL, 8.2), (known.WIDE, 11.0))),
)
ENCODINGS = tuple(page.encoding for page in _PAGES)
"""All that are told apart, by the names that Python has for them."""

# How usual the rest of the two-byte characters is shows by where the standard puts them.
_LEVELS: dict[str, tuple[tuple[int, int, float], ...]] = {
    "cp932": ((0x889F, 0x9872, 15.0), (0x989F, 0xEAA4, 19.0)),
    "euc_jp": ((0xB0A1, 0xCFD3, 15.0), (0xD0A1, 0xF4A6, 19.0)),
    "gbk": ((0xB0A1, 0xD7F9, 14.0), (0xD8A1, 0xF7FE, 18.0)),
    "big5": ((0xA440, 0xC67E, 14.0), (0xC940, 0xF9D5, 18.0)),
    "cp949": ((0xB0A1, 0xC8FE, 13.0), (0xCAA1, 0xFDFE, 18.0)),
}
_RARE_WIDE_COST = 23.0


class _Sort:
    """What a character is to its neighbours."""

    OTHER, PLAIN_SMALL, PLAIN_CAPITAL, SMALL, CAPITAL, FOREIGN_SMALL, FOREIGN_CAPITAL, FOREIGN, IDEOGRAPH = range(9)


_PLAIN = (_Sort.PLAIN_SMALL, _Sort.PLAIN_CAPITAL)
_FOREIGN = (_Sort.FOREIGN_SMALL, _Sort.FOREIGN_CAPITAL, _Sort.FOREIGN)
_NEIGHBOURS: dict[tuple[int, int], float] = {
    **{(one, two): 2.0 for one in (_Sort.SMALL, _Sort.CAPITAL) for two in (_Sort.SMALL, _Sort.CAPITAL)},
    **{(plain, foreign): 6.0 for plain in _PLAIN for foreign in _FOREIGN},
    **{(foreign, plain): 6.0 for plain in _PLAIN for foreign in _FOREIGN},
    **{(plain, _Sort.IDEOGRAPH): 2.0 for plain in _PLAIN},
    **{(_Sort.IDEOGRAPH, plain): 2.0 for plain in _PLAIN},
    (_Sort.PLAIN_SMALL, _Sort.CAPITAL): 5.0,
    (_Sort.SMALL, _Sort.PLAIN_CAPITAL): 5.0,
    (_Sort.SMALL, _Sort.CAPITAL): 7.0,
    (_Sort.FOREIGN_SMALL, _Sort.FOREIGN_CAPITAL): 6.0,
    # A word all in capitals is not unlikely, only each of its letters is.
    (_Sort.FOREIGN_CAPITAL, _Sort.FOREIGN_CAPITAL): -1.2,
}


def likeliest(names: Sequence[bytes]) -> str:
    """Give the encoding that names, none of which is UTF-8, are most likely in: one of `ENCODINGS`."""
    judged = _thinned(names)
    return min(_PAGES, key=lambda page: sum(_cost(name, page) for name in judged)).encoding


def _thinned(names: Sequence[bytes]) -> list[bytes]:
    """Give names from all over the list, each once, as many as are judged."""
    distinct = list(dict.fromkeys(names))
    step = max(1, sum(map(len, distinct)) // _JUDGED_BYTES)
    return [name[:_JUDGED_BYTES] for name in distinct[::step]]


def _cost(name: bytes, page: _Page) -> float:
    try:
        text = name.decode(page.encoding)
    except UnicodeDecodeError:
        foreign = sum(byte >= 0x80 for byte in name)
        return foreign * _BYTE_UNFIT_COST + (len(name) - foreign) * _ASCII_COST
    total = 0.0
    before: int = _Sort.OTHER
    for character in text:
        cost, sort = _character(page, character)
        total += cost + _NEIGHBOURS.get((before, sort), 0.0)
        before = sort
    return total


@lru_cache(maxsize=1 << 16)
def _character(page: _Page, character: str) -> tuple[float, int]:
    """Give what a character costs, and what it is to its neighbours."""
    if character < "\x80":
        if not character.isalpha():
            return _ASCII_COST, _Sort.OTHER
        return _ASCII_COST, _Sort.PLAIN_CAPITAL if character.isupper() else _Sort.PLAIN_SMALL
    cost = next((cost for characters, cost in page.groups if character in characters), None)
    if cost is None:
        cost = _rest_cost(page, character)
    return cost + page.bias, _sort(character)


def _rest_cost(page: _Page, character: str) -> float:
    if not character.isprintable():
        return _NEVER_COST
    encoded = character.encode(page.encoding, "replace")
    if len(encoded) == 1:
        return _RARE_COST
    code = int.from_bytes(encoded, "big")
    return next(
        (cost for first, last, cost in _LEVELS.get(page.encoding, ()) if first <= code <= last), _RARE_WIDE_COST
    )


def _sort(character: str) -> int:
    code = ord(character)
    if not (character.isalpha() or combining(character) or character in known.THAI):
        return _Sort.OTHER
    if code >= 0x3000:
        return _Sort.IDEOGRAPH
    if code >= 0x370:
        if character.isupper():
            return _Sort.FOREIGN_CAPITAL
        return _Sort.FOREIGN_SMALL if character.islower() else _Sort.FOREIGN
    return _Sort.CAPITAL if character.isupper() else _Sort.SMALL

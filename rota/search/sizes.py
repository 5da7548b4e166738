"""Sizes in queries: `>10MB`, `<=5MiB`, `1MB..5MB`, `10MB..` and `0`."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil, floor

from rota.search.query import Size

MOST_BYTES = 2**63 - 1

_PREFIXES = " kmgtp"
_UNITS = {"": 1, "b": 1}
_UNITS |= {f"{prefix}{end}": 1000**power for power, prefix in enumerate(_PREFIXES) if power for end in ("", "b")}
_UNITS |= {f"{prefix}i{end}": 1024**power for power, prefix in enumerate(_PREFIXES) if power for end in ("", "b")}

_AMOUNT = re.compile(r"(\d{1,19}(?:\.\d{1,9})?) ?([a-z]{0,3})", re.ASCII | re.IGNORECASE)
_COMPARED = re.compile(r"(>=|<=|>|<)?(.*)", re.DOTALL)
_ALLOWED = "write size:>10MB, size:<=5MiB, size:1MB..5MB, size:10MB.. or size:0"


def parse_size(text: str) -> Size:
    """Return which sizes are meant; ValueError says what is allowed.

    k, M, G, T and P count in thousands, Ki, Mi, Gi, Ti and Pi in 1,024s, each with or without a B behind it and in
    either case. Both ends of a range belong to it, and a size alone is that size to the byte.
    """
    low, dots, high = text.partition("..")
    if dots:
        return _range(low, high)
    match = _COMPARED.fullmatch(text)
    assert match is not None
    amount = _bytes(match[2])
    match match[1]:
        case ">":
            return _checked(floor(amount) + 1, None)
        case ">=":
            return _checked(ceil(amount), None)
        case "<":
            return _checked(None, ceil(amount) - 1)
        case "<=":
            return _checked(None, floor(amount))
    if amount.denominator != 1:
        raise ValueError(f"{text} is no whole number of bytes; {_ALLOWED}")
    return _checked(int(amount), int(amount))


def _range(low: str, high: str) -> Size:
    if not low and not high:
        raise ValueError(f"a range needs a size at one end at least; {_ALLOWED}")
    return _checked(ceil(_bytes(low)) if low else None, floor(_bytes(high)) if high else None)


def _checked(least: int | None, most: int | None) -> Size:
    if (most is not None and most < 0) or (least is not None and least > MOST_BYTES):
        raise ValueError(f"no file has such a size; {_ALLOWED}")
    if least is not None and most is not None and least > most:
        raise ValueError("the range ends before it begins; write the smaller size first")
    return Size(least=least, most=most if most is None else min(most, MOST_BYTES))


def _bytes(text: str) -> Fraction:
    match = _AMOUNT.fullmatch(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise ValueError(f"{text!r} is no size; {_ALLOWED}")
    return Fraction(match[1]) * unit

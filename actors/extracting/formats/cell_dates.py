"""Tells which cells of a sheet are dates, and which date a number stands for."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

BUILT_IN_DATES = frozenset(map(str, (*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59))))
"""The number formats that need no declaration and show dates, by the numbers that styles write."""

_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.')
_DATE_LETTERS = re.compile(r"[ymdhs]", re.IGNORECASE)
_FIRST_DAY = datetime(1899, 12, 30)  # noqa: DTZ001 -- a cell has the time of no zone
_DAY = 86_400
_LAST_DAY = 2_958_466  # of the year 9999


def shows_date(code: str) -> bool:
    """Say whether a number format shows a date or a time, by the letters outside quotes and brackets."""
    return bool(_DATE_LETTERS.search(_QUOTED.sub("", code[:500])))


def date_of(value: str, *, is_1904: bool) -> str:
    """Return the date, with its time if it has one, that a number of days stands for; the number if for none."""
    try:
        days = float(value) + (1462 if is_1904 else 0)
    except ValueError:
        return value
    if not 0 <= days < _LAST_DAY or (seconds := round(days * _DAY)) >= _LAST_DAY * _DAY:
        return value
    # 1900 has a 29 February in Excel, which is day 60: those before it are one less than they seem.
    moment = _FIRST_DAY + timedelta(seconds=seconds if days >= 60 else seconds + _DAY)
    if days < 1:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d}" if moment.time() == datetime.min.time() else f"{moment:%Y-%m-%d %H:%M:%S}"

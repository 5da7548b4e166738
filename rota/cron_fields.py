"""The fields of a cron expression as bit masks: bit n is set when a field names n.

What a field may hold is written down here once: numbers, names, ranges, steps and lists everywhere, `L` among the days
and weekdays, `#` among the weekdays. Hours, months and weekdays go round, so their ranges may run over the end.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from typing import NamedTuple

from rota.problems import shown

WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

_TERM = re.compile(r"(?:(\*)|([0-9A-Z]+)(?:-([0-9A-Z]+))?)(?:/(\d+))?", re.ASCII)
_SEVENTHS = 0b10000001000000100000010000001  # every seventh bit of 31, from the lowest


class Field(NamedTuple):
    """What one field may hold: numbers from `low` to `high`; `size` of them are different."""

    name: str
    low: int
    high: int
    size: int
    names: tuple[str, ...]
    goes_round: bool
    allowed: str


FIELDS = (
    Field("second", 0, 59, 60, (), goes_round=False, allowed="0-59"),
    Field("minute", 0, 59, 60, (), goes_round=False, allowed="0-59"),
    Field("hour", 0, 23, 24, (), goes_round=True, allowed="0-23"),
    Field("day-of-month", 1, 31, 31, (), goes_round=False, allowed="1-31, L (last day), L-2, LW (last weekday)"),
    Field("month", 1, 12, 12, MONTHS, goes_round=True, allowed="1-12 or JAN-DEC"),
    Field(
        "day-of-week",
        0,
        7,
        7,
        WEEKDAYS,
        goes_round=True,
        allowed="0-7 or SUN-SAT, 5L or FRIL (last Friday), 5#3 or FRI#3 (third Friday)",
    ),
)


@dataclass(frozen=True, slots=True)
class Days:
    """Which days of a month match: by their date, by their weekday, by either, or by both.

    `from_end` counts back from the last day, 0 being that day. Weekdays are counted from Sunday, 0; in `nth` one goes
    with its place in the month, 0 meaning the last. `both` holds if one of the two fields begins with a star.
    """

    dates: int
    from_end: tuple[int, ...]
    last_workday: bool
    weekdays: int
    nth: tuple[tuple[int, int], ...]
    both: bool

    def of_month(self, year: int, month: int) -> int:
        """Return the matching days of a month as a mask."""
        monday_based, length = monthrange(year, month)
        first = (monday_based + 1) % 7
        by_date = self.dates
        for back in self.from_end:
            by_date |= 1 << max(0, length - back)
        if self.last_workday:
            by_date |= 1 << (length - (0, 0, 0, 0, 0, 1, 2)[(monday_based + length - 1) % 7])
        by_weekday = 0
        for weekday in range(7):
            if self.weekdays >> weekday & 1:
                by_weekday |= _SEVENTHS << 1 + (weekday - first) % 7
        for weekday, nth in self.nth:
            day = 1 + (weekday - first) % 7 + 7 * (nth - 1 if nth else 4)
            by_weekday |= 1 << (day if nth or day <= length else day - 7)
        found = by_date & by_weekday if self.both else by_date | by_weekday
        return found & ((2 << length) - 2)


def parse_days(date_text: str, weekday_text: str) -> Days:
    """Return the days that the two fields name; ValueError as `parse_field` raises it."""
    dates, from_end, last_workday = [], [], False
    for term in date_text.split(","):
        back = re.fullmatch(r"L(?:-([1-9]|[12]\d|30))?", term)
        if back:
            from_end.append(int(back[1] or 0))
        elif term == "LW":
            last_workday = True
        else:
            dates.append(term)
    weekdays, nth = [], []
    for term in weekday_text.split(","):
        placed = re.fullmatch(r"([0-7]|[A-Z]{3})(?:L|#([1-5]))", term)
        if placed and (placed[1].isdigit() or placed[1] in WEEKDAYS):
            nth.append((_number(FIELDS[5], placed[1]) % 7, int(placed[2] or 0)))
        else:
            weekdays.append(term)
    mask = parse_field(FIELDS[5], ",".join(weekdays)) if weekdays else 0
    return Days(
        dates=parse_field(FIELDS[3], ",".join(dates)) if dates else 0,
        from_end=tuple(from_end),
        last_workday=last_workday,
        weekdays=(mask | mask >> 7) & 0x7F,
        nth=tuple(nth),
        both=date_text.startswith("*") or weekday_text.startswith("*"),
    )


def parse_field(field: Field, text: str) -> int:
    """Return the numbers that a field names, as a mask; ValueError says which part is wrong and what is allowed."""
    mask = 0
    for term in text.split(","):
        mask |= _term(field, term, text)
    return mask


def _term(field: Field, term: str, text: str) -> int:
    match = _TERM.fullmatch(term)
    numbers = [_number(field, part) for part in match.groups()[1:3] if part is not None] if match else []
    if match is None or any(number < 0 for number in numbers):
        raise ValueError(f"{field.name} {shown(text)} is not valid; allowed: {field.allowed}, with * , - and /")
    low, high = (field.low, field.high) if match[1] else (numbers[0], numbers[-1])
    if match[4] and len(numbers) == 1:
        high = field.high
    return _spread(field, low, high, _step(field, match[4], text))


def _step(field: Field, digits: str | None, text: str) -> int:
    step = int(digits or 1)
    if not 1 <= step <= field.size:
        hint = "; for longer distances there are the triggers every and repeat" if step else ""
        raise ValueError(f"{field.name} {shown(text)} is not valid; allowed: steps from 1 to {field.size}{hint}")
    return step


def _spread(field: Field, low: int, high: int, step: int) -> int:
    """Return the mask of every `step`-th number of a range, which may run over the end where the field goes round."""
    if low <= high and step == 1:
        return (2 << high) - (1 << low)
    if low <= high:
        return sum(1 << number for number in range(low, high + 1, step))
    if not field.goes_round:
        raise ValueError(
            f"{field.name} {low}-{high} runs backwards; to run over the end write {low}-{field.high},{field.low}-{high}"
        )
    return sum(1 << field.low + (number - field.low) % field.size for number in range(low, high + field.size + 1, step))


def _number(field: Field, text: str) -> int:
    """Return the number that a name or some digits stand for, -1 if the field does not have it."""
    if text in field.names:
        return field.low + field.names.index(text)
    number = int(text) if text.isdigit() else -1
    return number if field.low <= number <= field.high else -1


def next_bit(mask: int, start: int) -> int:
    """Return the lowest bit of a mask from `start` on, -1 if there is none."""
    rest = mask >> start
    return start + (rest & -rest).bit_length() - 1 if rest else -1

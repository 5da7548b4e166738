"""A cron expression in words: cron-descriptor tells the times of the day, the days are told here.

It knows neither lists with an `L` or `#` in them nor when both of the day fields must match.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from rota.cron_fields import FIELDS, Field, next_bit, parse_field
from rota.crons import parse_cron

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_PLACES = {"1": "first", "2": "second", "3": "third", "4": "fourth", "5": "fifth"}


@lru_cache(maxsize=4096)
def cron_words(text: str) -> str:
    """Return in words when a valid expression is due: `at 03:00, on day 1 of the month`."""
    *times, day, month, weekday = parse_cron(text).fields.split()
    by_date = "" if day == "*" else f"on {_dates(day)}"
    by_weekday = "" if weekday == "*" else f"on {_weekdays(weekday)}"
    if by_date and by_weekday:
        both = day.startswith("*") or weekday.startswith("*")
        by_date = f"{by_date} {'if it is also' if both else 'or'} {by_weekday}".replace("also on", "also")
        by_weekday = ""
    in_months = "" if month == "*" else f"in {_months(month)}"
    return ", ".join(part for part in (_times(times), by_date or by_weekday, in_months) if part)


def _times(parts: Sequence[str]) -> str:
    from cron_descriptor import CasingTypeEnum, Options, get_description

    options = Options()
    options.use_24hour_time_format = True
    options.casing_type = CasingTypeEnum.LowerCase
    fields = FIELDS[3 - len(parts) : 3]
    plain = [
        part if _is_plain(field, part) else _listed(field, part) for field, part in zip(fields, parts, strict=True)
    ]
    return str(get_description(" ".join([*plain, "* * *"]), options))


def _is_plain(field: Field, part: str) -> bool:
    """Say whether the words for a part are exact: a star, one range, or a step that comes out even."""
    step = re.fullmatch(r"\*/(\d+)", part)
    if step:
        return int(step[1]) < field.size and field.size % int(step[1]) == 0
    return bool(re.fullmatch(r"\*|\d+-\d+", part))


def _listed(field: Field, part: str) -> str:
    return ",".join(str(number) for number in _numbers(parse_field(field, part)))


def _numbers(mask: int) -> list[int]:
    found, number = [], next_bit(mask, 0)
    while number >= 0:
        found.append(number)
        number = next_bit(mask, number + 1)
    return found


def _dates(text: str) -> str:
    plain = [term for term in text.split(",") if term[0] != "L"]
    words = [f"day {_joined([_date(term) for term in plain])} of the month"] if plain else []
    for term in text.split(","):
        if term == "L":
            words.append("the last day of the month")
        elif term == "LW":
            words.append("the last day from Monday to Friday of the month")
        elif term[0] == "L":
            back = int(term[2:])
            words.append(f"the day {back} day{'' if back == 1 else 's'} before the last of the month")
    return _joined(words)


def _date(term: str) -> str:
    if "/" in term:
        return _joined([str(number) for number in _numbers(parse_field(FIELDS[3], term))])
    return term.replace("-", " to ")


def _weekdays(text: str) -> str:
    words = []
    for term in text.split(","):
        if term.endswith("L"):
            words.append(f"the last {_weekday(term[:-1])} of the month")
        elif "#" in term:
            name, _, nth = term.partition("#")
            words.append(f"the {_PLACES[nth]} {_weekday(name)} of the month")
        elif "/" in term or term == "*":
            mask = parse_field(FIELDS[5], term)
            words += [_WEEKDAYS[number] for number in _numbers((mask | mask >> 7) & 0x7F)]
        else:
            words.append(" to ".join(_weekday(part) for part in term.split("-")))
    return _joined(words)


def _weekday(text: str) -> str:
    return _WEEKDAYS[int(text) % 7 if text.isdigit() else FIELDS[5].names.index(text)]


def _months(text: str) -> str:
    words = []
    for term in text.split(","):
        if "/" in term or term == "*":
            words += [_month(str(number)) for number in _numbers(parse_field(FIELDS[4], term))]
        else:
            words.append(" to ".join(_month(part) for part in term.split("-")))
    return _joined(words)


def _month(text: str) -> str:
    return _MONTHS[int(text) - 1 if text.isdigit() else FIELDS[4].names.index(text)]


def _joined(words: Sequence[str]) -> str:
    """Return words as a list of people: `a, b and c`."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)

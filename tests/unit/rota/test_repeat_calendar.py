"""Repeating intervals across clock changes, short months and leap years, against an oracle that counts on a calendar."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest

from rota.schedules import due_between, next_due
from rota.times import rfc3339, to_ms
from rota.triggers import RepeatTrigger
from tests.unit.rota.oracle import repeat_times, utc

HOUR = timedelta(hours=1)
RULES = [{"gap": gap, "fold": fold} for gap in ("run_after", "skip") for fold in ("first", "both")]


class Period(NamedTuple):
    """A duration as text, and in its parts."""

    text: str
    months: int = 0
    days: int = 0
    exact: timedelta = timedelta()


PERIODS = [
    Period("P1D", days=1),
    Period("P3D", days=3),
    Period("P1W", days=7),
    Period("P1M", months=1),
    Period("P5M", months=5),
    Period("P1Y", months=12),
    Period("PT36H", exact=36 * HOUR),
    Period("PT45M", exact=0.75 * HOUR),
    Period("P1DT12H", days=1, exact=12 * HOUR),
    Period("P1M1DT1H", months=1, days=1, exact=HOUR),
]
CHANGES = {
    "America/New_York": [datetime(2026, 3, 8, 2, 30), datetime(2026, 11, 1, 1, 30), datetime(2100, 3, 14, 2, 59, 59)],  # noqa: DTZ001
    "Europe/London": [datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1), datetime(2038, 1, 19, 3, 14, 8)],  # noqa: DTZ001
    "Europe/Dublin": [datetime(2026, 3, 29, 1, 30), datetime(2026, 10, 25, 1, 59, 59)],  # noqa: DTZ001
    "Australia/Lord_Howe": [datetime(2026, 4, 5, 1, 45), datetime(2026, 10, 4, 2, 15)],  # noqa: DTZ001
    "Africa/Casablanca": [datetime(2026, 2, 15, 2, 30), datetime(2026, 3, 22, 2, 30)],  # noqa: DTZ001
    "America/Sao_Paulo": [datetime(2018, 2, 17, 23, 30), datetime(2018, 11, 4, 0, 30), datetime(2026, 11, 1, 0, 30)],  # noqa: DTZ001
    "Asia/Kathmandu": [datetime(1986, 1, 1, 0, 5), datetime(2026, 2, 28, 23, 59)],  # noqa: DTZ001
    "Pacific/Apia": [datetime(2011, 12, 30), datetime(2011, 12, 30, 10), datetime(2011, 12, 31, 10)],  # noqa: DTZ001
    "Antarctica/Troll": [datetime(2026, 3, 29, 2, 30), datetime(2026, 10, 25, 1, 30), datetime(2026, 10, 25, 2, 59)],  # noqa: DTZ001
    "Asia/Tehran": [datetime(2022, 3, 22, 0, 30), datetime(2022, 9, 21, 23, 30)],  # noqa: DTZ001
    "Etc/GMT-2": [datetime(2028, 2, 29, 2, 30)],  # noqa: DTZ001
    "UTC": [datetime(2000, 2, 29, 12), datetime(2026, 12, 31, 12), datetime(2100, 2, 28, 12)],  # noqa: DTZ001
}


def ms(moments: list[datetime]) -> list[str]:
    return [rfc3339(to_ms(moment)) for moment in moments]


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("zone", CHANGES)
def test_every_run_before_at_and_after_a_change_is_the_one_of_the_oracle(zone: str, backwards: bool) -> None:
    for wall in CHANGES[zone]:
        for period in PERIODS:
            for rules in RULES:
                for n in (-4, 0, 3):  # the change comes after four runs, with the anchor, or is over
                    anchor = wall + n * timedelta(days=period.days + 30 * period.months) + n * period.exact
                    check(zone, anchor, period, backwards, rules)


def check(zone: str, anchor: datetime, period: Period, backwards: bool, rules: dict[str, str]) -> None:
    numbers = range(-11, 1) if backwards else range(12)
    parts = period._asdict()
    text = parts.pop("text")
    expected = repeat_times(anchor, zone, numbers, **parts, **rules)
    body = f"{text}/{anchor.isoformat()}" if backwards else f"{anchor.isoformat()}/{text}"
    trigger = RepeatTrigger(repeat=f"R12/{body}", timezone=zone)

    found = due_between(trigger, to_ms(utc(1900, 1, 1)), to_ms(utc(2200, 1, 1)), **rules)

    assert [rfc3339(due) for due in found] == ms(expected), (trigger, rules)


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: "-".join(rules.values()))
@pytest.mark.parametrize("anchor", [utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30), utc(2026, 3, 29, 1)])
@pytest.mark.parametrize("backwards", [False, True])
def test_an_anchor_that_is_an_instant_is_due_then_whatever_the_clocks_do(
    anchor: datetime, backwards: bool, rules: dict[str, str]
) -> None:
    numbers = range(-4, 1) if backwards else range(5)
    body = f"P1D/{anchor.isoformat()}" if backwards else f"{anchor.isoformat()}/P1D"
    trigger = RepeatTrigger(repeat=f"R5/{body}", timezone="Europe/Paris")

    found = due_between(trigger, to_ms(utc(2026, 1, 1)), to_ms(utc(2027, 1, 1)), **rules)

    assert [rfc3339(due) for due in found] == ms(repeat_times(anchor, "Europe/Paris", numbers, days=1, **rules))
    assert to_ms(anchor) == (found[-1] if backwards else found[0])


@pytest.mark.parametrize("day", [28, 29, 30, 31])
@pytest.mark.parametrize("rules", [RULES[0], RULES[3]], ids=lambda rules: "-".join(rules.values()))
def test_late_days_of_the_month_hold_for_forty_years(day: int, rules: dict[str, str]) -> None:
    anchor = datetime(1999, 12, day, 2, 30)  # noqa: DTZ001 - on the clock of the zone
    trigger = RepeatTrigger(repeat=f"R/{anchor.isoformat()}/P1M", timezone="America/New_York")

    found = due_between(trigger, 0, to_ms(utc(2040, 1, 1)), **rules)

    expected = repeat_times(anchor, "America/New_York", range(len(found) + 5), months=1, **rules)
    assert [rfc3339(due) for due in found] == ms([moment for moment in expected if moment < utc(2040, 1, 1)])


def test_weeks_go_on_through_years_of_53() -> None:
    anchor = datetime(2019, 12, 30, 7)  # noqa: DTZ001 - a Monday, on the clock of the zone
    trigger = RepeatTrigger(repeat="R/2019-12-30T07:00:00/P1W", timezone="Europe/Dublin")

    found = due_between(trigger, 0, to_ms(utc(2033, 1, 10)))

    assert [rfc3339(due) for due in found] == ms(repeat_times(anchor, "Europe/Dublin", range(len(found)), days=7))
    weeks = {tuple(datetime.fromtimestamp(due / 1000).isocalendar()[:2]) for due in found}  # noqa: DTZ006
    assert {(2020, 53), (2026, 53), (2032, 53)} <= weeks


@pytest.mark.parametrize("period", PERIODS, ids=lambda period: period.text)
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Apia", "Antarctica/Troll"])
def test_asked_at_any_time_the_answer_is_the_next_of_the_oracle(zone: str, period: Period) -> None:
    anchor = datetime(2011, 10, 31, 1, 30)  # noqa: DTZ001 - on the clock of the zone
    parts = period._asdict()
    trigger = RepeatTrigger(repeat=f"R/{anchor.isoformat()}/{parts.pop('text')}", timezone=zone)
    for rules in (RULES[0], RULES[3]):
        due = [to_ms(moment) for moment in repeat_times(anchor, zone, range(200), **parts, **rules)]
        step = (due[-1] - due[0]) // 1500
        for asked in [*range(due[0] - step, due[-1], step), *due[:-1], *(at - 1 for at in due)]:
            assert next_due(trigger, asked, **rules) == due[bisect_right(due, asked)], (asked, rules)


def test_a_zone_that_moved_by_more_than_a_day_since_the_start_loses_no_day() -> None:
    trigger = RepeatTrigger(repeat="R/1860-01-01T12:00:00/P1D", timezone="America/Juneau")  # sold in 1867

    due = next_due(trigger, to_ms(utc(2026, 1, 10, 20, 59)))

    assert due == to_ms(utc(2026, 1, 10, 21))

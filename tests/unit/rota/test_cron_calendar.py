"""Cron on the days when clocks change and in rare years, against an oracle that looks at every minute or every day."""

from __future__ import annotations

import time
from bisect import bisect_right
from datetime import date, datetime, timedelta

import pytest

from rota.schedules import due_between, next_due, upcoming
from rota.times import rfc3339, to_ms
from rota.triggers import CronTrigger
from tests.unit.rota import oracle
from tests.unit.rota.oracle import utc

CHANGE_DAYS = {
    "Europe/Paris": [utc(2026, 3, 28, 12), utc(2026, 10, 24, 12)],
    "America/New_York": [utc(2026, 3, 7, 17), utc(2026, 10, 31, 17), utc(2100, 3, 13, 17)],
    "Europe/London": [utc(2026, 3, 28, 12), utc(2026, 10, 24, 12), utc(2038, 3, 27, 12)],
    "Europe/Dublin": [utc(2026, 3, 28, 12), utc(2026, 10, 24, 12), utc(1971, 10, 30, 12)],
    "Australia/Lord_Howe": [utc(2026, 4, 4, 3), utc(2026, 10, 3, 3)],
    "Africa/Casablanca": [utc(2026, 2, 14, 12), utc(2026, 3, 21, 12), utc(1985, 12, 31, 0)],
    "Africa/Cairo": [utc(2026, 4, 23, 9), utc(2026, 10, 29, 9)],
    "America/Havana": [utc(2026, 3, 7, 17), utc(2026, 10, 31, 17)],
    "America/Sao_Paulo": [utc(2018, 2, 17, 12), utc(2018, 11, 3, 12), utc(2019, 2, 16, 12), utc(2026, 11, 1)],
    "Antarctica/Troll": [utc(2026, 3, 28, 12), utc(2026, 10, 24, 12)],
    "Asia/Tehran": [utc(2022, 3, 21, 9), utc(2022, 9, 21, 9), utc(2026, 3, 21)],
    "Pacific/Apia": [utc(2011, 12, 29, 18), utc(2012, 3, 31, 0)],
    "Asia/Kathmandu": [utc(2026, 3, 28, 12), utc(1985, 12, 31, 9)],
    "Etc/GMT+5": [utc(2028, 2, 28, 18)],
    "UTC": [utc(2028, 2, 28, 18), utc(2037, 12, 31, 18)],
}
EXPRESSIONS = [
    "30 2 * * *",
    "15 2,3 * * *",
    "15,45 0-3 * * *",
    "0 0 * * *",
    "30 0 * * *",
    "30 1 * * *",
    "0 3 * * *",
    "59 1 * * *",
    "5-55/10 1-2 * * *",
    "0 0-23 * * *",
    "0-59 2 * * *",
    "30 22-4 * * *",
    "* * * * *",
    "*/30 * * * *",
    "0/20 * * * *",
    "0 * * * *",
    "45 * * * *",
    "*/20 1-3 * * *",
    "*/20 2 * * *",
    "*/5 0 * * *",
    "*/7 2 * * *",
    "0 */2 * * *",
    "10 */3 L * *",
    "0 12 1,29-31 * SUN",
    "30 2 */2 * */2",
    "30 2 30 12 *",
    "59 23 * * 6L",
    "30 2 * * 0#5",
    "30 2 * * FRI-MON",
]
RULES = [{"gap": gap, "fold": fold} for gap in ("run_after", "skip") for fold in ("first", "both")]
SPAN = timedelta(days=2)
BY_DAY = {
    "UTC": (date(1999, 12, 1), date(2001, 3, 31)),
    "America/New_York": (date(2096, 1, 1), date(2104, 12, 31)),
    "Europe/London": (date(2025, 1, 1), date(2039, 1, 31)),
    "Pacific/Apia": (date(2011, 1, 1), date(2013, 1, 31)),
}
DAY_EXPRESSIONS = [
    "0 0 29 2 *",
    "30 2 29-31 * *",
    "30 2 31 * MON",
    "0 12 31 */2 *",
    "0 12 */10 * SUN",
    "30 1 L * *",
    "30 1 L-3,15 * *",
    "30 1 LW * *",
    "15 3 * * SUN",
    "0 6 * * MON",
    "0 6 28-31,1-4 12,1 *",
    "0 6 * JAN,DEC THU#5",
    "30 2 * 3,10 SUNL,MON#1",
    "30 2 * NOV-FEB/2 SAT-TUE/2",
    "0 0 13 * FRI",
    "0 0 * 2 MON#5",
]


def ms(moments: list[datetime]) -> list[str]:
    return [rfc3339(to_ms(moment)) for moment in moments]


def due_times(expression: str, zone: str, start: datetime, end: datetime, **rules: str) -> list[str]:
    trigger = CronTrigger(cron=expression, timezone=zone)
    return [rfc3339(due) for due in due_between(trigger, to_ms(start), to_ms(end), limit=10_000, **rules)]


@pytest.mark.parametrize("zone", CHANGE_DAYS)
def test_every_due_time_around_a_change_is_the_one_of_the_oracle(zone: str) -> None:
    for start in CHANGE_DAYS[zone]:
        end = start + SPAN
        for expression in EXPRESSIONS:
            for rules in RULES:
                expected = ms(oracle.due_times(expression, zone, start, end, **rules))
                assert due_times(expression, zone, start, end, **rules) == expected, (expression, start, rules)


@pytest.mark.parametrize("zone", CHANGE_DAYS)
def test_asked_at_every_minute_of_a_change_the_answer_is_the_next_of_the_oracle(zone: str) -> None:
    for start in CHANGE_DAYS[zone]:
        for expression in ("30 2 * * *", "*/30 * * * *", "15,45 0-3 * * *"):
            for rules in RULES:
                trigger = CronTrigger(cron=expression, timezone=zone)
                moments = oracle.due_times(expression, zone, start, start + 2 * SPAN, **rules)
                due = [to_ms(moment) for moment in moments]
                for minute in range(2 * 24 * 60):
                    asked = to_ms(start) + minute * 60_000
                    assert next_due(trigger, asked, **rules) == due[bisect_right(due, asked)], (asked, expression)


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: "-".join(rules.values()))
@pytest.mark.parametrize("expression", ["10 30 2 * * *", "*/20 30 2 * * *", "5 */20 2 * * *", "30 59 * * * *"])
@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        ("Europe/Paris", [utc(2026, 3, 29), utc(2026, 10, 25)]),
        ("Australia/Lord_Howe", [utc(2026, 4, 4, 14), utc(2026, 10, 3, 14)]),
    ],
)
def test_six_fields_are_those_of_the_oracle_to_the_second(
    zone: str, hours: list[datetime], expression: str, rules: dict[str, str]
) -> None:
    for start in hours:
        end = start + timedelta(hours=2)
        expected = oracle.due_times(expression, zone, start, end, step=timedelta(seconds=1), **rules)

        assert due_times(expression, zone, start, end, **rules) == ms(expected)


@pytest.mark.parametrize("rules", [RULES[0], RULES[3]], ids=lambda rules: "-".join(rules.values()))
@pytest.mark.parametrize("zone", BY_DAY)
def test_rare_days_over_years_are_those_of_the_oracle(zone: str, rules: dict[str, str]) -> None:
    first, last = BY_DAY[zone]
    margin = timedelta(days=2)  # days of the zone begin and end before or after those of UTC
    start, end = utc(*first.timetuple()[:3]), utc(*last.timetuple()[:3])
    for expression in DAY_EXPRESSIONS:
        moments = oracle.daily_times(expression, zone, first - margin, last + margin, **rules)
        expected = ms([moment for moment in moments if start <= moment < end])

        assert due_times(expression, zone, start, end, **rules) == expected, expression


def test_a_fixed_time_in_the_gap_runs_right_after_it() -> None:
    trigger = CronTrigger(cron="30 2 * * *", timezone="Europe/Paris")

    due = upcoming(trigger, to_ms(utc(2026, 3, 28, 12)), 2)

    assert [rfc3339(at) for at in due] == ["2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"]


def test_a_fixed_time_in_the_overlap_runs_once() -> None:
    trigger = CronTrigger(cron="30 2 * * *", timezone="Europe/Paris")

    due = upcoming(trigger, to_ms(utc(2026, 10, 24, 12)), 2)

    assert [rfc3339(at) for at in due] == ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]


def test_a_star_in_the_minute_follows_elapsed_time_through_gap_and_overlap() -> None:
    trigger = CronTrigger(cron="*/20 2 * * *", timezone="Europe/Paris")

    spring = due_between(trigger, to_ms(utc(2026, 3, 29)), to_ms(utc(2026, 3, 29, 12)))
    autumn = due_between(trigger, to_ms(utc(2026, 10, 25)), to_ms(utc(2026, 10, 25, 12)))

    assert spring == []
    assert [rfc3339(at)[11:16] for at in autumn] == ["00:00", "00:20", "00:40", "01:00", "01:20", "01:40"]


def test_a_whole_day_that_is_left_out_runs_once_when_the_next_begins() -> None:
    trigger = CronTrigger(cron="30 2 30 12 *", timezone="Pacific/Apia")

    due = next_due(trigger, to_ms(utc(2011, 12, 1)))

    assert due == to_ms(utc(2011, 12, 30, 10))


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 0 29 2 *", utc(2097, 1, 1), utc(2104, 2, 29)),
        ("0 0 * 2 MON#5", utc(2026, 1, 1), utc(2044, 2, 29)),
        ("0 0 29 2 */7", utc(2088, 3, 1), utc(2128, 2, 29)),
        ("0 0 31 12 *", utc(2037, 12, 31), utc(2038, 12, 31)),
        ("14 3 19 1 *", utc(2038, 1, 18), utc(2038, 1, 19, 3, 14)),
        ("0 0 1 1 ?", utc(2026, 1, 1), utc(2027, 1, 1)),
        ("@weekly", utc(2026, 1, 1), utc(2026, 1, 4)),
        ("0 0 LW * *", utc(2026, 5, 1), utc(2026, 5, 29)),
        ("0 0 13 * 5", utc(2026, 1, 1), utc(2026, 1, 2)),
    ],
)
def test_rare_days_are_found(expression: str, after: datetime, expected: datetime) -> None:
    assert next_due(CronTrigger(cron=expression), to_ms(after)) == to_ms(expected)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Pacific/Kiritimati", "Etc/GMT+12"])
def test_ticks_go_on_until_the_calendar_ends(zone: str) -> None:
    due = upcoming(CronTrigger(cron="@hourly", timezone=zone), to_ms(utc(9999, 12, 30)), 100)

    assert to_ms(utc(9999, 12, 31, 8)) <= due[-1] < to_ms(utc(9999, 12, 31, 23, 59))
    assert next_due(CronTrigger(cron="@yearly", timezone=zone), to_ms(utc(9999, 6, 1))) is None


def test_years_before_the_first_are_asked_about_without_harm() -> None:
    trigger = CronTrigger(cron="@daily", timezone="America/New_York", start="0001-01-01T00:00:00Z")

    assert next_due(trigger, -(10**15)) is not None


def test_a_thousand_questions_take_little_time() -> None:
    trigger = CronTrigger(cron="0 3 * * *", timezone="Europe/Paris")
    now = to_ms(utc(2026, 1, 1))
    next_due(trigger, now)

    began = time.thread_time()
    for n in range(1000):
        next_due(trigger, now + n)

    assert time.thread_time() - began < 0.1

"""Cron on the days when clocks change, against an oracle that looks at every minute."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest

from rota.schedules import next_due, upcoming
from rota.times import rfc3339, to_ms
from rota.triggers import CronTrigger
from tests.unit.rota.oracle import due_minutes, utc

CHANGE_DAYS = {
    "Europe/Paris": [utc(2026, 3, 28, 12), utc(2026, 10, 24, 12)],
    "America/New_York": [utc(2026, 3, 7, 17), utc(2026, 10, 31, 17)],
    "Europe/London": [utc(2026, 3, 28, 12), utc(2026, 10, 24, 12)],
    "Europe/Dublin": [utc(2026, 3, 28, 12), utc(2026, 10, 24, 12)],
    "Australia/Lord_Howe": [utc(2026, 4, 4, 3), utc(2026, 10, 3, 3)],
    "Africa/Casablanca": [utc(2026, 2, 14, 12), utc(2026, 3, 21, 12)],
    "Africa/Cairo": [utc(2026, 4, 23, 9), utc(2026, 10, 29, 9)],
    "America/Havana": [utc(2026, 3, 7, 17), utc(2026, 10, 31, 17)],
    "America/Sao_Paulo": [utc(2018, 2, 17, 12), utc(2018, 11, 3, 12), utc(2026, 11, 1)],
    "Antarctica/Troll": [utc(2026, 3, 28, 12), utc(2026, 10, 24, 12)],
    "Asia/Tehran": [utc(2022, 3, 21, 9), utc(2022, 9, 21, 9)],
    "Pacific/Apia": [utc(2011, 12, 29, 18), utc(2012, 3, 31, 0)],
    "Asia/Kathmandu": [utc(2026, 3, 28, 12), utc(1985, 12, 31, 9)],
    "UTC": [utc(2028, 2, 28, 18), utc(2037, 12, 31, 18)],
}
EXPRESSIONS = [
    "30 2 * * *",
    "15 2,3 * * *",
    "15,45 0-3 * * *",
    "0 0 * * *",
    "30 0 * * *",
    "30 1 * * *",
    "5-55/10 1-2 * * *",
    "* * * * *",
    "*/30 * * * *",
    "0 * * * *",
    "45 * * * *",
    "*/20 1-3 * * *",
    "*/5 0 * * *",
    "*/7 2 * * *",
    "0 */2 * * *",
    "10 */3 L * *",
    "0 12 1,29-31 * SUN",
    "30 2 */2 * */2",
    "59 23 * * 6L",
    "30 2 * * 0#5",
]
SPAN = timedelta(days=2)


def due_times(expression: str, zone: str, start: datetime, **rules: str) -> list[str]:
    trigger = CronTrigger(cron=expression, timezone=zone)
    found, at, end = [], to_ms(start) - 1, to_ms(start + SPAN)
    while (due := next_due(trigger, at, **rules)) is not None and due < end:
        found.append(rfc3339(due))
        at = due
    return found


@pytest.mark.parametrize("zone", CHANGE_DAYS)
def test_every_due_time_around_a_change_is_the_one_of_the_oracle(zone: str) -> None:
    for start in CHANGE_DAYS[zone]:
        for expression in EXPRESSIONS:
            expected = [rfc3339(to_ms(due)) for due in due_minutes(expression, zone, start, start + SPAN)]
            assert due_times(expression, zone, start) == expected, (expression, start)


@pytest.mark.parametrize(("gap", "fold"), [("skip", "first"), ("run_after", "both"), ("skip", "both")])
@pytest.mark.parametrize("zone", ["Europe/Paris", "Australia/Lord_Howe", "Africa/Casablanca", "America/Havana"])
def test_other_rules_of_the_job_are_those_of_the_oracle(zone: str, gap: str, fold: str) -> None:
    for start in CHANGE_DAYS[zone]:
        for expression in EXPRESSIONS:
            due = due_minutes(expression, zone, start, start + SPAN, gap=gap, fold=fold)
            expected = [rfc3339(to_ms(moment)) for moment in due]
            assert due_times(expression, zone, start, gap=gap, fold=fold) == expected, (expression, start)


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York", "Australia/Lord_Howe"])
def test_asked_at_any_minute_the_answer_is_the_next_of_the_oracle(zone: str) -> None:
    for start in CHANGE_DAYS[zone]:
        for expression in ("30 2 * * *", "*/30 * * * *", "15,45 0-3 * * *"):
            trigger = CronTrigger(cron=expression, timezone=zone)
            due = [to_ms(moment) for moment in due_minutes(expression, zone, start, start + 2 * SPAN)]
            for minute in range(0, 2 * 24 * 60, 7):
                asked = to_ms(start + timedelta(minutes=minute))
                assert next_due(trigger, asked) == next(moment for moment in due if moment > asked)


def test_a_fixed_time_in_the_gap_runs_right_after_it() -> None:
    trigger = CronTrigger(cron="30 2 * * *", timezone="Europe/Paris")

    due = upcoming(trigger, to_ms(utc(2026, 3, 28, 12)), 2)

    assert [rfc3339(at) for at in due] == ["2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"]


def test_a_fixed_time_in_the_overlap_runs_once() -> None:
    trigger = CronTrigger(cron="30 2 * * *", timezone="Europe/Paris")

    due = upcoming(trigger, to_ms(utc(2026, 10, 24, 12)), 2)

    assert [rfc3339(at) for at in due] == ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]


def test_a_whole_day_that_is_left_out_runs_once_when_the_next_begins() -> None:
    trigger = CronTrigger(cron="30 2 30 12 *", timezone="Pacific/Apia")

    due = next_due(trigger, to_ms(utc(2011, 12, 1)))

    assert due == to_ms(utc(2011, 12, 30, 10))


def test_six_fields_put_seconds_first() -> None:
    trigger = CronTrigger(cron="*/20 30 2 * * *", timezone="Europe/Paris")

    due = upcoming(trigger, to_ms(utc(2026, 6, 1, 0, 30)), 3)

    assert [rfc3339(at) for at in due] == [
        "2026-06-01T00:30:20.000Z",
        "2026-06-01T00:30:40.000Z",
        "2026-06-02T00:30:00.000Z",
    ]


def test_six_fields_at_a_fixed_time_run_once_in_gap_and_overlap() -> None:
    trigger = CronTrigger(cron="10 30 2 * * *", timezone="Europe/Paris")

    spring = upcoming(trigger, to_ms(utc(2026, 3, 28, 12)), 2)
    autumn = upcoming(trigger, to_ms(utc(2026, 10, 24, 12)), 2)

    assert [rfc3339(at)[:19] for at in spring] == ["2026-03-29T01:00:00", "2026-03-30T00:30:10"]
    assert [rfc3339(at)[:19] for at in autumn] == ["2026-10-25T00:30:10", "2026-10-26T01:30:10"]


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 0 29 2 *", utc(2097, 1, 1), utc(2104, 2, 29)),
        ("0 0 * 2 MON#5", utc(2026, 1, 1), utc(2044, 2, 29)),
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


def test_nothing_is_due_beyond_the_last_year_of_the_calendar() -> None:
    assert next_due(CronTrigger(cron="@yearly"), to_ms(utc(9999, 6, 1))) is None
    assert next_due(CronTrigger(cron="@hourly", timezone="Asia/Kathmandu"), to_ms(utc(9999, 12, 31, 23, 59))) is None


def test_a_thousand_questions_take_little_time() -> None:
    trigger = CronTrigger(cron="0 3 * * *", timezone="Europe/Paris")
    now = to_ms(utc(2026, 1, 1))
    next_due(trigger, now)

    began = time.perf_counter()
    for n in range(1000):
        next_due(trigger, now + n)

    assert time.perf_counter() - began < 0.5

"""ISO 8601 repeating intervals."""

from __future__ import annotations

import pytest

from rota.repeats import parse_repeat
from rota.schedules import next_due, upcoming
from rota.times import parse_rfc3339, rfc3339
from rota.triggers import RepeatTrigger


def due(
    repeat: str, count: int = 4, *, after: str = "1990-01-01T00:00:00Z", timezone: str = "UTC", **rules: str
) -> list[str]:
    trigger = RepeatTrigger(repeat=repeat, timezone=timezone)
    return [rfc3339(at)[:19] for at in upcoming(trigger, parse_rfc3339(after), count, **rules)]


def test_months_are_counted_from_the_anchor_and_clamped() -> None:
    assert due("R/2026-01-31T08:00:00Z/P1M", 5) == [
        "2026-01-31T08:00:00",
        "2026-02-28T08:00:00",
        "2026-03-31T08:00:00",
        "2026-04-30T08:00:00",
        "2026-05-31T08:00:00",
    ]


def test_a_leap_day_comes_back_in_leap_years() -> None:
    assert due("R/2024-02-29T00:00:00Z/P1Y", 5) == [
        "2024-02-29T00:00:00",
        "2025-02-28T00:00:00",
        "2026-02-28T00:00:00",
        "2027-02-28T00:00:00",
        "2028-02-29T00:00:00",
    ]


def test_the_number_counts_all_runs() -> None:
    assert due("R3/2026-01-01T00:00:00Z/PT5M", 9) == [
        "2026-01-01T00:00:00",
        "2026-01-01T00:05:00",
        "2026-01-01T00:10:00",
    ]


@pytest.mark.parametrize("text", ["R/2026-01-01T00:00:00Z/", "R/2026-01-01T00:00:00Z", "R1/2026-01-01T00:00:00Z/P0D"])
def test_without_a_duration_it_runs_once(text: str) -> None:
    assert due(text, 9) == ["2026-01-01T00:00:00"]


def test_start_and_end_repeat_the_length_between_them() -> None:
    assert due("R3/2026-01-01T00:00:00Z/2026-01-01T06:00:00Z", 9)[1:] == ["2026-01-01T06:00:00", "2026-01-01T12:00:00"]


def test_duration_and_end_count_back_from_the_end_which_is_the_last() -> None:
    assert due("R3/P1M/2026-03-31T00:00:00Z", 9) == [
        "2026-01-31T00:00:00",
        "2026-02-28T00:00:00",
        "2026-03-31T00:00:00",
    ]
    assert due("R/PT1H/2026-03-31T00:00:00Z", 9, after="2026-03-30T21:30:00Z") == [
        "2026-03-30T22:00:00",
        "2026-03-30T23:00:00",
        "2026-03-31T00:00:00",
    ]


def test_days_follow_the_clock_on_the_wall_and_hours_do_not() -> None:
    start, after = "2026-03-27T09:00:00+01:00", "2026-03-28T09:00:00Z"

    wall = due(f"R/{start}/P1D", 1, after=after, timezone="Europe/Paris")
    exact = due(f"R/{start}/PT24H", 1, after=after, timezone="Europe/Paris")

    assert (wall, exact) == (["2026-03-29T07:00:00"], ["2026-03-29T08:00:00"])


def test_a_start_without_offset_is_meant_on_the_clock_of_the_zone() -> None:
    assert due("R/2026-07-01T09:00:00/P1D", 1, timezone="Europe/Paris") == ["2026-07-01T07:00:00"]


def test_a_day_without_that_time_runs_after_the_gap_or_not_at_all() -> None:
    text, after = "R/2026-01-01T02:30:00+01:00/P1D", "2026-03-28T12:00:00Z"

    assert due(text, 1, after=after, timezone="Europe/Paris") == ["2026-03-29T01:00:00"]
    assert due(text, 1, after=after, timezone="Europe/Paris", gap="skip") == ["2026-03-30T00:30:00"]


def test_a_time_that_comes_twice_runs_once_or_both_times() -> None:
    text, after = "R/2026-01-01T02:30:00+01:00/P1D", "2026-10-24T12:00:00Z"

    once = due(text, 2, after=after, timezone="Europe/Paris")
    both = due(text, 2, after=after, timezone="Europe/Paris", fold="both")

    assert once == ["2026-10-25T00:30:00", "2026-10-26T01:30:00"]
    assert both == ["2026-10-25T00:30:00", "2026-10-25T01:30:00"]


@pytest.mark.parametrize("period", ["P1D", "P1W", "P1M", "P7M", "P1Y", "PT90M", "P1M3DT5H"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Australia/Lord_Howe"])
def test_a_jump_far_ahead_lands_where_walking_would(period: str, zone: str) -> None:
    repeat = parse_repeat(f"R/2012-01-31T02:15:00Z/{period}", zone)
    trigger = RepeatTrigger(repeat=f"R/2012-01-31T02:15:00Z/{period}", timezone=zone)
    walked = [repeat.due_times(k, "run_after", "first")[0] for k in range(400)]

    for one, another in zip(walked, walked[1:], strict=False):
        assert next_due(trigger, one) == another
        assert next_due(trigger, (one + another) // 2) == another


@pytest.mark.parametrize("form", ["R1/{}/", "R/{}/", "R/{}", "R1/{}/P0D", "R1/{}/P1D"])
def test_once_at_a_clock_time_follows_the_rules_for_gap_and_fold(form: str) -> None:
    missing, twice = form.format("2026-03-29T02:30:00"), form.format("2026-10-25T02:30:00")

    assert due(missing, 9, timezone="Europe/Paris") == ["2026-03-29T01:00:00"]
    assert due(missing, 9, timezone="Europe/Paris", gap="skip") == []
    assert due(twice, 9, timezone="Europe/Paris") == ["2026-10-25T00:30:00"]
    assert due(twice, 9, timezone="Europe/Paris", fold="both") == ["2026-10-25T00:30:00", "2026-10-25T01:30:00"]


def test_hours_are_counted_from_the_first_real_instant_whatever_the_rules_are() -> None:
    missing, twice = "R2/2026-03-29T02:30:00/PT30M", "R2/2026-10-25T02:30:00/PT30M"

    for rules in ({"gap": "skip", "fold": "both"}, {"gap": "run_after", "fold": "first"}):
        assert due(missing, timezone="Europe/Paris", **rules) == ["2026-03-29T01:00:00", "2026-03-29T01:30:00"]
        assert due(twice, timezone="Europe/Paris", **rules) == ["2026-10-25T00:30:00", "2026-10-25T01:00:00"]


def test_a_run_that_is_left_out_counts_as_one_of_the_number() -> None:
    text = "R3/2026-03-28T02:30:00/P1D"

    assert due(text, 9, timezone="Europe/Paris", gap="skip") == ["2026-03-28T01:30:00", "2026-03-30T00:30:00"]


def test_a_form_that_another_scheduler_exports_is_read() -> None:
    assert due("R/2012-06-04T19:25:16.828696-07:00/PT5M", 1, after="2026-01-01T00:00:00Z") == ["2026-01-01T00:00:16"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-01-01T00:00:00Z/P1M", "not a repeating interval"),
        ("R0/2026-01-01T00:00:00Z/P1M", "R0 is not allowed; .* R alone has no end"),
        ("R-1/2026-01-01T00:00:00Z/P1M", "not a repeating interval"),
        ("R٣/2026-01-01T00:00:00Z/P1M", "not a repeating interval"),
        ("R9999999999/2026-01-01T00:00:00Z/P1M", "number of runs is from 1 to"),
        ("R//P1M", "not a repeating interval"),
        ("R/P1M/", "is not a time"),
        ("R/2026-01-01T00:00:00Z/P-1M", "not an ISO 8601 duration"),
        ("R/20260101T000000Z/P1M", "'20260101T000000Z' is not a time like"),
        ("R/2026-01-01T00:00:00Z/2026-01-01T00:00:00Z", "later than the start"),
        ("R/2026-01-01/P1M", "'2026-01-01' is not a time like .* on the zone's own clock"),
        ("R/2026-01-01T00:00:00Z/1M", "not a time"),
        ("R/P1M", "not a time"),
        ("R/P1M/P1M", "not a time"),
        ("R5/2026-01-01T00:00:00Z/P0D", "longer than zero"),
        ("R/2026-01-01T00:00:00Z/2025-01-01T00:00:00Z", "later than the start"),
        ("R/2026-01-01T00:00:00Z/PT0.001S", "at least 100 milliseconds"),
        ("R/2026-02-30T00:00:00Z/P1M", "not a time"),
        ("R/a/b/c", "not a repeating interval"),
        ("R/2026-01-01T00:00:00Z/P99999Y", "not an ISO 8601|longer than any calendar"),
    ],
)
def test_what_does_not_repeat_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RepeatTrigger(repeat=text)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("head", ["R", "R1000000000"])
@pytest.mark.parametrize(
    ("period", "last"),
    [("P1000Y", "9026-01-01T12"), ("P1Y", "9999-01-01T12"), ("P1M", "9999-12-01T12"), ("PT12H", "9999-12-31T12")],
)
def test_a_repeat_ends_with_the_calendar(period: str, last: str, head: str, zone: str) -> None:
    text = f"{head}/2026-01-01T12:00:00Z/{period}"

    found = due(text, 1000, after=f"{last[:7]}-01T00:00:00Z", timezone=zone)

    assert found[-1] == f"{last}:00:00"
    assert due(text, after="9999-12-31T23:59:59.999Z", timezone=zone) == []


def test_a_clock_time_outside_of_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="outside of the years 1 to 9999 in America/New_York"):
        parse_repeat("R/0001-01-01T00:00:00Z/P1M", "America/New_York")
    with pytest.raises(ValueError, match="outside of the years 1 to 9999 in Asia/Tokyo"):
        parse_repeat("R/0001-01-01T00:00:00/P1M", "Asia/Tokyo")


def test_counting_back_ends_at_the_first_year() -> None:
    assert due("R/P1M/0001-03-31T00:00:00Z", 9, after="0001-01-01T00:00:00Z") == [
        "0001-01-31T00:00:00",
        "0001-02-28T00:00:00",
        "0001-03-31T00:00:00",
    ]

"""What pages decide without a server: times that people write, hours, rules in words, and where a page ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.api.problems import Problem
from console.api.shapes import JobTickShape
from console.pages.moments import field_value, hour_of, moment_in
from console.pages.policies import rules_of
from console.pages.upcoming import grouped, split_at
from rota.times import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, parse_rfc3339, rfc3339
from tests.factories import make_job

ZONES = ("", "UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe")
moments = st.integers(min_value=0, max_value=4_000_000_000_000)


@pytest.mark.parametrize(
    ("text", "zone", "at", "length"),
    [
        ("2026-05-04T08:30", "", "2026-05-04T08:30:00Z", MINUTE_MS),
        ("2026-05-04T08:30", "Europe/Berlin", "2026-05-04T06:30:00Z", MINUTE_MS),
        ("2026-05-04 08:30:15", "UTC", "2026-05-04T08:30:15Z", SECOND_MS),
        ("2026-05-04T08:30:15.250Z", "Europe/Berlin", "2026-05-04T08:30:15.250Z", SECOND_MS),
        ("2026-05-04T08:30+05:45", "Europe/Berlin", "2026-05-04T02:45:00Z", MINUTE_MS),
        ("2026-05-04", "Asia/Kathmandu", "2026-05-03T18:15:00Z", DAY_MS),
    ],
)
def test_time_is_read_in_its_zone_and_as_exactly_as_it_was_written(text: str, zone: str, at: str, length: int) -> None:
    moment = moment_in(text, zone, "at")

    assert (moment.at, moment.end - moment.at) == (parse_rfc3339(at), length)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "9999-12-31T23:59", "0001-01-01T00:00+14:00", "08:30"])
def test_what_is_no_time_is_refused_with_the_name_of_the_field(text: str) -> None:
    with pytest.raises(Problem) as refused:
        moment_in(text, "UTC", "until")

    assert refused.value.errors[0]["path"] == "until"


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_typed_is_a_time_or_refused(text: str, zone: str) -> None:
    try:
        moment = moment_in(text, zone, "at")
    except Problem:
        return
    assert moment.at < moment.end


@given(moments, st.sampled_from(ZONES))
def test_shown_time_is_read_back_as_the_same_unless_clocks_said_it_twice(at: int, zone: str) -> None:
    at -= at % SECOND_MS

    again = moment_in(field_value(at, zone), zone, "at").at

    # Where clocks go back, an hour (or half of one) comes twice, and the first is meant.
    assert again == at or (again < at and at - again <= HOUR_MS)


@given(moments, st.sampled_from(ZONES))
def test_hour_of_a_time_has_begun_and_is_not_over(at: int, zone: str) -> None:
    assert 0 <= at - hour_of(at, zone) < HOUR_MS
    assert field_value(hour_of(at, zone), zone).endswith(":00")


def tick(at: int, job: str = "nap") -> JobTickShape:
    return JobTickShape(due=rfc3339(at), job=job, trigger="every so often")


@given(st.lists(st.integers(min_value=0, max_value=20), max_size=30), st.integers(min_value=1, max_value=10))
def test_page_ends_between_two_times_and_the_rest_begins_there(seconds: list[int], most: int) -> None:
    ticks = [tick(second * SECOND_MS) for second in sorted(seconds)]

    shown, rest = split_at(ticks, most)

    assert (rest is None) == (len(ticks) <= most)
    assert shown == ticks[: len(shown)]
    if rest is not None:
        assert 1 <= len(shown) <= most
        assert all(parse_rfc3339(each.due) < rest for each in shown)


def test_ticks_of_one_trigger_share_the_row_of_their_hour() -> None:
    hours = grouped([*(tick(n * MINUTE_MS) for n in range(0, 90, 10)), tick(95 * MINUTE_MS, "doze")], "")

    told = [[(row.job, len(row.times), row.more) for row in hour.rows.values()] for hour in hours]
    assert told == [[("nap", 4, 2)], [("nap", 3, 0), ("doze", 1, 0)]]


@pytest.mark.parametrize(
    ("fields", "about", "words"),
    [
        ({"overlap": "allow_all"}, "Overlap", "any number of runs may be open at once"),
        ({"overlap": "buffer_all"}, "Overlap", "further runs wait for their turn, in order: one is open at a time"),
        (
            {"concurrency": {"key": "disk", "limit": 2}},
            "Overlap",
            "at most 2 runs are open at once with the key disk; a further run is skipped",
        ),
        (
            {"overlap": "allow_all", "concurrency": {"limit": 1}},
            "Overlap",
            "at most one run is open at once; further runs wait for their turn, in order",
        ),
        (
            {"rate": {"limit": 1, "period": "PT1H", "over": "skip"}},
            "Rate",
            "at most one start within 1 hour; what is over it is skipped",
        ),
        ({"catch_up": {"policy": "skip"}}, "Missed ticks", "none of them runs later"),
        (
            {"catch_up": {"policy": "last", "window": "PT2H"}},
            "Missed ticks",
            "the last one runs later, if it is of the last 2 hours",
        ),
        (
            {"catch_up": {"policy": "all"}},
            "Missed ticks",
            "all of the last 1 day run later, at most 100",
        ),
        ({"pause_after_failures": 1}, "Failures", "disabled after the first"),
        ({"jitter": "PT90S"}, "Jitter", "starts up to 1 minute 30 seconds after it is due"),
        ({"timeout": "PT1H"}, "Time limit", "a run ends after 1 hour"),
        ({"late_after": "PT5M"}, "Late", "when a run has not ended after 5 minutes"),
        ({"priority": "high"}, "Priority", "high"),
    ],
)
def test_rule_is_told_in_words(fields: dict[str, Any], about: str, words: str) -> None:
    assert rules_of(make_job(**fields)) == [(about, words)]


@pytest.mark.parametrize(
    ("retries", "words"),
    [
        ({"max": 1}, "a failed attempt is tried once more, after 30 seconds"),
        ({"max": 2, "backoff": "PT0S"}, "a failed attempt is tried up to 2 more times, at once"),
        (
            {"max": 3, "backoff": "PT1M"},
            "a failed attempt is tried up to 3 more times, after 1 minute, then each time 2 times later, at most 1 hour",
        ),
    ],
)
def test_retries_are_told_in_words(retries: dict[str, Any], words: str) -> None:
    steps = [{"id": "one", "actor": "sleep", "with": {"seconds": 0}, "retries": retries}]

    assert rules_of(make_job(steps=steps)) == [("Retries", words)]


def test_what_says_the_same_as_the_defaults_is_not_told() -> None:
    assert rules_of(make_job(overlap="skip", catch_up={"policy": "last", "limit": 100}, jitter="PT0S")) == []

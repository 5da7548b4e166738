"""When triggers are due: the properties that hold for all of them, and the rules of each kind."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rota.schedules import MAX_UPCOMING, describe, due_between, jittered, next_due, upcoming
from rota.times import DAY_MS, HOUR_MS, MAX_MS, MIN_MS, MINUTE_MS, parse_rfc3339, rfc3339
from rota.triggers import AtTrigger, CronTrigger, EventTrigger, EveryTrigger, RepeatTrigger, Trigger, trigger_key
from rota.zones import stretches
from tests.unit.rota.oracle import comes

ZONES = [
    *("UTC", "Etc/GMT+5", "Europe/Paris", "Europe/Dublin", "America/New_York", "America/Sao_Paulo"),
    *("Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "Asia/Tehran", "Pacific/Apia", "Antarctica/Troll"),
]
PERIODS = ["PT0.1S", "PT7M", "PT36H", "P1D", "P2W", "P1M", "P5M", "P1Y", "P1M1DT1H", "P1DT12H"]
TRIGGER = TypeAdapter(Trigger)

instants = st.integers(parse_rfc3339("1971-01-01T00:00:00Z"), parse_rfc3339("2060-01-01T00:00:00Z"))
zones = st.sampled_from(ZONES)


def field(low: int, high: int, steps: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str)
    spans = st.tuples(st.integers(low, high), st.integers(low, high)).map(lambda ends: f"{min(ends)}-{max(ends)}")
    return st.one_of(
        st.just("*"),
        number,
        spans,
        st.integers(1, steps).map("*/{}".format),
        st.lists(number, min_size=2, max_size=8).map(",".join),
    )


crons = st.builds(
    CronTrigger,
    cron=st.builds(
        "{}{} {} {} {} {}".format,
        st.just("") | field(0, 59, 59).map("{} ".format),
        field(0, 59, 59),
        field(0, 23, 23),
        field(1, 28, 20) | st.sampled_from(["L", "L-2", "LW", "29-31"]),
        field(1, 12, 12),
        field(0, 7, 6) | st.sampled_from(["5L", "FRI-MON", "SUN#1,3#2"]),
    ).filter(comes),
    timezone=zones,
)
everies = st.builds(
    EveryTrigger,
    every=st.integers(100, 40 * DAY_MS).map(lambda ms: f"PT{ms // 1000}.{ms % 1000:03d}S"),
    start=st.none() | instants.map(rfc3339),
)
repeats = st.builds(
    RepeatTrigger,
    timezone=zones,
    repeat=st.builds(
        lambda count, start, period, back: f"R{count}/{period}/{start}" if back else f"R{count}/{start}/{period}",
        st.sampled_from(["", "1", "5", "1000"]),
        instants.map(rfc3339) | instants.map(rfc3339).map(lambda text: text.removesuffix("Z")),
        st.sampled_from(PERIODS),
        st.booleans(),
    ),
)
ats = st.builds(AtTrigger, at=instants.map(rfc3339))
triggers = st.one_of(crons, everies, repeats, ats)
rules = st.fixed_dictionaries(
    {"gap": st.sampled_from(["run_after", "skip"]), "fold": st.sampled_from(["first", "both"])}
)


@settings(max_examples=600, deadline=None)
@given(trigger=triggers, first=instants, gap_ms=st.integers(0, 60 * DAY_MS), dst=rules)
def test_the_next_is_later_and_none_is_lost_between_two_instants(
    trigger: Trigger, first: int, gap_ms: int, dst: dict
) -> None:
    second = first + gap_ms

    early, late = next_due(trigger, first, **dst), next_due(trigger, second, **dst)

    assert early is None or early > first
    assert late is None or late > second
    if early is None:
        assert late is None
    elif early > second:
        assert late == early
    else:
        assert late is None or late > early


@settings(max_examples=200, deadline=None)
@given(trigger=triggers, after=instants)
def test_upcoming_are_the_next_ones_in_a_row(trigger: Trigger, after: int) -> None:
    due = upcoming(trigger, after, 5)

    assert due == sorted(set(due))
    assert due[:1] == [at for at in [next_due(trigger, after)] if at is not None]
    for one, another in zip(due, due[1:], strict=False):
        assert next_due(trigger, one) == another
        assert next_due(trigger, another - 1) == another


def walked(trigger: Trigger, first: int, dst: dict) -> tuple[list[int], int]:
    """Return up to forty due times after an instant, and the end of the span that holds no others."""
    due = upcoming(trigger, first, 40, **dst)
    return due, due[-1] + 1 if len(due) == 40 else first + 400 * DAY_MS


@settings(max_examples=300, deadline=None)
@given(trigger=triggers, first=instants, share=st.floats(0, 1), dst=rules)
def test_a_walk_in_two_parts_is_the_walk_as_a_whole(trigger: Trigger, first: int, share: float, dst: dict) -> None:
    due, end = walked(trigger, first, dst)
    middle = first + 1 + int((end - first - 1) * share)

    whole = due_between(trigger, first + 1, end, **dst)

    assert whole == [at for at in due if at < end]
    assert whole == due_between(trigger, first + 1, middle, **dst) + due_between(trigger, middle, end, **dst)


@settings(max_examples=300, deadline=None)
@given(trigger=triggers, first=instants, shares=st.lists(st.floats(0, 1), min_size=1, max_size=9), dst=rules)
def test_from_any_instant_the_next_is_the_first_of_the_walk_that_is_later(
    trigger: Trigger, first: int, shares: list[float], dst: dict
) -> None:
    due, end = walked(trigger, first, dst)

    for share in shares:
        asked = first + int((end - first - 2) * share)
        later = [at for at in due if at > asked]
        assert next_due(trigger, asked, **dst) == (later[0] if later else next_due(trigger, end - 1, **dst))


@settings(max_examples=150, deadline=None)
@given(trigger=triggers, asked=st.lists(instants, min_size=2, max_size=12), dst=rules)
def test_the_order_of_the_questions_changes_no_answer(trigger: Trigger, asked: list[int], dst: dict) -> None:
    answers = {at: next_due(trigger, at, **dst) for at in sorted(asked)}
    stretches.cache_clear()

    assert {at: next_due(trigger, at, **dst) for at in sorted(asked, reverse=True)} == answers


@settings(max_examples=150, deadline=None)
@given(trigger=triggers, after=st.integers(MIN_MS - DAY_MS, MAX_MS + DAY_MS), dst=rules)
def test_no_instant_leads_out_of_the_calendar(trigger: Trigger, after: int, dst: dict) -> None:
    due = next_due(trigger, after, **dst)

    assert due is None or after < due <= MAX_MS


def test_what_is_due_between_two_times_includes_the_start_and_not_the_end() -> None:
    start, end = parse_rfc3339("2026-01-01T00:00:00Z"), parse_rfc3339("2026-01-01T03:00:00Z")

    due = due_between(CronTrigger(cron="@hourly"), start, end)

    assert [rfc3339(at)[11:16] for at in due] == ["00:00", "01:00", "02:00"]
    assert due_between(CronTrigger(cron="@hourly"), start, end, limit=2) == due[:2]
    assert due_between(CronTrigger(cron="@hourly"), end, start) == []
    assert due_between(EventTrigger(event="entry.*"), start, end) == []


def test_a_list_of_due_times_has_a_limit_that_only_who_asks_for_a_span_can_raise() -> None:
    every_second = EveryTrigger(every="PT1S")

    assert len(upcoming(every_second, 0, 10**9)) == MAX_UPCOMING
    assert len(due_between(every_second, 0, DAY_MS)) == MAX_UPCOMING
    assert len(due_between(every_second, 0, DAY_MS, limit=10**9)) == DAY_MS // 1000


def test_an_endless_grid_ends_with_the_calendar() -> None:
    trigger = EveryTrigger(every="PT1H")

    assert [rfc3339(at) for at in upcoming(trigger, MAX_MS - HOUR_MS, 9)] == ["9999-12-31T23:00:00.000Z"]


def test_every_keeps_a_grid_from_1970() -> None:
    due = upcoming(EveryTrigger(every="PT15M"), parse_rfc3339("2026-01-01T00:07:00Z"), 2)

    assert [rfc3339(at) for at in due] == ["2026-01-01T00:15:00.000Z", "2026-01-01T00:30:00.000Z"]


def test_every_with_a_start_begins_exactly_there() -> None:
    trigger = EveryTrigger(every="PT1H", start="2026-01-01T00:20:00Z")

    due = upcoming(trigger, 0, 2)

    assert [rfc3339(at) for at in due] == ["2026-01-01T00:20:00.000Z", "2026-01-01T01:20:00.000Z"]


@pytest.mark.parametrize(
    "trigger",
    [
        EveryTrigger(every="PT1H", start="2026-01-01T00:00:00Z", end="2026-01-01T03:00:00Z"),
        CronTrigger(cron="0 * * * *", start="2026-01-01T00:00:00Z", end="2026-01-01T03:00:00Z"),
        RepeatTrigger(repeat="R/2020-01-01T00:00:00Z/PT1H", start="2026-01-01T00:00:00Z", end="2026-01-01T03:00:00Z"),
        RepeatTrigger(repeat="R4/2026-01-01T00:00:00Z/PT1H"),
        RepeatTrigger(repeat="R4/PT1H/2026-01-01T03:00:00Z"),
    ],
)
def test_bounds_include_both_ends(trigger: Trigger) -> None:
    due = [rfc3339(at) for at in upcoming(trigger, 0, 100)]

    assert due == [f"2026-01-01T0{hour}:00:00.000Z" for hour in range(4)]


def test_at_is_due_once() -> None:
    trigger = AtTrigger(at="2026-12-24T18:00:00+01:00")

    assert [rfc3339(at) for at in upcoming(trigger, 0, 5)] == ["2026-12-24T17:00:00.000Z"]


def test_an_event_trigger_is_never_due_by_itself() -> None:
    assert next_due(EventTrigger(event="entry.*"), 0) is None


def test_jitter_delays_each_tick_by_the_same_time_whoever_asks() -> None:
    starts = [jittered("purge", "0a1b", due, HOUR_MS) for due in range(0, 1000 * MINUTE_MS, MINUTE_MS)]

    delays = [start - n * MINUTE_MS for n, start in enumerate(starts)]
    assert all(0 <= delay <= HOUR_MS for delay in delays)
    assert len(set(delays)) > 900
    assert starts == [jittered("purge", "0a1b", due, HOUR_MS) for due in range(0, 1000 * MINUTE_MS, MINUTE_MS)]
    assert jittered("purge", "0a1b", 77, 0) == 77


def test_the_key_of_a_trigger_says_what_it_says() -> None:
    written = TRIGGER.validate_python({"cron": "0 3 * * *", "timezone": "UTC"})
    short = TRIGGER.validate_python({"cron": "0 3 * * *"})
    other = TRIGGER.validate_python({"cron": "0 4 * * *"})

    assert trigger_key(written) == trigger_key(short) != trigger_key(other)
    assert trigger_key(short) == "54f53f7851b3", "a changed key loses the ticks of every running installation"


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (CronTrigger(cron="0 3 1 * *", timezone="Europe/Paris"), "at 03:00, on day 1 of the month (Europe/Paris)"),
        (CronTrigger(cron="@daily"), "at 00:00 (UTC)"),
        (EveryTrigger(every="PT15M"), "every 15 minutes"),
        (EveryTrigger(every="PT1H", start="2026-01-01T00:00:00Z"), "every hour, from 2026-01-01 00:00 UTC"),
        (EveryTrigger(every="PT0.5S"), "every 0.5 seconds"),
        (RepeatTrigger(repeat="R/2026-01-01T00:00:00Z/P1M"), "every month from 2026-01-01 00:00 (UTC)"),
        (
            RepeatTrigger(repeat="R/2026-01-31T07:00:00Z/P1M", timezone="Europe/Paris"),
            "every month from 2026-01-31 08:00 (Europe/Paris)",
        ),
        (
            RepeatTrigger(repeat="R/2026-01-31T08:00:00/", timezone="Europe/Paris"),
            "once at 2026-01-31 08:00 (Europe/Paris)",
        ),
        (RepeatTrigger(repeat="R3/P1W/2026-01-01T00:00:00Z"), "every week until 2026-01-01 00:00, 3 times (UTC)"),
        (
            RepeatTrigger(repeat="R/2026-01-01T00:00:00Z/2026-01-01T01:30:00Z"),
            "every 1 hour 30 minutes from 2026-01-01 00:00 UTC",
        ),
        (RepeatTrigger(repeat="R1/2026-01-01T00:00:00Z/P1M"), "once at 2026-01-01 00:00 UTC"),
        (AtTrigger(at="2026-12-24T18:00:00+01:00"), "once at 2026-12-24 17:00 UTC"),
        (EventTrigger(event="entry.*", where="event.data.size > 3"), "on entry.* where event.data.size > 3"),
    ],
)
def test_a_trigger_is_described_in_words(trigger: Trigger, words: str) -> None:
    assert describe(trigger) == words

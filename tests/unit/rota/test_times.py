"""Times and durations as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.times import MAX_MS, MIN_MS, duration_ms, iso_duration, parse_duration, parse_rfc3339, rfc3339


@given(st.integers(MIN_MS, MAX_MS))
def test_every_instant_survives_being_written_and_read(ms: int) -> None:
    assert parse_rfc3339(rfc3339(ms)) == ms


@given(st.integers(0, 10**13))
def test_every_duration_survives_being_written_and_read(ms: int) -> None:
    assert duration_ms(iso_duration(ms)) == ms


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-01-31T18:00:00Z", "2026-01-31T18:00:00.000Z"),
        ("2026-01-31t18:00:00.5z", "2026-01-31T18:00:00.500Z"),
        ("2026-01-31 18:00:00.123456-07:30", "2026-02-01T01:30:00.123Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_read_with_their_offset(text: str, written: str) -> None:
    assert rfc3339(parse_rfc3339(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T18:00:00",
        "2026-02-30T00:00:00Z",
        "2026-01-01",
        "now",
        "",
        "2026-01-01T00:00:00+24:00",
        "0001-01-01T00:00:00+01:00",
        "٢026-01-01T00:00:00Z",
    ],
)
def test_what_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time|outside"):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("PT15M", 900_000),
        ("PT1H30M", 5_400_000),
        ("P1D", 86_400_000),
        ("P2W", 1_209_600_000),
        ("PT0.25S", 250),
        ("PT0,25S", 250),
        ("P1DT0.001S", 86_400_001),
        ("PT0S", 0),
    ],
)
def test_durations_of_fixed_length_have_milliseconds(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "15m", "P1DT", "PT1D", "-PT1S", "P1M2Y", "PT1.5H", "pt1s", "PT0.0001S", "P9999999999D", "P1D\n"],
)
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601|calendar|shorter"):
        duration_ms(text)


def test_months_have_no_fixed_length() -> None:
    with pytest.raises(ValueError, match="no fixed length"):
        duration_ms("P1M")

    assert parse_duration("P1Y2M3W4DT5S").months == 14
    assert parse_duration("P1Y2M3W4DT5S").days == 25


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "PT0S"), (250, "PT0.250S"), (90_061_001, "P1DT1H1M1.001S"), (60_000, "PT1M")]
)
def test_durations_are_written_short(ms: int, text: str) -> None:
    assert iso_duration(ms) == text


def test_instants_beyond_the_calendar_are_refused() -> None:
    for ms in (MIN_MS - 1, MAX_MS + 1):
        with pytest.raises(ValueError, match="years 1 to 9999"):
            rfc3339(ms)

"""Zones as stretches of constant offset, and the names that are taken for zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from rota.zones import instants_of, offset_at, stretch_at, stretches, zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def second(*parts: int) -> int:
    return int((datetime(*parts, tzinfo=UTC) - EPOCH).total_seconds())


@pytest.mark.parametrize("year", [1986, 2011, 2026, 2038, 2500])
def test_stretches_have_the_offsets_of_every_zone(year: int) -> None:
    # The names of one zone are one file, which the sample of every fifth name may leave to another year.
    for name in sorted(available_timezones() - {"Factory", "localtime"})[year % 5 :: 5]:
        where = ZoneInfo(name)
        for stretch in stretches(name, year):
            for instant in (stretch.start, *range(stretch.start, stretch.end, 40_000), stretch.end - 1):
                offset = (EPOCH + timedelta(seconds=instant)).astimezone(where).utcoffset()
                assert offset == timedelta(seconds=stretch.offset), (name, instant)


def test_stretches_follow_each_other_without_hole() -> None:
    instant, end = second(2009, 1, 1), second(2013, 1, 1)
    while instant < end:
        stretch = stretch_at("Pacific/Apia", instant)
        assert stretch is not None
        assert stretch.start == instant
        assert offset_at("Pacific/Apia", stretch.start - 1) == stretch.before
        instant = stretch.end


def test_changes_beyond_the_last_listed_one_follow_the_rule_of_the_zone() -> None:
    first = stretch_at("Europe/Paris", second(2600, 7, 1))
    assert first is not None

    assert (first.offset, first.before) == (7200, 3600)
    assert first.start == second(2600, 3, 30, 1)  # the last Sunday of March


@pytest.mark.parametrize("name", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/New_York"])
def test_the_calendar_has_a_stretch_at_both_ends_and_none_beyond(name: str) -> None:
    assert stretch_at(name, second(9999, 12, 31, 23, 59, 59)) is not None
    assert stretch_at(name, second(9999, 12, 31, 23, 59, 59) + 1) is None
    assert stretch_at(name, second(1, 1, 1) - 10**9) == stretches(name, 1)[0]


def test_a_clock_shows_a_time_once_never_or_twice() -> None:
    once, missing, twice = second(2026, 7, 1, 2, 30), second(2026, 3, 29, 2, 30), second(2026, 10, 25, 2, 30)

    assert instants_of("Europe/Paris", once, gap="skip", fold="both") == (once - 7200,)
    assert instants_of("Europe/Paris", missing, gap="skip", fold="both") == ()
    assert instants_of("Europe/Paris", missing, gap="run_after", fold="both") == (second(2026, 3, 29, 1),)
    assert instants_of("Europe/Paris", twice, gap="skip", fold="both") == (twice - 7200, twice - 3600)
    assert instants_of("Europe/Paris", twice, gap="skip", fold="first") == (twice - 7200,)


@pytest.mark.parametrize("name", ["Europe/Paris", "UTC", "Etc/GMT+5", "EST5EDT", "GMT", "America/Argentina/Ushuaia"])
def test_names_of_the_zone_database_are_zones(name: str) -> None:
    assert zone(name).key == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Europe/Pariss", "did you mean Europe/Paris"),
        ("europe/paris", "did you mean Europe/Paris.*Upper and lower case count"),
        ("AMERICA/NEW_YORK", "did you mean America/New_York"),
        ("+02:00", "the zone with this fixed offset is Etc/GMT-2, its sign is the other way round"),
        ("-0500", r"Etc/GMT\+5"),
        ("UTC+3", "Etc/GMT-3"),
        ("+05:30", "no zone has this fixed offset"),
        ("+15", "no zone has this fixed offset"),
        ("right/Europe/Paris", "is not a time zone"),
        ("localtime", "is not a time zone"),
        ("../../etc/passwd", "is not a time zone"),
        ("/etc/localtime", "is not a time zone"),
        ("Europe", "is not a time zone"),
        ("zone.tab", "is not a time zone"),
        ("", "is not a time zone"),
        ("Europe/Paris\0", "is not a time zone"),
        ("\ud800", "is not a time zone"),
    ],
)
def test_what_is_no_zone_is_refused_with_what_was_probably_meant(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        zone(name)

"""What a cron expression may say, what it means, and the words for it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from rota.cron_words import cron_words
from rota.crons import parse_cron
from tests.unit.rota.oracle import comes

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a clock on the wall has no zone


def next_walls(expression: str, after: datetime, count: int) -> list[datetime]:
    cron, found = parse_cron(expression), [after]
    for _ in range(count):
        second = cron.next_local(int((found[-1] - EPOCH).total_seconds()))
        assert second is not None
        found.append(EPOCH + timedelta(seconds=second))
    return found[1:]


def field(low: int, high: int, size: int) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high)
    # A range of one number with a step is taken by cronsim for a start without end.
    spans = st.tuples(numbers, numbers).filter(lambda ends: ends[0] < ends[1]).map("{0[0]}-{0[1]}".format)
    steps = st.integers(1, size).map(str)
    term = st.one_of(
        numbers.map(str), spans, st.builds("{}/{}".format, spans, steps), st.builds("{}/{}".format, numbers, steps)
    )
    return st.one_of(st.just("*"), steps.map("*/{}".format), term, st.lists(term, min_size=2, max_size=3).map(",".join))


expressions = st.builds(
    "{} {} {} {} {} {}".format,
    field(0, 59, 60),
    field(0, 59, 60),
    field(0, 23, 24),
    st.one_of(field(1, 28, 28), st.sampled_from(["L", "LW", "1,L"])),
    field(1, 12, 12),
    st.one_of(field(0, 7, 7), st.sampled_from(["5L", "SUN#1", "MON,3#2", "MON-FRI"])),
).filter(comes)
walls = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(lambda wall: wall.replace(microsecond=0))  # noqa: DTZ001


@settings(max_examples=400, deadline=None)
@given(expression=expressions, after=walls)
def test_cronsim_finds_the_same_times_on_a_clock_without_zone(expression: str, after: datetime) -> None:
    other = CronSim(expression, after)

    assert next_walls(expression, after, 3) == [next(other) for _ in range(3)]


@settings(max_examples=200, deadline=None)
@given(expression=expressions)
def test_every_expression_has_words(expression: str) -> None:
    assert cron_words(expression)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@Monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        (" @hourly ", "0 * * * *"),
        ("0 0 * * 7", "0 0 * * SUN"),
        ("0 0 * * 5-7", "0 0 * * FRI,SAT,SUN"),
        ("0 0 * * FRI-MON", "0 0 * * 0,1,5,6"),
        ("0 0 * * sat-sun", "0 0 * * 0,6"),
        ("0 0 * * 6-1/2", "0 0 * * 1,6"),
        ("0 0 * * 0-7/7", "0 0 * * 0"),
        ("0 22-4/2 * * *", "0 0,2,4,22 * * *"),
        ("0 0 1 nov-feb *", "0 0 1 1,2,11,12 *"),
        ("0 0 ? * 5#3", "0 0 * * FRI#3"),
        ("0 0 1 * ?", "0 0 1 * *"),
        ("0 0 * * FRIL", "0 0 * * 5L"),
        ("0 0 * * 7L", "0 0 * * SUNL"),
        ("*/60 * * * *", "0 * * * *"),
        ("50/15 5/10 * * *", "50 5,15 * * *"),
        ("10-20/15 * * * *", "10 * * * *"),
        ("05,5 * * * *", "5 * * * *"),
        ("0 30 2 * * *", "30 2 * * *"),
        ("0\t0  1 1 *", "0 0 1 1 *"),
    ],
)
def test_other_ways_of_writing_mean_the_same(written: str, plain: str) -> None:
    after = datetime(2026, 1, 1, 0, 0, 1)  # noqa: DTZ001

    assert next_walls(written, after, 60) == next_walls(plain, after, 60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("* * * *", "has 4 fields; allowed are five"),
        ("* * * * * * *", "has 7 fields"),
        ("", "has 0 fields"),
        ("0 " * 150, "has 300 characters, allowed are 200"),
        ("61 * * * *", "minute '61' is not valid; allowed: 0-59, with"),
        ("* 24 * * *", "hour '24' is not valid; allowed: 0-23"),
        ("60 * * * * *", "second '60' is not valid"),
        ("0 0 0 * *", "day-of-month '0' is not valid; allowed: 1-31, L"),
        ("0 0 * 13 *", "month '13' is not valid; allowed: 1-12 or JAN-DEC"),
        ("0 0 * MAI *", "month 'MAI' is not valid"),
        ("0 0 * * 8", "day-of-week '8' is not valid; allowed: 0-7 or SUN-SAT"),
        ("0 0 * * MON#6", "day-of-week 'MON#6' is not valid"),
        ("0 0 * * MONDAY", "day-of-week 'MONDAY' is not valid"),
        ("0 0 * * L", "day-of-week 'L' is not valid"),
        ("0 0 * * JANL", "day-of-week 'JANL' is not valid"),
        ("0 0 15W * *", "day-of-month '15W' is not valid"),
        ("0 0 L-0 * *", "day-of-month 'L-0' is not valid"),
        ("0 0 L-31 * *", "day-of-month 'L-31' is not valid"),
        ("0 0 L/2 * *", "day-of-month 'L/2' is not valid"),
        ("0 L * * *", "hour 'L' is not valid"),
        ("? * * * *", r"minute '\?' is not valid"),
        ("*/0 * * * *", "minute '\\*/0' is not valid; allowed: steps from 1 to 60"),
        ("*/90 * * * *", "allowed: steps from 1 to 60; for longer distances there are the triggers every and repeat"),
        ("0 0 1 */13 *", "month '\\*/13' is not valid; allowed: steps from 1 to 12"),
        ("0 0 * * */8", "allowed: steps from 1 to 7"),
        ("30-20 * * * *", "minute 30-20 runs backwards; to run over the end write 30-59,0-20"),
        ("0 0 28-3 * *", "day-of-month 28-3 runs backwards; to run over the end write 28-31,1-3"),
        ("1, * * * *", "minute '1,' is not valid"),
        ("1- * * * *", "minute '1-' is not valid"),
        ("-1 * * * *", "minute '-1' is not valid"),
        ("*5 * * * *", "minute '\\*5' is not valid"),
        ("1/2/3 * * * *", "minute '1/2/3' is not valid"),
        ("٣ * * * *", "minute '٣' is not valid"),
        ("0 0 31 2 *", "day-of-month 31 never comes in month 2"),
        ("0 0 30,31 FEB ?", "day-of-month 30,31 never comes in month FEB"),
        ("0 0 L-30 2,4 *", "day-of-month L-30 never comes in month 2,4"),
        ("0 0 */28 * SUN#3", r"day-of-month \*/28 never comes in month \* together with day-of-week SUN#3"),
        ("@every 5m", "'@every 5m' is unknown; allowed are .*@hourly.*; for a fixed grid use the trigger every"),
        ("@reboot", "use the trigger event: rota.started"),
        ("@fortnightly", "'@fortnightly' is unknown; allowed are .*or five or six fields"),
    ],
)
def test_what_is_no_expression_is_refused_with_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_cron(text)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("* * * * *", "every minute"),
        ("*/5 * * * *", "every 5 minutes"),
        ("*/5 * * * * *", "every 5 seconds"),
        ("*/25 * * * *", "at 0, 25, and 50 minutes past the hour"),
        ("0 */5 * * *", "at 00:00, 05:00, 10:00, 15:00 and 20:00"),
        ("@hourly", "every hour"),
        ("30 10 2 * * *", "at 02:10:30"),
        ("*/20 2 * * *", "every 20 minutes, between 02:00 and 02:59"),
        ("30 2 1,L * *", "at 02:30, on day 1 of the month and the last day of the month"),
        ("0 0 L-3 * *", "at 00:00, on the day 3 days before the last of the month"),
        ("0 0 LW * *", "at 00:00, on the last day from Monday to Friday of the month"),
        ("0 0 13 * 5", "at 00:00, on day 13 of the month or on Friday"),
        ("0 0 */15 * MON", "at 00:00, on day 1, 16 and 31 of the month if it is also Monday"),
        ("0 0 * * 5L,MON#1", "at 00:00, on the last Friday of the month and the first Monday of the month"),
        ("0 0 * * FRI-MON,WED", "at 00:00, on Friday to Monday and Wednesday"),
        ("0 0 * * */3", "at 00:00, on Sunday, Wednesday and Saturday"),
        ("0 0 29-31 NOV-FEB,6 ?", "at 00:00, on day 29 to 31 of the month, in November to February and June"),
        ("0 0 1 */6 *", "at 00:00, on day 1 of the month, in January and July"),
    ],
)
def test_an_expression_is_told_in_words(expression: str, words: str) -> None:
    assert cron_words(expression) == words

"""What a body says is kept, bounded, and told at most five times a second."""

from __future__ import annotations

import msgspec
import pytest

from rota.clock import ManualClock
from rota.runs import MAX_MESSAGE_BYTES, Progress
from store.folding import MAX_LINES
from workers import reports as module
from workers.reports import Reports


@pytest.fixture
def clock():
    return ManualClock(now_ms=1_000, monotonic=50.0)


@pytest.fixture
def reports(clock):
    return Reports(clock)


def test_nothing_is_due_until_something_is_said(reports, clock):
    assert reports.due is None

    reports.progress(Progress(done=1))

    assert reports.due <= clock.monotonic()


def test_reports_come_at_most_five_times_a_second_and_the_last_one_counts(reports, clock):
    reports.progress(Progress(done=1))
    assert reports.take().progress.done == 1

    for done in range(2, 10):
        reports.progress(Progress(done=done))

    assert reports.due == pytest.approx(clock.monotonic() + 0.2)
    assert reports.take().progress.done == 9
    assert reports.due is None


def test_lines_are_numbered_through(reports):
    reports.log("info", "one")
    first = reports.take().lines
    reports.log("error", "two")
    second = reports.take().lines

    assert [(line.n, line.level, line.message) for line in first + second] == [(1, "info", "one"), (2, "error", "two")]


def test_lines_that_come_too_fast_are_dropped_and_counted(reports):
    for number in range(module.MAX_WAITING_LINES + 5):
        reports.log("info", f"{number}")

    taken = reports.take()

    assert len(taken.lines) == module.MAX_WAITING_LINES + 1
    assert taken.lines[-1].message.startswith("5 lines dropped")
    assert reports.take().lines == ()


def test_a_flood_stays_bounded_in_bytes(reports):
    for _ in range(500):
        reports.log("info", "x" * 100_000)

    size = sum(len(line.message) for line in reports.take().lines)

    assert size < module.MAX_WAITING_BYTES + 200


def test_an_attempt_has_a_last_line(reports):
    lines = []
    for number in range(MAX_LINES + 50):
        reports.log("info", f"{number}")
        if number % 500 == 0:
            lines += reports.take().lines
    lines += reports.take().lines

    assert [line.n for line in lines] == list(range(1, MAX_LINES + 1))


def test_long_lines_and_strange_ones_are_made_fit(reports):
    reports.log("info", "x" * 100_000)
    reports.log("info", "\0\ud800")
    reports.log("info", object())

    taken = reports.take()

    assert len(taken.lines[0].message.encode()) <= MAX_MESSAGE_BYTES
    msgspec.json.encode(taken)


def test_a_checkpoint_is_what_it_was_when_it_was_given(reports):
    state = {"done": [1]}
    reports.checkpoint(state)
    state["done"].append(2)

    assert bytes(reports.take().checkpoint) == b'{"done":[1]}'
    assert reports.take().checkpoint is msgspec.UNSET
    assert bytes(reports.kept) == b'{"done":[1]}'


@pytest.mark.parametrize("state", [object(), {"x": "y" * 40_000}])
def test_a_checkpoint_that_cannot_be_kept_is_told_and_the_last_one_stays(reports, state):
    reports.checkpoint({"good": 1})
    reports.take()

    reports.checkpoint(state)

    taken = reports.take()
    assert taken.checkpoint is msgspec.UNSET
    assert [line.level for line in taken.lines] == ["error"]
    assert bytes(reports.kept) == b'{"good":1}'


def test_what_another_collected_is_taken_over(reports, clock):
    other = Reports(clock)
    other.log("info", "theirs")
    other.checkpoint(None)
    other.progress(Progress(done=2))
    sent = msgspec.json.decode(msgspec.json.encode(other.take()), type=module.Taken)
    reports.log("info", "ours")

    reports.absorb(sent)

    taken = reports.take()
    assert [(line.n, line.message) for line in taken.lines] == [(1, "ours"), (2, "theirs")]
    assert taken.progress.done == 2
    assert bytes(taken.checkpoint) == b"null"

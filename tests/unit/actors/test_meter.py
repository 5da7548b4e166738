from __future__ import annotations

import pytest

from actors.syncing.meter import Meter, lasting, sized
from actors.testing import RecordingRun


def test_reports_come_a_few_times_a_second_at_most():
    run, now = RecordingRun(), [100.0]
    meter = Meter(run, label="files", monotonic=lambda: now[0])

    for _ in range(1000):
        meter.add(1, 10)
        now[0] += 0.01

    assert 30 <= len(run.reports) <= 40
    assert run.reports[0] == (1, None, "entries", "files: 10 bytes")
    assert run.reports[-1].text.endswith(", 100 entries/s")


def test_what_is_left_is_estimated_from_the_rate():
    run, now = RecordingRun(), [100.0]
    meter = Meter(run, label="files", entries=500, size=0, monotonic=lambda: now[0])
    meter.total = 10_500

    meter.add(1_000, 1536 * 1024**2)
    now[0] += 10
    meter.report()

    assert run.reports[-1] == (1_500, 10_500, "entries", "files: 1.5 GiB, 100 entries/s, about 2 min left")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (7300, "2 h")]
)
def test_times_are_readable(seconds, text):
    assert lasting(seconds) == text


def test_total_is_what_is_expected_until_there_is_more():
    run = RecordingRun()
    meter = Meter(run, label="files")
    meter.total = 2

    for _ in range(3):
        meter.add(1, 0)
        meter.report()
    meter.report(ended=True)

    assert [report.total for report in run.reports][-4:] == [2, 2, None, 3]


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1536 * 1024**2, "1.5 GiB"), (2**80, "1048576.0 EiB")],
)
def test_sizes_are_readable(size, text):
    assert sized(size) == text

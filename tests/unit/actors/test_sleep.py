from __future__ import annotations

import sys

import pytest

from actors.sleep import SleepParams, sleep
from actors.testing import RecordingRun
from rota.errors import Cancelled

module = sys.modules["actors.sleep"]


def test_sleep_reports_its_end():
    run = RecordingRun()

    sleep(run, SleepParams(seconds=0.01))

    assert run.reports[-1][:3] == (0.01, 0.01, "seconds")


def test_cancel_is_answered_within_half_a_second(monkeypatch):
    slept = []
    run = RecordingRun()
    run.on_check = lambda number: run.interrupt(Cancelled("by a person")) if len(slept) == 3 else None
    monkeypatch.setattr(module.time, "sleep", slept.append)

    with pytest.raises(Cancelled):
        sleep(run, SleepParams(seconds=60))

    # It looks whether it shall end after each of them.
    assert len(slept) == 3
    assert max(slept) < 0.5


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 86_401])
def test_odd_times_are_refused(seconds):
    with pytest.raises(ValueError, match="seconds"):
        SleepParams(seconds=seconds)

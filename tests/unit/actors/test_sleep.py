from __future__ import annotations

import threading
import time

import pytest

from actors.sleep import SleepParams, sleep
from actors.testing import RecordingRun
from rota.errors import Cancelled


def test_sleep_reports_its_end():
    run = RecordingRun()

    sleep(run, SleepParams(seconds=0.01))

    assert run.reports[-1][:3] == (0.01, 0.01, "seconds")


def test_cancel_is_answered_within_half_a_second():
    run = RecordingRun()
    ended = threading.Event()

    def body():
        with pytest.raises(Cancelled):
            sleep(run, SleepParams(seconds=60))
        ended.set()

    thread = threading.Thread(target=body)
    thread.start()
    asked = time.monotonic()
    run.interrupt(Cancelled("by a person"))
    assert ended.wait(5)
    thread.join()

    assert time.monotonic() - asked < 0.5


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 86_401])
def test_odd_times_are_refused(seconds):
    with pytest.raises(ValueError, match="seconds"):
        SleepParams(seconds=seconds)

"""Log lines: an event and its fields."""

from __future__ import annotations

import json
import logging

import pytest

from rota.logs import JsonLines, TextLines


def make_record(**fields):
    record = logging.LogRecord("workers.child", logging.WARNING, "", 0, "attempt.ended", (), None)
    record.created, record.msecs = 1_800_000_000.25, 250.0
    vars(record).update(fields)
    return record


def test_a_line_for_programs():
    line = json.loads(JsonLines().format(make_record(task="t", error=None)))

    assert line == {
        "at": "2027-01-15T08:00:00.250Z",
        "level": "warning",
        "logger": "workers.child",
        "event": "attempt.ended",
        "task": "t",
        "error": None,
    }


def test_a_line_for_people():
    line = TextLines().format(make_record(task="t", error=None))

    assert line == "2027-01-15T08:00:00.250Z WARNING attempt.ended task=t"


@pytest.mark.parametrize("form", [JsonLines(), TextLines()])
def test_a_traceback_is_not_lost(form):
    try:
        raise ValueError("why")
    except ValueError as error:
        record = make_record(exc_info=(ValueError, error, error.__traceback__))

    assert "ValueError: why" in form.format(record)

"""Causes, failures, and the messages between scheduler and workers."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.errors import InvalidMessage
from rota.ids import new_id
from rota.messages import LogLine, Outcome, RetryPolicy, TaskMessage, decode_outcome, decode_task, encode
from rota.runs import Cause, Failure, Progress, cut_middle, plain_text

TASK = TaskMessage(task="t", run="r", job="purge", step="s", actor="purge", queue="default")


def test_a_task_survives_being_sent() -> None:
    task = TaskMessage(
        task=new_id(),
        run=new_id(),
        job="purge",
        step="one",
        actor="purge",
        queue="files",
        params={"paths": ["a", "é"], "n": 1, "f": 1.5, "none": None},
        priority="high",
        attempt=3,
        timeout_ms=1000,
        retries=RetryPolicy(max=3),
        state={"after": "a"},
        chain=("sync",),
    )

    assert decode_task(encode(task)) == task
    assert decode_task(encode(TASK)) == TASK


def test_an_outcome_survives_being_sent() -> None:
    outcome = Outcome(
        kind="finished",
        task="t",
        run="r",
        fence=7,
        attempt=2,
        worker="w",
        at=5,
        state="failed",
        error=Failure(type="ValueError", message="no"),
        progress=Progress(done=1, total=2, unit="files"),
        lines=(LogLine(n=1, at=4, level="info", message="hello"),),
    )

    assert decode_outcome(encode(outcome)) == outcome


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"task": 1}', b"[" * 100_000, "\ud800"])
def test_what_is_not_a_message_is_refused(data: bytes | str) -> None:
    for decode in (decode_task, decode_outcome):
        with pytest.raises(InvalidMessage):
            decode(data)


@pytest.mark.parametrize("value", [object(), "\ud800", "x" * 300_000])
def test_what_cannot_be_sent_is_refused(value: object) -> None:
    with pytest.raises(InvalidMessage):
        encode(TaskMessage(task="t", run="r", job="j", step="s", actor="a", queue="q", params={"value": value}))


def test_causes_of_different_origin_never_share_a_key() -> None:
    causes = [
        Cause.of_tick("0a1b", 5),
        Cause.of_tick("0a1b", 6),
        Cause.of_event(source="a:b", event_id="c", event_type="t"),
        Cause.of_event(source="a", event_id="b:c", event_type="t"),
        Cause.of_person("ann", "1"),
        Cause.of_parent("run", "1"),
    ]

    assert len({cause.key for cause in causes}) == len(causes)
    assert causes[0].key == "tick:0a1b:5"


def test_a_failure_says_what_and_where() -> None:
    try:
        raise ValueError("no \ud800 such\0 thing")
    except ValueError as error:
        failure = Failure.from_exception(error)

    assert (failure.type, failure.message) == ("ValueError", "no \ufffd such\ufffd thing")
    assert "test_runs_and_messages" in failure.traceback


def test_an_exception_that_cannot_be_shown_is_still_reported() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert "RuntimeError" in Failure.from_exception(Broken()).message


@given(st.text(max_size=300), st.integers(0, 400))
def test_a_cut_text_fits_and_keeps_both_ends(text: str, limit: int) -> None:
    cut = cut_middle(text, limit)

    assert len(cut.encode()) <= limit
    if len(text.encode()) <= limit:
        assert cut == text
    elif limit > 100:
        assert cut[:5] == text[:5]
        assert cut[-5:] == text[-5:]
        assert "middle cut" in cut


@given(st.text(st.characters(exclude_categories=())))
def test_plain_text_fits_into_any_database(text: str) -> None:
    plain = plain_text(text)

    assert "\0" not in plain
    assert plain.encode().decode() == plain
    assert plain_text(plain) == plain


def test_light_modules_do_not_import_pydantic() -> None:
    modules = ["errors", "clock", "ids", "times", "loop", "states", "runs", "messages", "events"]
    code = f"import sys, {', '.join(f'rota.{name}' for name in modules)}; sys.exit('pydantic' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

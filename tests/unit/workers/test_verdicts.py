"""What becomes of a task: one table, and the cases that are easily got wrong."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.lease import Action, Lease
from rota.errors import Cancelled, LeaseLost, Paused, PermanentError, ShuttingDown, TemporaryError, TimedOut
from rota.messages import MAX_MESSAGE_BYTES, LogLine, Outcome, RetryPolicy, TaskMessage, decode_outcome
from rota.runs import Failure, Progress
from workers.endings import Ending, ending_of
from workers.reports import Taken
from workers.stops import Interruption, Stop
from workers.verdicts import Circumstances, encode_fitting, judge, retry_delay_ms

NOW = 1_800_000_000_000
STATE = msgspec.Raw(b'{"at":7}')


def make_task(**fields):
    given = {"task": "t", "run": "r", "job": "j", "step": "s", "actor": "a", "queue": "q"}
    return TaskMessage(**{**given, **fields})


def circumstances(**fields):
    lease = Lease(id="t", queue="q", fence=5, checkpoint=fields.pop("kept", b""))
    return Circumstances(**{"lease": lease, "worker": "w", "started_at": NOW - 100, "now": NOW, **fields})


def judged(ending, task=None, **fields):
    judgement = judge(ending, task or make_task(), circumstances(**fields))
    return judgement, decode_outcome(judgement.verdict.outcome)


RETRIES = RetryPolicy(max=2, backoff_ms=1000, factor=3.0, jitter=0.0)


@pytest.mark.parametrize(
    ("error", "asked", "attempt", "state", "action"),
    [
        (None, None, 1, "succeeded", Action.ACK),
        (None, Stop.CANCELLED, 1, "cancelled", Action.ACK),
        (None, Stop.PAUSED, 1, "succeeded", Action.ACK),
        (None, Stop.SHUTTING_DOWN, 1, "succeeded", Action.ACK),
        (None, Stop.TIMED_OUT, 1, "succeeded", Action.ACK),
        (None, Stop.LEASE_LOST, 1, "queued", Action.BACK),
        (ValueError("x"), None, 1, "retrying", Action.AGAIN),
        (ValueError("x"), None, 2, "retrying", Action.AGAIN),
        (ValueError("x"), None, 3, "failed", Action.ACK),
        (TemporaryError("x"), None, 3, "failed", Action.ACK),
        (PermanentError("x"), None, 1, "failed", Action.ACK),
        (MemoryError(), None, 1, "retrying", Action.AGAIN),
        (SystemExit(1), None, 1, "retrying", Action.AGAIN),
        (Cancelled(), Stop.CANCELLED, 1, "cancelled", Action.ACK),
        (Paused(), Stop.PAUSED, 1, "paused", Action.ACK),
        (ShuttingDown(), Stop.SHUTTING_DOWN, 1, "queued", Action.BACK),
        (LeaseLost(), Stop.LEASE_LOST, 1, "queued", Action.BACK),
        (TimedOut(), Stop.TIMED_OUT, 1, "retrying", Action.AGAIN),
        (TimedOut(), Stop.TIMED_OUT, 3, "failed", Action.ACK),
        (Interruption(), Stop.CANCELLED, 1, "cancelled", Action.ACK),
        (Interruption(), Stop.SHUTTING_DOWN, 1, "queued", Action.BACK),
        # Nobody asked: the body raised it itself.
        (Interruption(), None, 1, "retrying", Action.AGAIN),
        # It failed while it was asked to end; what was asked for wins where a person asked.
        (ValueError("x"), Stop.CANCELLED, 1, "cancelled", Action.ACK),
        (ValueError("x"), Stop.PAUSED, 1, "retrying", Action.AGAIN),
        # It heard of a pause, and a cancel came while it was cleaning up.
        (Paused(), Stop.CANCELLED, 1, "cancelled", Action.ACK),
    ],
)
def test_every_ending_has_its_verdict(error, asked, attempt, state, action):
    ending = Ending(how="done", result=1) if error is None else ending_of(error, asked)

    judgement, outcome = judged(ending, make_task(retries=RETRIES, attempt=attempt), asked=asked)

    assert (judgement.state, outcome.state, judgement.verdict.action) == (state, state, action)
    assert (outcome.fence, outcome.attempt, outcome.worker) == (5, attempt, "w")
    assert (outcome.started_at, outcome.at) == (NOW - 100, NOW)
    if state in ("queued", "cancelled", "paused", "succeeded"):
        assert outcome.error is None, "an attempt that is handed back with an error counts as lost"


def test_a_stop_wrapped_in_another_error_is_still_a_stop():
    try:
        try:
            raise Cancelled
        except Cancelled as told:
            raise ValueError("could not clean up") from told
    except ValueError as error:
        ending = ending_of(error, Stop.CANCELLED)

    assert (ending.how, ending.stop) == ("stopped", Stop.CANCELLED)


def test_a_repeat_asks_for_the_next_attempt_after_its_delay():
    judgement, outcome = judged(ending_of(ValueError("x"), None), make_task(retries=RETRIES, attempt=2))

    verdict = judgement.verdict
    assert (verdict.again.attempt, verdict.delay_ms) == (3, 3000)
    assert outcome.retry_at == NOW + 3000
    assert outcome.error.type == "ValueError"


@pytest.mark.parametrize(
    ("kept", "checkpoint", "state"),
    [(b"", STATE, {"at": 7}), (b'{"at":3}', STATE, {"at": 7}), (b'{"at":3}', None, {"at": 3}), (b"", None, {"at": 1})],
)
def test_a_repeat_continues_from_the_newest_state(kept, checkpoint, state):
    known = {} if checkpoint is None else {"checkpoint": checkpoint}

    judgement, _ = judged(
        ending_of(ValueError("x"), None), make_task(retries=RETRIES, state={"at": 1}), kept=kept, **known
    )

    assert msgspec.json.decode(msgspec.json.encode(judgement.verdict.again.state)) == state


def test_the_error_may_say_when_to_come_back():
    judgement, _ = judged(ending_of(TemporaryError("x", delay_ms=70), None), make_task(retries=RETRIES))

    assert judgement.verdict.delay_ms == 70


@pytest.mark.parametrize(
    ("attempt", "spread", "delay"),
    [(1, 0.0, 1000), (2, 0.0, 2000), (3, 0.0, 4000), (4, 0.0, 5000), (2, 1.0, 2200), (2, -1.0, 1800), (9999, 0, 5000)],
)
def test_repeats_wait_longer_and_longer(attempt, spread, delay):
    policy = RetryPolicy(backoff_ms=1000, factor=2.0, max_backoff_ms=5000, jitter=0.1)

    assert retry_delay_ms(policy, attempt, spread) == delay


@given(
    st.builds(
        RetryPolicy,
        backoff_ms=st.integers(0, 10**8),
        factor=st.floats(1, 10),
        max_backoff_ms=st.integers(0, 10**8),
        jitter=st.floats(0, 1),
    ),
    st.integers(1, 100),
    st.floats(-1, 1),
)
def test_a_wait_stays_within_the_share_of_its_jitter(policy, attempt, spread):
    plain = retry_delay_ms(policy, attempt, 0)
    moved = retry_delay_ms(policy, attempt, spread)

    assert plain <= policy.max_backoff_ms
    assert plain <= retry_delay_ms(policy, attempt + 1, 0) + 1
    assert abs(moved - plain) <= plain * policy.jitter + 2


def test_what_was_said_last_goes_with_the_end():
    rest = Taken(
        progress=Progress(done=3), lines=(LogLine(n=1, at=NOW, level="info", message="done"),), checkpoint=STATE
    )

    _, paused = judged(ending_of(Paused(), Stop.PAUSED), rest=rest, checkpoint=STATE)
    _, succeeded = judged(Ending(how="done"), rest=rest, checkpoint=STATE)

    assert (paused.progress.done, paused.lines[0].message, paused.checkpoint) == (3, "done", {"at": 7})
    assert succeeded.checkpoint is None


def test_an_outcome_that_is_too_large_loses_what_matters_least():
    line = LogLine(n=1, at=NOW, level="info", message="\x01" * 60_000)
    outcome = Outcome(
        kind="finished", task="t", run="r", fence=1, attempt=1, worker="w", at=NOW, lines=(line,), result={"a": 1}
    )

    lean = decode_outcome(encode_fitting(outcome))
    bare = decode_outcome(encode_fitting(msgspec.structs.replace(outcome, result="x" * MAX_MESSAGE_BYTES)))

    assert (lean.lines, lean.result, lean.error) == ((), {"a": 1}, None)
    assert (bare.result, bare.error.type) == (None, "InvalidMessage")


def test_a_long_error_keeps_its_beginning_and_its_end():
    ending = ending_of(ValueError("begin " + "x" * 200_000 + " end"), None)

    failure: Failure = ending.failure
    assert len(msgspec.json.encode(failure)) < 70_000
    assert failure.message.startswith("begin")
    assert failure.message.endswith("end")


def test_where_an_attempt_was_when_its_time_was_over():
    def slow():
        raise Interruption

    try:
        slow()
    except Interruption as error:
        ending = ending_of(error, Stop.TIMED_OUT)

    assert ending.failure.type == "TimedOut"
    assert "in slow" in ending.failure.traceback

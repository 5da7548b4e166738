"""Why a job ran at a time, or why it did not."""

from __future__ import annotations

import pytest

from rota.clock import SystemClock
from rota.errors import NotFound
from rota.runs import Cause
from rota.schedules import jittered
from rota.states import RunState
from rota.times import DAY_MS, rfc3339
from rota.triggers import trigger_key
from scheduler.admission.admitting import admit
from scheduler.admission.drafts import Request
from scheduler.timing.explaining import Explanation, explain
from store.queries import jobs, switches, ticks
from store.queries.runs import clear_history
from store.records import TickRecord
from tests.factories import make_job
from tests.integration.scheduler.conftest import REGISTRY, World

HOUR_MS = DAY_MS // 24
NOW = SystemClock().now_ms()
DUE = NOW // HOUR_MS * HOUR_MS - 3 * HOUR_MS


def ask(world: World, at: int = DUE, *, name: str = "tidy") -> Explanation:
    with world.store.reading() as conn:
        return explain(conn, name, at, at + 60_000, now=NOW)


def said(world: World, at: int = DUE) -> str:
    (finding,) = ask(world, at).findings
    return finding.said


@pytest.fixture
def trigger(world: World) -> str:
    """A job that is due each full hour, and the key of its trigger."""
    world.define(triggers=[{"every": "PT1H"}])
    world.duties.ticks.step()
    (row,) = world.tick_rows()
    return row.trigger


def start(world: World, trigger: str, due: int = DUE, *, skip: str | None = None, since: int | None = None) -> str:
    request = Request(job="tidy", cause=Cause.of_tick(trigger, due, since=since), skip=skip)
    (admitted,) = admit(world.store, [request], now=NOW, actors=REGISTRY)
    return admitted.run


def test_tick_that_became_a_run_names_it(world: World, trigger: str) -> None:
    run = start(world, trigger)

    (finding,) = ask(world).findings

    assert (finding.due, finding.run, finding.state) == (DUE, run, RunState.QUEUED)
    assert (finding.trigger, finding.said) == ("every hour", "its run waits for a worker")


@pytest.mark.parametrize("when", ["success", "true"])
def test_run_that_waits_for_its_turn_says_until_when(world: World, trigger: str, when: str) -> None:
    step = {"id": "a", "actor": "sleep", "when": when, "with": {"seconds": 1}}
    world.define(triggers=[{"every": "PT1H"}], steps=[step], rate={"limit": 1, "period": "PT1H"})
    start(world, trigger, DUE - HOUR_MS)
    start(world, trigger)

    assert said(world) == f"its run waits for its rate limit until {rfc3339(NOW + HOUR_MS)}"


def test_run_that_waits_behind_many_names_the_first_few(world: World, trigger: str) -> None:
    world.define(triggers=[{"every": "PT1H"}], overlap="buffer_all", concurrency={"limit": 5})
    ahead = [start(world, trigger, DUE - n * HOUR_MS) for n in range(5, 0, -1)]
    start(world, trigger)

    assert said(world) == f"its run waits for its turn behind {', '.join(ahead[:3])} and 2 more"


def test_skipped_tick_tells_its_reason(world: World, trigger: str) -> None:
    start(world, trigger, skip="another run is open")

    assert said(world) == "skipped: another run is open"


def test_tick_that_was_skipped_together_with_others_is_found(world: World, trigger: str) -> None:
    start(world, trigger, DUE + 2 * HOUR_MS, skip="5 ticks: missed", since=DUE - 2 * HOUR_MS)

    assert said(world) == "skipped: 5 ticks: missed"
    assert not said(world, DUE - 3 * HOUR_MS).startswith("skipped")


def test_disabled_job_and_pause_of_everything_are_named_with_who_and_why(world: World, trigger: str) -> None:
    with world.store.writing() as conn:
        jobs.set_enabled(conn, ["tidy"], False, at=DUE - 5, reason="broken", person="alice")
    assert said(world) == f"nothing: the job was disabled since {rfc3339(DUE - 5)} by alice: broken"
    assert "disabled" not in said(world, DUE - HOUR_MS)

    with world.store.writing() as conn:
        switches.record(conn, [switches.EVERYTHING], False, at=DUE - 3, person="bob", reason=None)
    assert said(world) == f"nothing: everything was paused since {rfc3339(DUE - 3)} by bob"


def test_undecided_and_future_ticks_say_so(world: World, trigger: str) -> None:
    assert said(world, DUE + 9 * HOUR_MS) == "it is still ahead"
    with world.store.writing() as conn:
        ticks.set_due(conn, [TickRecord(job="tidy", trigger=trigger, due=DUE)])
    assert said(world) == "nobody has decided about it yet: is a scheduler running?"
    assert "was not followed then" in said(world, DUE - HOUR_MS)


def test_run_that_is_gone_from_the_history_is_told(world: World, trigger: str) -> None:
    start(world, trigger, skip="x")
    with world.store.writing() as conn:
        ticks.set_due(conn, [TickRecord(job="tidy", trigger=trigger, due=DUE + HOUR_MS, decided_due=DUE)])
        clear_history(conn, "tidy")

    assert said(world) == "its run has been removed from the history"


def test_time_at_which_nothing_is_due_names_the_ticks_around_it(world: World, trigger: str) -> None:
    found = ask(world, DUE + 120_000)

    assert (found.findings, found.said) == ((), "no trigger of the job was due then")
    assert (found.before, found.after) == (DUE, DUE + HOUR_MS)


def test_time_before_the_job_and_jobs_without_schedule(world: World, trigger: str) -> None:
    assert (ask(world, NOW - 30 * DAY_MS).said or "").startswith("the job did not exist then: it was first saved at")
    world.define("by-hand")
    assert ask(world, name="by-hand").said == "the job is started by hand only"
    world.define("by-event", triggers=[{"event": "a"}])
    assert ask(world, name="by-event").said == "the job is started by events only"
    with pytest.raises(NotFound, match="there is no job nothing"):
        ask(world, name="nothing")


def test_definition_that_held_then_is_asked(world: World, trigger: str) -> None:
    with world.store.writing() as conn:
        changed = make_job("tidy", triggers=[{"cron": "30 * * * *"}], overlap="allow_all")
        jobs.save(conn, changed, author="alice", source="api", at=DUE + 60_000)

    assert [finding.trigger for finding in ask(world).findings] == ["every hour"]
    assert ask(world, DUE + HOUR_MS).findings == ()
    assert len(ask(world, DUE + HOUR_MS + HOUR_MS // 2).findings) == 1


def test_deleted_job_is_still_explained_as_far_as_known(world: World, trigger: str) -> None:
    with world.store.writing() as conn:
        jobs.delete(conn, "tidy")

    assert said(world) == "nothing: the job has been deleted since, and its history does not reach back"


def test_trigger_that_was_taken_out_since_is_not_said_to_be_new(world: World, trigger: str) -> None:
    world.define(triggers=[{"cron": "0 3 * * *"}])
    with world.store.writing() as conn:
        conn.exec_driver_sql("UPDATE job_versions SET at = %d WHERE version = 2" % (NOW - 1))  # noqa: UP031
        ticks.drop(conn, [("tidy", trigger)])

    assert said(world) == "nothing is known of it any more: the trigger has been changed or taken out since"


def test_tick_that_waits_for_its_jitter_says_when_it_starts(world: World) -> None:
    job = world.define(triggers=[{"every": "PT1H"}], jitter="P365D")
    (key,) = (trigger_key(each) for each in job.triggers)
    with world.store.writing() as conn:
        ticks.set_due(conn, [TickRecord(job="tidy", trigger=key, due=DUE)])

    start = jittered("tidy", key, DUE, 365 * DAY_MS)
    assert said(world) == f"it is to start at {rfc3339(start)}, by the jitter of the job"


def test_tick_that_nobody_decided_about_before_a_pause_names_the_pause(world: World, trigger: str) -> None:
    with world.store.writing() as conn:
        ticks.set_due(conn, [TickRecord(job="tidy", trigger=trigger, due=DUE)])
        jobs.pause_everything(conn, person="alice", at=NOW - 1)

    assert said(world) == f"nobody has decided about it yet: everything is paused since {rfc3339(NOW - 1)} by alice"


def test_definition_of_then_that_cannot_be_read_any_more_is_told(world: World, trigger: str) -> None:
    with world.store.writing() as conn:
        conn.exec_driver_sql("UPDATE job_versions SET definition = '{}'")

    assert ask(world).said == "the definition of then, version 1, cannot be read any more"

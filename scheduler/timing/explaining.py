"""Why a job ran at a time, or why it did not: what became of each tick that was due then.

The definition that held at that time says what was due. The runs say what became of it, the skipped ones with their
reason; the switches say whether the job or everything was off, and the ticks say whether anybody has decided yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from rota.errors import NotFound
from rota.jobs import Job
from rota.runs import Cause
from rota.schedules import describe, due_between, jittered, next_due
from rota.states import RunState
from rota.times import DAY_MS, rfc3339
from rota.triggers import EventTrigger, Trigger, trigger_key
from scheduler.admission.limits import listed
from scheduler.timing.catch_up import Following, latest
from store.engine import Connection
from store.queries import jobs, runs, switches, ticks
from store.records import JobRecord, RunRecord, Switch, TickRecord

MOST_FINDINGS = 100
SPANS_MS = (DAY_MS // 24, DAY_MS, 40 * DAY_MS, 400 * DAY_MS, 4000 * DAY_MS)
"""How far is looked back for the last due time before, one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one due time of one trigger; `run` is its run or its record of a skip, None if there is none."""

    due: int
    trigger: str
    said: str
    run: str | None = None
    state: RunState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What was due in a span of time. Without findings `said` tells why, and the times around it help to look on."""

    findings: tuple[Finding, ...]
    said: str | None
    before: int | None
    after: int | None


def explain(conn: Connection, name: str, start: int, end: int, *, now: int) -> Explanation:
    """Return what became of the ticks of a job that were due from `start` until before `end`.

    Raises NotFound if there never was a job of that name.
    """
    known = jobs.find(conn, name)
    version = jobs.version_at(conn, name, start)
    if version is None:
        first = jobs.version_at(conn, name, None)
        if first is None:
            raise NotFound(f"there is no job {name}")
        said = f"the job did not exist then: it was first saved at {rfc3339(first.at)}"
        return Explanation(findings=(), said=said, before=None, after=None)
    try:
        job = Job.model_validate(version.definition)
    except ValueError:  # another version of the program has saved it
        said = f"the definition of then, version {version.version}, cannot be read any more"
        return Explanation(findings=(), said=said, before=None, after=None)
    findings = [
        _finding(conn, known, job, trigger, due, now=now)
        for trigger in job.triggers
        for due in due_between(trigger, start, end, gap=job.dst.gap, fold=job.dst.fold, limit=MOST_FINDINGS)
    ]
    if findings:
        ordered = sorted(findings, key=lambda finding: finding.due)[:MOST_FINDINGS]
        return Explanation(findings=tuple(ordered), said=None, before=None, after=None)
    before, after = _around(job, start, end)
    return Explanation(findings=(), said=_nothing_due(job), before=before, after=after)


def _finding(conn: Connection, known: JobRecord | None, job: Job, trigger: Trigger, due: int, *, now: int) -> Finding:
    key = trigger_key(trigger)
    tick, backfill = Cause.of_tick(key, due).key, Cause.of_backfill(key, due, "").key
    found = runs.with_causes(conn, job.name, [tick, backfill])
    run = found.get(backfill) or found.get(tick) or runs.skipped_with_others(conn, job.name, key, due)
    if run is not None:
        said = _of_run(conn, run, now)
        return Finding(due=due, trigger=describe(trigger), said=said, run=run.id, state=run.state)
    return Finding(due=due, trigger=describe(trigger), said=_without_run(conn, known, job, key, due, now=now))


def _of_run(conn: Connection, run: RunRecord, now: int) -> str:
    if run.state is RunState.SKIPPED:
        return f"skipped: {run.reason}"
    if run.wait_key is not None:
        holders = sorted(slot.run for slot in runs.slots(conn, [run.wait_key])[run.wait_key])
        return f"its run waits for its turn behind {listed(holders) or 'nobody any more'}"
    if run.state in (RunState.QUEUED, RunState.WAITING) and run.start_at is not None and run.start_at > now:
        return f"its run waits for its rate limit until {rfc3339(run.start_at)}"
    if run.state is RunState.QUEUED:
        return "its run waits for a worker"
    told = f"it became a run, {run.state.value}"
    return told if run.reason is None else f"{told}: {run.reason}"


def _without_run(conn: Connection, known: JobRecord | None, job: Job, trigger: str, due: int, *, now: int) -> str:
    if due > now:
        return "it is still ahead"
    if known is None:
        return "nothing: the job has been deleted since, and its history does not reach back"
    for whose, what in ((switches.EVERYTHING, "everything was paused"), (job.name, "the job was disabled")):
        switch = switches.last_before(conn, whose, due)
        if switch is not None and not switch.enabled:
            return _switched(switch, what)
    row = next((row for row in ticks.of_job(conn, job.name) if row.trigger == trigger), None)
    if row is not None and row.due is not None and row.due <= due:
        return _undecided(conn, job, trigger, due, now=now)
    return _by_its_trigger(known, row, trigger, due)


def _undecided(conn: Connection, job: Job, trigger: str, due: int, *, now: int) -> str:
    start = jittered(job.name, trigger, due, job.jitter_ms)
    if start > now:
        return f"it is to start at {rfc3339(start)}, by the jitter of the job"
    pause = jobs.paused(conn)
    if pause is not None:
        return f"nobody has decided about it yet: everything is paused since {rfc3339(pause.at)} by {pause.person}"
    return "nobody has decided about it yet: is a scheduler running?"


def _by_its_trigger(known: JobRecord, row: TickRecord | None, trigger: str, due: int) -> str:
    if row is None and trigger not in _triggers_of(known):
        return "nothing is known of it any more: the trigger has been changed or taken out since"
    if row is None or (row.decided_due or 0) < due:
        return "nothing: the trigger was not followed then, because it was added or the job was enabled later"
    return "its run has been removed from the history"


def _triggers_of(known: JobRecord) -> set[str]:
    try:
        return {trigger_key(trigger) for trigger in known.job().triggers}
    except ValueError:  # another version of the program has saved it
        return set()


def _switched(switch: Switch, what: str) -> str:
    who = "" if switch.person is None else f" by {switch.person}"
    why = "" if not switch.reason else f": {switch.reason}"
    return f"nothing: {what} since {rfc3339(switch.at)}{who}{why}"


def _nothing_due(job: Job) -> str:
    timed = [trigger for trigger in job.triggers if not isinstance(trigger, EventTrigger)]
    if timed:
        return "no trigger of the job was due then"
    return "the job is started by events only" if job.triggers else "the job is started by hand only"


def _around(job: Job, start: int, end: int) -> tuple[int | None, int | None]:
    """Return the last due time before a span and the first one from its end."""
    before = [found for trigger in job.triggers if (found := _last_before(job, trigger, start)) is not None]
    after = [found for trigger in job.triggers if (found := _following(job, trigger)(end - 1)) is not None]
    return max(before, default=None), min(after, default=None)


def _last_before(job: Job, trigger: Trigger, at: int) -> int | None:
    following = _following(job, trigger)
    for span in SPANS_MS:
        first = following(at - span)
        if first is not None and first < at:
            return latest(first, at - 1, following)
    return None


def _following(job: Job, trigger: Trigger) -> Following:
    return partial(next_due, trigger, gap=job.dst.gap, fold=job.dst.fold)

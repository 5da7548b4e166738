"""How the ticks in the store follow the definitions: a plain function of both and the time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bus.timetable import Tick
from scheduler.jobs.plans import Plan, Schedule
from store.records import TickRecord

Key = tuple[str, str]
"""A job's name and the key of its trigger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has to be written, first to the store and then to the timetable.

    `rows` are to be set and `gone` to be dropped. `entries` is all that belongs into the timetable, by trigger; `idle`
    are the triggers that have no entry. `failed` are jobs whose schedule cannot be computed, and why.
    """

    rows: tuple[TickRecord, ...]
    gone: tuple[Key, ...]
    entries: Mapping[Key, Tick]
    idle: tuple[Key, ...]
    failed: Mapping[str, str]


def changes(
    plans: Mapping[str, Plan], rows: Iterable[TickRecord], now: int, *, unreadable: Collection[str] = ()
) -> Changes:
    """Return what brings the ticks of these jobs in line with them; `rows` are all ticks of theirs.

    A new trigger is due for the first time after `now`. One of a disabled job is not due any more, except for what was
    due before it was disabled and is not decided yet; one of a job that was enabled again goes on from then, because
    what was due while it was disabled was not missed. Jobs whose definition is unreadable to this version of the
    program keep their rows, for one that can read it.
    """
    known = {(row.job, row.trigger): row for row in rows}
    wanted = {(plan.name, key): (plan, schedule) for plan in plans.values() for key, schedule in plan.schedules.items()}
    new_rows: dict[Key, TickRecord] = {}
    entries: dict[Key, Tick] = {}
    failed: dict[str, str] = {}
    for key, (plan, schedule) in wanted.items():
        row = known.get(key)
        try:
            due = _due(plan, schedule, row, now)
        except Exception as error:  # whatever a schedule raises concerns its own job only
            failed[plan.name] = f"its schedule cannot be computed: {type(error).__name__}: {error}"
            continue
        if row is None or row.due != due:
            # Of a trigger that is not due nothing more is known than that nothing is left to decide until now.
            decided = row.decided_due if row is not None else now if due is None else None
            new_rows[key] = TickRecord(job=plan.name, trigger=schedule.trigger, due=due, decided_due=decided)
        if due is not None:
            entries[key] = Tick(job=plan.name, trigger=schedule.trigger, due=schedule.start_of(due))
    return Changes(
        rows=tuple(new_rows.values()),
        gone=tuple(key for key in known if key not in wanted and key[0] not in unreadable),
        entries=entries,
        idle=tuple(key for key in known if key not in entries),
        failed=failed,
    )


def _due(plan: Plan, schedule: Schedule, row: TickRecord | None, now: int) -> int | None:
    if not plan.enabled:
        return row.due if row is not None and row.due is not None and row.due <= plan.enabled_at else None
    if row is None:
        return schedule.following(now)
    if row.due is None:
        return schedule.following(now if row.decided_due is None else max(plan.enabled_at, row.decided_due))
    if row.due <= plan.enabled_at:
        return schedule.following(max(plan.enabled_at, row.decided_due or 0))
    return row.due

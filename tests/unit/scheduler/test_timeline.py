"""How the ticks of the store follow the definitions."""

from __future__ import annotations

from typing import Any

from scheduler.jobs.plans import Plan, make_plan
from scheduler.timing.timeline import Changes, changes
from store.records import TickRecord
from tests.factories import NOW, make_job

HOUR = 3_600_000


def plan(name: str = "tidy", *, enabled: bool = True, enabled_at: int = 0, **fields: Any) -> Plan:
    job = make_job(name, **{"triggers": [{"every": "PT1H"}], **fields})
    return make_plan(job, version=1, actors={}, enabled=enabled, enabled_at=enabled_at)


def found(*plans: Plan, rows: tuple[TickRecord, ...] = (), now: int = NOW, **fields: Any) -> Changes:
    return changes({each.name: each for each in plans}, rows, now, **fields)


def row(of: Plan, due: int | None, decided_due: int | None = None) -> TickRecord:
    (key,) = of.schedules
    return TickRecord(job=of.name, trigger=key, due=due, decided_due=decided_due)


def test_new_trigger_is_due_after_now() -> None:
    one = plan()

    result = found(one)

    assert result.rows == (row(one, NOW + HOUR - NOW % HOUR),)
    assert [entry.due for entry in result.entries.values()] == [NOW + HOUR - NOW % HOUR]


def test_known_trigger_keeps_its_due_time_however_late() -> None:
    one = plan()

    result = found(one, rows=(row(one, NOW - 5 * HOUR),))

    assert result.rows == ()
    assert [entry.due for entry in result.entries.values()] == [NOW - 5 * HOUR]


def test_disabled_job_is_never_due() -> None:
    one = plan(enabled=False)

    result = found(one, rows=(row(one, NOW + 5),))

    assert result.rows == (row(one, None),)
    assert result.entries == {}
    assert len(result.idle) == 1


def test_job_enabled_again_is_due_from_then_on() -> None:
    one = plan(enabled_at=NOW - 30)

    result = found(one, rows=(row(one, None, decided_due=NOW - 9 * HOUR),))

    assert [entry.due for entry in result.entries.values()] == [NOW]


def test_what_was_due_since_it_was_enabled_again_is_not_lost_while_nobody_looks() -> None:
    one = plan(enabled_at=NOW - 2 * HOUR)

    result = found(one, rows=(row(one, None, decided_due=NOW - 9 * HOUR),))

    assert [entry.due for entry in result.entries.values()] == [NOW - HOUR]


def test_what_was_due_before_its_job_was_disabled_is_left_to_be_decided() -> None:
    one = plan(enabled=False, enabled_at=NOW)

    before = found(one, rows=(row(one, NOW - 5),))
    after = found(one, rows=(row(one, NOW + 5),))

    assert [entry.due for entry in before.entries.values()] == [NOW - 5]
    assert [one.due for one in after.rows] == [None]


def test_switch_off_and_on_that_nobody_saw_misses_nothing() -> None:
    """What was due while it was disabled is not caught up, even if no scheduler ran meanwhile."""
    one = plan(enabled_at=NOW - 2 * HOUR)

    result = found(one, rows=(row(one, NOW - 5 * HOUR),))

    (entry,) = result.entries.values()
    assert NOW - 2 * HOUR < entry.due <= NOW - HOUR


def test_trigger_that_is_no_more_is_dropped() -> None:
    one = plan()
    old = TickRecord(job="tidy", trigger="0123456789ab", due=NOW)
    gone = TickRecord(job="gone", trigger="0123456789ab", due=NOW)

    result = found(one, rows=(old, gone))

    assert sorted(result.gone) == [("gone", "0123456789ab"), ("tidy", "0123456789ab")]
    assert set(result.gone) <= set(result.idle)


def test_unreadable_job_keeps_its_rows_and_is_not_due() -> None:
    kept = TickRecord(job="newer", trigger="0123456789ab", due=NOW)

    result = found(rows=(kept,), unreadable={"newer"})

    assert result.gone == ()
    assert result.idle == (("newer", "0123456789ab"),)


def test_finished_trigger_stays_finished() -> None:
    one = plan(triggers=[{"at": "2020-01-01T00:00:00Z"}])

    first = found(one)
    again = found(one, rows=first.rows)

    assert first.rows == (row(one, None, decided_due=NOW),)
    assert again.rows == ()
    assert again.entries == {}


def test_schedule_that_explodes_concerns_its_own_job_only() -> None:
    one, other = plan("broken"), plan("healthy")
    (schedule,) = one.schedules.values()

    def explode(_: int) -> int:
        raise OverflowError("year 10000")

    object.__setattr__(schedule, "following", explode)

    result = found(one, other)

    assert result.failed == {"broken": "its schedule cannot be computed: OverflowError: year 10000"}
    assert [key[0] for key in result.entries] == ["healthy"]


def test_jitter_moves_the_entry_and_not_the_row() -> None:
    one = plan(jitter="PT10M")

    result = found(one)

    (entry,) = result.entries.values()
    due = result.rows[0].due
    assert due is not None
    assert due <= entry.due <= due + 600_000

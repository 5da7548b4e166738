"""What grows with the number of jobs, and what must not: following definitions, filling the timetable, plans held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from scheduler.jobs.catalogue import Catalogue
from scheduler.timing.retiming import PAGE
from scheduler.timing.seeding import FAST_PAGE
from store.queries import jobs, revision
from store.queries import ticks as tick_rows
from store.records import TickRecord
from tests.factories import NOW, make_job
from tests.integration.scheduler.conftest import REGISTRY, Duties, World
from tests.waiting import wait_until

YEARLY = [{"cron": "0 0 1 1 *"}]


def define_many(world: World, count: int, *, prefix: str = "many", **fields: Any) -> list[str]:
    """Save many jobs in one transaction."""
    names = [f"{prefix}-{n:05}" for n in range(count)]
    with world.store.writing() as conn:
        for name in names:
            job = make_job(name, **{"triggers": YEARLY, **fields})
            jobs.save(conn, job, author="tester", source="test", at=world.clock.now_ms())
    return names


def step_until_followed(duties: Duties) -> int:
    """Step until the ticks are in line with all definitions and the timetable is whole; return how often."""
    for steps in range(1, 1000):
        duties.ticks.step()
        if not duties.ticks._retiming.behind and not duties.ticks._seeding.fast:
            return steps
    raise AssertionError("it does not come to an end")


def ticks_of(world: World) -> int:
    with world.store.reading() as conn:
        return len(tick_rows.page(conn, limit=100_000))


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """Collect what is asked of the database meanwhile."""
    seen: list[str] = []

    def see(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(world.store._engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(world.store._engine, "before_cursor_execute", see)


def test_restart_with_nothing_changed_reads_no_definition(world: World) -> None:
    define_many(world, 1000)
    step_until_followed(world.duties)
    heir = world.take_over()

    with statements(world) as seen:
        step_until_followed(heir)

    assert seen
    assert [statement for statement in seen if "definition" in statement] == []
    assert [statement for statement in seen if statement.startswith(("INSERT", "UPDATE", "DELETE"))] == []


def test_large_change_is_followed_in_pages_while_due_ticks_run(world: World) -> None:
    world.define("busy", triggers=[{"every": "PT1H"}])
    step_until_followed(world.duties)
    world.make_due(world.clock.now_ms() - 1000, job="busy")
    world.duties = world.take_over()
    define_many(world, 4 * PAGE)

    wait_until(lambda: world.duties.ticks.step() is not None and world.runs("busy"))

    assert ticks_of(world) <= 3 * PAGE + 1, "the tick did not wait for all of them"
    step_until_followed(world.duties)
    assert ticks_of(world) == 4 * PAGE + 1
    assert world.bus.timetable.count() == 4 * PAGE + 1


def test_following_goes_on_where_a_dead_leader_left_it(world: World) -> None:
    define_many(world, 3 * PAGE)
    world.duties.ticks.step()
    assert world.duties.ticks._retiming.behind
    done = ticks_of(world)
    heir = world.take_over()

    with statements(world) as seen:
        step_until_followed(heir)

    assert ticks_of(world) == 3 * PAGE
    assert world.bus.timetable.count() == 3 * PAGE
    pages = [statement for statement in seen if "jobs.definition" in statement]
    assert len(pages) <= (3 * PAGE - done) // PAGE + 2


def test_deletion_is_followed(world: World) -> None:
    names = define_many(world, 3, triggers=[{"every": "PT1S"}])
    define_many(world, 1, prefix="stays")
    step_until_followed(world.duties)
    with world.store.writing() as conn:
        for name in names:
            jobs.delete(conn, name)

    wait_until(lambda: world.duties.ticks.step() is not None and world.bus.timetable.count() == 1)

    assert ticks_of(world) == 1
    with world.store.reading() as conn:
        world.duties.catalogue.refresh(conn)
        assert world.duties.catalogue.plans(conn, names) == {}
        assert world.duties.catalogue.plan(conn, "stays-00000") is not None


def test_deleted_job_that_comes_back_ticks_anew(world: World) -> None:
    world.define(triggers=[{"every": "PT1S"}])
    step_until_followed(world.duties)
    with world.store.writing() as conn:
        jobs.delete(conn, "tidy")
    world.define(triggers=[{"every": "PT1S"}])

    wait_until(lambda: world.duties.ticks.step() is not None and world.runs())

    assert world.runs()[0].job_version == 2


def test_emptied_redis_is_filled_in_pages(world: World) -> None:
    count = FAST_PAGE + 500
    with world.store.writing() as conn:
        rows = [TickRecord(job=f"many-{n:05}", trigger="0123456789ab", due=NOW * 2) for n in range(count)]
        tick_rows.set_due(conn, rows)
    world.bus.client.flushall()
    world.duties.leader.campaign()

    world.duties.ticks.step()
    assert 0 < world.bus.timetable.count() < count
    assert not world.bus.timetable.seeded()
    step_until_followed(world.duties)

    assert world.bus.timetable.count() == count
    assert world.bus.timetable.seeded()


def test_new_leader_over_a_whole_timetable_rewrites_one_page_at_most(world: World) -> None:
    define_many(world, 10)
    step_until_followed(world.duties)
    world.bus.client.zadd(world.bus.keys.timetable, {"t:many-00003/x": 1.0e14})
    heir = world.take_over()

    assert heir.ticks.step() > 0.5, "nothing presses"


def test_entry_for_a_later_time_than_the_store_says_is_healed(world: World) -> None:
    world.define(triggers=YEARLY)
    step_until_followed(world.duties)
    (member,) = world.bus.client.zrange(world.bus.keys.timetable, 0, -1)
    world.bus.client.zadd(world.bus.keys.timetable, {member: NOW * 2})

    world.take_over().ticks.step()

    assert world.bus.client.zscore(world.bus.keys.timetable, member) == world.tick_rows()[0].due


def test_plans_held_are_bounded_and_all_are_answered(world: World) -> None:
    names = define_many(world, 200)
    catalogue = Catalogue(REGISTRY, most_plans=50)
    with world.store.reading() as conn:
        catalogue.refresh(conn)
        for start in range(0, 200, 20):
            asked = names[start : start + 20]
            assert list(catalogue.plans(conn, asked)) == asked
            assert len(catalogue._plans) <= 50
        assert len(catalogue.plans(conn, names)) == 200

    assert len(catalogue._plans) <= 50


def test_jobs_that_listen_are_held_and_others_are_not(world: World) -> None:
    define_many(world, 20)
    world.define("listens", triggers=[{"event": "entry.*"}])
    catalogue = Catalogue(REGISTRY)

    def listeners() -> Sequence[str]:
        with world.store.reading() as conn:
            catalogue.refresh(conn)
        return [each.job for each in catalogue.current.subscribers("entry.deleted")]

    assert listeners() == ["listens"]
    assert list(catalogue.current.listeners) == ["listens"]
    assert catalogue._plans == {}
    with world.store.writing() as conn:
        jobs.set_enabled(conn, ["listens"], False, at=world.clock.now_ms())
    assert listeners() == []
    assert list(catalogue.current.listeners) == ["listens"]
    world.define("listens", triggers=YEARLY)
    assert listeners() == []
    assert catalogue.current.listeners == {}


def test_plan_read_in_an_older_transaction_is_not_kept(world: World) -> None:
    world.define()
    catalogue = Catalogue(REGISTRY)
    with world.store.reading() as old:
        revision.read(old)
        world.define(label="New")
        with world.store.reading() as new:
            catalogue.refresh(new)
        assert catalogue.plans(old, ["tidy"])["tidy"].version == 1

    with world.store.reading() as conn:
        assert catalogue.plans(conn, ["tidy"])["tidy"].version == 2


@pytest.mark.parametrize("most_changes", [1, 5000])
def test_changed_and_switched_jobs_are_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch, most_changes: int
) -> None:
    monkeypatch.setattr("scheduler.jobs.catalogue.MOST_CHANGES", most_changes)
    names = define_many(world, 3)
    catalogue = Catalogue(REGISTRY)

    def plans() -> list[tuple[int, bool]]:
        with world.store.reading() as conn:
            catalogue.refresh(conn)
            found = catalogue.plans(conn, names)
            return [(found[name].version, found[name].enabled) for name in names]

    assert plans() == [(1, True)] * 3
    world.define(names[0], label="New")
    with world.store.writing() as conn:
        jobs.set_enabled(conn, [names[1]], False, at=NOW)

    assert plans() == [(2, True), (1, False), (1, True)]

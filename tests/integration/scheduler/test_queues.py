"""Tasks about a datasource wait in its queue: those a run begins with, later steps, branches and what waited first."""

from __future__ import annotations

from typing import Any

import pytest

from rota.runs import Cause
from scheduler.admission.admitting import Admitted, Request, admit, deliver
from store.queries import datasources
from store.records import DatasourceRecord
from tests.integration.scheduler.conftest import REGISTRY, World


@pytest.fixture(autouse=True)
def known(world: World) -> None:
    with world.store.writing() as conn:
        for name, queue in (("far", "site-far"), ("near", None)):
            datasources.save(conn, DatasourceRecord(name=name, kind="local", root="/x", queue=queue), at=1)


def start(world: World, key: str = "1", **params: Any) -> Admitted:
    request = Request(job="tidy", cause=Cause.of_person("alice", key), params=params)
    (admitted,) = admit(world.store, [request], now=world.clock.now_ms(), actors=REGISTRY)
    deliver(world.bus, [admitted])
    return admitted


def sync(step_id: str, datasource: str, **fields: Any) -> dict[str, Any]:
    return {"id": step_id, "actor": "sync", "with": {"datasource": datasource}, **fields}


def queues(world: World, run: str) -> list[str]:
    """The queues of a run's tasks, as the store has them."""
    return [task.queue for task in world.detail(run).tasks]


PARAM = {"of": {"type": "string", "default": "far"}}


def test_a_plain_step_waits_in_the_queue_of_its_datasource(world: World) -> None:
    world.define(steps=[sync("a", "far")])

    run = start(world).run

    assert queues(world, run) == ["site-far"]
    assert (world.waiting("site-far"), world.waiting("sync")) == (1, 0)


@pytest.mark.parametrize(("of", "queue"), [("far", "site-far"), ("near", "sync"), ("unknown", "sync"), ("*", "sync")])
def test_what_is_filled_in_decides(world: World, of: str, queue: str) -> None:
    world.define(steps=[sync("a", "${params.of}")], params=PARAM)

    run = start(world, of=of).run

    assert queues(world, run) == [queue]
    assert world.waiting(queue) == 1


def test_an_actor_without_a_datasource_stays_in_its_queue(world: World) -> None:
    world.define(steps=[{"id": "a", "actor": "sleep", "with": {"seconds": 1}}])

    assert queues(world, start(world).run) == ["default"]


def test_a_later_step_waits_there_too(world: World) -> None:
    world.define(
        steps=[{"id": "a", "actor": "sleep", "with": {"seconds": 1}}, sync("b", "${params.of}", needs=["a"])],
        params=PARAM,
    )
    run = start(world).run
    assert queues(world, run) == ["default", "sync"], "as long as nobody knows what it is about"

    world.work()
    world.record()

    assert queues(world, run) == ["default", "site-far"]
    assert [message.queue for message in world.work("site-far")] == ["site-far"]


def test_a_step_with_a_condition_waits_there_too(world: World) -> None:
    world.define(steps=[sync("a", "far", when="params.of == 'far'")], params=PARAM)

    assert queues(world, start(world).run) == ["site-far"]


def test_each_branch_waits_in_the_queue_of_its_own_datasource(world: World) -> None:
    step = sync("a", "${item}", for_each={"items": "datasources", "parallel": 10})
    world.define(steps=[step])

    run = start(world).run

    assert sorted(queues(world, run)) == ["site-far", "sync"]
    assert (world.waiting("site-far"), world.waiting("sync")) == (1, 1)


def test_branches_that_start_later_wait_there_too(world: World) -> None:
    step = sync("a", "${item}", for_each={"items": "['near', 'far']", "parallel": 1})
    world.define(steps=[step])
    run = start(world).run
    assert world.waiting("site-far") == 0

    world.work("sync")
    world.record()

    assert queues(world, run) == ["sync", "site-far"]
    assert world.waiting("site-far") == 1


def test_a_run_that_waited_for_another_is_sent_there(world: World) -> None:
    world.define(steps=[sync("a", "far")], overlap="buffer_all")
    first, second = start(world, "1").run, start(world, "2").run
    assert world.waiting("site-far") == 1

    assert [message.run for message in world.work("site-far")] == [first]
    world.record()
    world.duties.waiting.step()

    assert [message.run for message in world.work("site-far")] == [second]


def test_a_new_queue_counts_from_the_next_task_on(world: World) -> None:
    world.define(steps=[sync("a", "near")])
    first = start(world, "1").run
    with world.store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name="near", kind="local", root="/x", queue="site-near"), at=2)

    second = start(world, "2").run

    assert (queues(world, first), queues(world, second)) == (["sync"], ["site-near"])

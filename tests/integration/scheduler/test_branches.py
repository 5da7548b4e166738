"""Steps that run once for each entry of a list: some at a time, in order, and one result in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from rota.errors import StoreUnavailable
from rota.runs import MAX_TEXT_BYTES, Cause
from rota.states import RunState
from scheduler.admission.admitting import Admitted, Request, admit, deliver
from scheduler.runs import control
from store.engine import Connection, Store
from store.queries import datasources, runs
from store.records import DatasourceRecord, TaskRecord
from tests.integration.scheduler.conftest import REGISTRY, World
from tests.waiting import wait_until


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    store = Store(database_url)
    yield store
    store.close()


def start(world: World, key: str = "1", **params: Any) -> Admitted:
    request = Request(job="tidy", cause=Cause.of_person("alice", key), params=params)
    admitted = admit(world.store, [request], now=world.clock.now_ms(), actors=REGISTRY)
    deliver(world.bus, admitted)
    return admitted[0]


def step(step_id: str, *needs: str, seconds: object = 1, **fields: object) -> dict[str, object]:
    return {"id": step_id, "actor": "sleep", "needs": needs, "with": {"seconds": seconds}, **fields}


def each(step_id: str, *needs: str, items: str = "params.list", parallel: int = 10, **fields: Any) -> dict[str, object]:
    fields = {"seconds": "${item}", **fields}
    return step(step_id, *needs, for_each={"items": items, "parallel": parallel}, **fields)


LIST = {"list": {"type": "list", "default": [1, 2, 3]}}


def branches(world: World, run: str, of: str = "a") -> list[TaskRecord]:
    return [task for task in world.detail(run).tasks if task.step == of]


def counts(world: World, run: str, of: str = "a") -> dict[str, int]:
    return dict(Counter(task.state.value for task in branches(world, run, of)))


def run_of(world: World, run: str) -> Any:
    return world.detail(run).run


def test_a_step_becomes_one_task_for_each_entry(world: World) -> None:
    world.define(params=LIST, steps=[each("a", seconds="${item * 10 + index}")])
    admitted = start(world)

    assert [(task.branch, task.item) for task in branches(world, admitted.run)] == [(0, 1), (1, 2), (2, 3)]
    assert run_of(world, admitted.run).task_count == 3
    assert [message.params for message in world.work(result={"n": 1})] == [
        {"seconds": 10},
        {"seconds": 21},
        {"seconds": 32},
    ]
    world.record()

    record = run_of(world, admitted.run)
    assert (record.state, record.result) == (RunState.SUCCEEDED, [{"n": 1}] * 3)


def test_the_list_of_results_is_passed_on(world: World) -> None:
    steps = [each("a"), step("b", "a", seconds="${steps.a.result.map(r, r.n)}")]
    world.define(params=LIST, steps=steps)
    run = start(world, list=[5]).run
    world.work(result={"n": 4})
    world.record()
    assert run_of(world, run).state is RunState.RUNNING

    (last,) = world.work()

    assert last.params == {"seconds": [4]}, "one entry makes a list of one"


def test_a_single_branch_is_not_taken_for_the_whole_run(world: World) -> None:
    world.define(params=LIST, steps=[each("a")])
    run = start(world, list=[5]).run
    world.work(result={"n": 4})
    world.record()

    record = run_of(world, run)
    assert (record.state, record.result, record.task_count) == (RunState.SUCCEEDED, [{"n": 4}], 1)


def test_only_so_many_are_under_way_at_once_and_the_next_follows_in_order(world: World) -> None:
    world.define(params=LIST, steps=[each("a", parallel=2)])
    run = start(world, list=[1, 2, 3, 4, 5]).run
    assert counts(world, run) == {"queued": 2, "waiting": 3}

    seen = []
    while done := world.work():
        seen.append([message.params["seconds"] for message in done])
        world.record()

    assert seen == [[1, 2], [3, 4], [5]]
    assert run_of(world, run).state is RunState.SUCCEEDED


def test_fifty_branches_four_at_a_time_with_a_recorder_killed_in_between(world: World) -> None:
    steps = [step("list"), each("a", "list", items="steps.list.result", parallel=4), step("b", "a")]
    world.define(steps=steps)
    run = start(world).run
    world.work(result=list(range(50)))
    world.record()
    most, rounds = 0, 0
    while counts(world, run).get("succeeded", 0) < 50:
        done = world.work()
        rounds += 1
        if rounds % 3 == 0:
            killed_in_the_middle(world)
        world.record()
        most = max(most, len(done), sum(counts(world, run).get(state, 0) for state in ("queued", "running")))
    world.work()
    world.record()

    assert most == 4
    assert rounds == 13
    assert [task.item for task in branches(world, run)] == list(range(50))
    assert all(task.attempt == 1 for task in branches(world, run))
    assert run_of(world, run).state is RunState.SUCCEEDED
    assert world.bus.census.figures().settled == 0


def killed_in_the_middle(world: World) -> None:
    """Let the recorder die after everything is decided and before it is committed; another one takes over."""
    entries = world.bus.outcomes.read(block_ms=1)
    good = [(entry, outcome) for entry, outcome in entries if outcome is not None]

    def die(conn: Connection) -> None:
        world.duties.recorder._record(conn, good)
        raise StoreUnavailable("killed")

    with pytest.raises(StoreUnavailable):
        world.store.write(die)
    world.bus.outcomes.rewind()


def test_an_empty_list_succeeds_with_an_empty_list(world: World) -> None:
    world.define(params=LIST, steps=[each("a"), step("b", "a", seconds="${size(steps.a.result)}")])
    run = start(world, list=[]).run

    assert [(task.branch, task.state, task.result) for task in branches(world, run)] == [(-1, RunState.SUCCEEDED, [])]
    assert [message.params for message in world.work()] == [{"seconds": 0}]


def test_a_run_of_an_empty_list_has_ended_when_it_is_admitted(world: World) -> None:
    world.define(params=LIST, steps=[each("a")], overlap="skip")
    admitted = start(world, list=[])

    record = run_of(world, admitted.run)
    assert (admitted.state, record.state, record.result, record.slot_key) == (
        RunState.SUCCEEDED,
        RunState.SUCCEEDED,
        [],
        None,
    )


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ("params.list[7]", "'params.list[7]': "),
        ("params.list[0]", "gives a value of type integer, not a list"),
        ("params", "gives a value of type object, not a list"),
        ("params.other", "gives nothing, not a list"),
        ("params.long", "a list of 1001 entries is given, allowed are 1000"),
    ],
)
def test_what_is_no_list_fails_the_step(world: World, items: str, reason: str) -> None:
    declared = {**LIST, "other": {"type": "list", "default": None}, "long": {"type": "list", "default": [0] * 1001}}
    world.define(params=declared, steps=[each("a", items=items), step("tidy", "a", when="failure")])
    run = start(world).run

    (task,) = branches(world, run)
    assert (task.state, task.branch) == (RunState.FAILED, -1)
    assert task.error is not None
    assert task.error.type == "ExpressionFailed"
    assert reason in task.error.message
    assert [message.step for message in world.work()] == ["tidy"]
    world.record()
    assert run_of(world, run).state is RunState.FAILED


def test_a_failed_branch_lets_the_others_go_on_and_fails_the_step(world: World) -> None:
    world.define(params=LIST, steps=[each("a", parallel=1), step("b", "a"), step("c", "a", when="failure")])
    run = start(world).run
    for state in ("succeeded", "failed", "succeeded"):
        world.work(state=state)
        world.record()

    assert counts(world, run) == {"succeeded": 2, "failed": 1}
    assert [message.step for message in world.work()] == ["c"]
    world.record()
    record = run_of(world, run)
    assert (record.state, record.reason) == (RunState.FAILED, "the step a failed: 1 of 3 branches did")
    assert record.error is not None
    assert record.error.message == "it broke"


def test_a_branch_whose_values_do_not_fit_fails_alone(world: World) -> None:
    world.define(params=LIST, steps=[each("a", seconds="${10 / item}", parallel=1)])
    run = start(world, list=[0, 0, 1, 0, 2]).run

    while world.work():
        world.record()

    assert [task.state.value for task in branches(world, run)] == [
        "failed",
        "failed",
        "succeeded",
        "failed",
        "succeeded",
    ]
    assert run_of(world, run).state is RunState.FAILED


def test_a_retrying_branch_counts_against_the_limit(world: World) -> None:
    world.define(params=LIST, steps=[each("a", parallel=1)])
    run = start(world).run
    world.work(state="retrying", retry_at=world.clock.now_ms() + 3_600_000)
    world.record()

    assert counts(world, run) == {"retrying": 1, "waiting": 2}
    assert world.work() == []


def test_cancel_ends_branches_and_waiting_steps(world: World) -> None:
    world.define(params=LIST, steps=[each("a", parallel=2), step("b", "a", when="always")])
    run = start(world).run

    control.cancel(world.store, world.bus, [run], now=world.clock.now_ms(), reason="cancelled by alice")
    world.record()

    assert {task.state for task in world.detail(run).tasks} == {RunState.CANCELLED}
    assert (run_of(world, run).state, run_of(world, run).reason) == (RunState.CANCELLED, "cancelled by alice")
    assert world.work() == []
    assert world.messages() == set()


def test_a_branch_that_cancels_itself_ends_the_run_and_the_waiting_ones(world: World) -> None:
    world.define(params=LIST, steps=[each("a", parallel=1), step("b", "a", when="always")])
    run = start(world).run
    world.work(state="cancelled")
    world.record()

    assert counts(world, run) == {"cancelled": 1, "skipped": 2}
    assert branches(world, run)[1].reason == "the run was cancelled"
    assert run_of(world, run).state is RunState.CANCELLED


def test_a_pause_holds_back_the_next_branches_until_resumed(world: World) -> None:
    world.define(params=LIST, steps=[each("a", parallel=1)])
    run = start(world).run
    control.pause(world.store, world.bus, [run])
    world.record()
    assert counts(world, run) == {"paused": 1, "waiting": 2}
    assert run_of(world, run).state is RunState.PAUSED

    control.resume(world.store, world.bus, [run], now=world.clock.now_ms(), actors=REGISTRY)
    assert counts(world, run) == {"queued": 1, "waiting": 2}
    while world.work():
        world.record()

    assert run_of(world, run).state is RunState.SUCCEEDED


def test_a_branch_that_paused_after_the_resume_goes_on_while_others_work(world: World) -> None:
    world.define(params=LIST, steps=[each("a", parallel=2)])
    run = start(world).run
    world.bus.scripts.run("fetch", ["default", "worker", 1, 60_000])
    control.pause(world.store, world.bus, [run])
    control.resume(world.store, world.bus, [run], now=world.clock.now_ms(), actors=REGISTRY)
    world.record()
    assert counts(world, run) == {"queued": 1, "paused": 1, "waiting": 1}, "the pause was quicker than the resume"

    world.duties.sweeper.step()

    assert counts(world, run) == {"queued": 2, "waiting": 1}
    assert [message.params for message in world.work()] == [{"seconds": 2}]


def test_branches_that_cannot_start_are_ended_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define(
        params={"list": {"type": "list", "default": [0, *range(1, 200)]}},
        steps=[each("a", seconds="${item == 0 ? 0 : item.none}", parallel=1)],
    )
    run = start(world).run
    rounds: list[object] = []
    read = runs.steps_of

    def counted(conn: Connection, ids: Iterable[str]) -> object:
        rounds.append(ids)
        return read(conn, ids)

    monkeypatch.setattr(runs, "steps_of", counted)

    world.work()
    world.record()

    assert counts(world, run) == {"succeeded": 1, "failed": 199}
    assert run_of(world, run).state is RunState.FAILED
    assert len(rounds) < 5


def test_a_run_that_takes_too_long_ends_with_all_its_branches(world: World) -> None:
    world.define(timeout="PT0.001S", params=LIST, steps=[each("a", parallel=1), step("b", "a", when="always")])
    run = start(world).run
    wait_until(lambda: world.clock.now_ms() > (run_of(world, run).timeout_at or 0))

    world.duties.sweeper._cancel_overdue()
    world.record()

    assert {task.state for task in world.detail(run).tasks} == {RunState.CANCELLED}
    assert run_of(world, run).state is RunState.CANCELLED
    assert run_of(world, run).reason == "it took longer than its timeout"


def test_branches_are_sent_again_after_redis_was_emptied(world: World) -> None:
    world.define(params=LIST, steps=[each("a", parallel=2)])
    run = start(world).run
    world.work()
    world.record()
    world.bus.client.flushall()
    world.duties.leader.campaign()

    while not world.duties.sweeper.sweep(grace_ms=-1000):
        pass
    (message,) = world.work()
    world.record()

    assert message.params == {"seconds": 3}
    assert run_of(world, run).state is RunState.SUCCEEDED


def test_the_progress_of_the_run_counts_branches(world: World) -> None:
    world.define(params=LIST, steps=[each("a", parallel=2)])
    run = start(world).run
    world.work()
    world.record()

    progress = run_of(world, run).progress
    assert (progress.done, progress.total, progress.unit) == (2, 3, "branches")


def test_a_list_of_large_results_is_cut_and_says_so(world: World) -> None:
    world.define(params={"list": {"type": "list", "default": list(range(100))}}, steps=[each("a", parallel=100)])
    run = start(world).run
    world.work(result="x" * 1000)
    world.record()

    result = run_of(world, run).result
    assert result[-1] == "[… 35 more of 100, each is with its branch]"
    assert len(result) == 66
    assert sum(map(len, result)) < MAX_TEXT_BYTES


def test_results_too_large_to_be_passed_on_fail_the_step_that_wants_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.runs.values.MAX_RESULTS_BYTES", 1000)
    world.define(params=LIST, steps=[each("a"), step("b", "a", seconds="${size(steps.a.result)}"), step("c", "a")])
    run = start(world).run
    world.work(result="x" * 500)
    world.record()

    (failed,) = branches(world, run, "b")
    assert failed.error is not None
    assert failed.error.message == "the results of the step a take more than 1000 bytes"
    assert [message.step for message in world.work()] == ["c"]


def test_a_step_runs_for_every_datasource(world: World) -> None:
    with world.store.writing() as conn:
        for name in ("photos", "docs"):
            datasources.save(conn, DatasourceRecord(name=name, kind="local", root=f"/{name}"), at=1)
    world.define(steps=[each("a", items="datasources")])
    run = start(world).run

    assert [task.item for task in branches(world, run)] == ["docs", "photos"]


def test_the_definition_that_a_run_follows_is_gone(world: World) -> None:
    from store.tables import job_versions

    world.define(params=LIST, steps=[each("a", parallel=1), step("b", "a")])
    run = start(world).run
    with world.store.writing() as conn:
        conn.execute(job_versions.delete())
        conn.exec_driver_sql("DELETE FROM jobs")
    world.take_over()
    world.duties.catalogue._plans.clear()
    world.work()
    world.record()

    assert counts(world, run) == {"succeeded": 1, "skipped": 2}
    assert run_of(world, run).state is RunState.FAILED

"""The shipped jobs about datasources: one branch for each datasource, and changes gathered into scoped syncs."""

from __future__ import annotations

from typing import Any

import pytest

from bus.timetable import Window
from rota.changes import MOST_BYTES, events_of
from rota.events import Event
from rota.ids import new_id
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.admitting import Admitted, Request, admit, deliver
from scheduler.definitions import SHIPPED_FOLDER, read_folder
from scheduler.listening.hearing import hear
from scheduler.watched import Watched
from store.queries import datasources, jobs, windows
from store.records import DatasourceRecord, RunRecord
from tests.integration.scheduler.conftest import REGISTRY, World

ALL, ONE, CHANGED = "sync-datasources", "sync-datasource", "sync-changed"


@pytest.fixture(autouse=True)
def shipped(world: World) -> None:
    with world.store.writing() as conn:
        for _, job in read_folder(SHIPPED_FOLDER, REGISTRY).jobs:
            jobs.save(conn, job, author="rota", source="shipped", at=world.clock.now_ms())


def add(world: World, *names: str, **fields: Any) -> None:
    with world.store.writing() as conn:
        for name in names:
            given = {"name": name, "kind": "local", "root": f"/{name}", **fields}
            datasources.save(conn, DatasourceRecord(**given), at=1)


def start(world: World, job: str, key: str = "1", **params: Any) -> Admitted:
    request = Request(job=job, cause=Cause.of_person("alice", key), params=params)
    (admitted,) = admit(world.store, [request], now=world.clock.now_ms(), actors=REGISTRY)
    deliver(world.bus, [admitted])
    return admitted


def tell(world: World, *events: Event) -> None:
    """Let the scheduler hear events and fire the windows in which they are, as if it had been quiet since."""
    duties = world.duties
    with world.store.writing() as conn:
        duties.catalogue.refresh(conn)
        hear(conn, events, duties.catalogue.current, world.clock.now_ms())
    fire(world)


def fire(world: World) -> None:
    later = world.clock.now_ms() + 60_000
    with world.store.reading() as conn:
        due = [Window(id=name, due=at) for name, at in windows.upcoming(conn, before=later, limit=1000)]
    world.duties.windows.fire(world.duties.leader.leading() or 0, due, later)


def changed(*paths: str, of: str = "docs") -> Event:
    return Event(id=new_id(), source="test", type="storage.changed", data={"datasource": of, "paths": list(paths)})


def paths_of(run: RunRecord) -> list[str]:
    return [path for some in run.params["paths"] for path in some]


def test_each_datasource_is_a_branch_that_fails_alone(world: World) -> None:
    add(world, "one", "two")
    add(world, "off", enabled=False)
    run = start(world, ALL).run
    first, second = sorted(world.detail(run).tasks, key=lambda task: task.branch)

    assert [task.params["datasource"] for task in (first, second)] == ["one", "two"]
    assert world.waiting("sync") == 2


def test_no_datasource_is_a_quiet_success(world: World) -> None:
    admitted = start(world, ALL)

    assert admitted.state is RunState.SUCCEEDED
    assert world.detail(admitted.run).run.error is None


def test_what_somebody_asks_for_reaches_the_actor_of_one_datasource(world: World) -> None:
    add(world, "one", "two")
    asked = {"path": "a", "paths": ["b", "c"], "dry_run": True, "hash": True, "confirmed_deletions": 7}

    run = start(world, ONE, datasource="two", **asked).run

    (task,) = world.detail(run).tasks
    assert task.params == {"datasource": "two", "allow_deletions": False, **asked}


def test_a_sync_that_somebody_asks_for_need_not_wait_for_that_of_all(world: World) -> None:
    add(world, "one", "two")

    of_all = start(world, ALL).state
    states = [start(world, ONE, str(n), datasource=name).state for n, name in enumerate(("one", "two", "one"))]

    assert (of_all, *states) == (RunState.QUEUED, RunState.QUEUED, RunState.QUEUED, RunState.SKIPPED)


def test_changes_of_a_datasource_become_one_scoped_sync(world: World) -> None:
    add(world, "docs", "other")

    tell(world, changed("a"), changed("b", "c"), changed("x", of="other"))

    found = {run.params["datasource"]: paths_of(run) for run in world.runs(CHANGED)}
    assert found == {"docs": ["a", "b", "c"], "other": ["x"]}


def test_what_changes_during_a_sync_waits_for_the_next_one(world: World) -> None:
    add(world, "docs")
    tell(world, changed("a"))
    tell(world, changed("b"))
    tell(world, changed("c"))
    first, second, third = world.runs(CHANGED)
    assert [run.state for run in (first, second, third)] == [RunState.QUEUED, RunState.WAITING, RunState.WAITING]

    told = []
    for _ in range(3):
        told += [message.params["paths"] for message in world.work("sync")]
        world.record()
        world.duties.waiting.step()

    assert told == [[["a"]], [["b"]], [["c"]]]
    assert {run.state for run in world.runs(CHANGED)} == {RunState.SUCCEEDED}


def test_the_most_that_a_window_gathers_can_be_given_to_a_run(world: World) -> None:
    add(world, "docs")
    paths = [f"{n:0{MOST_BYTES}}".encode() for n in range(200)]

    tell(world, *(event for _ in range(3) for event in events_of("docs", paths, source="test", at=0)))

    found = world.runs(CHANGED)
    assert [len(paths_of(run)) for run in found] == [240, 240, 120]
    assert [run.state for run in found] == [RunState.QUEUED, RunState.WAITING, RunState.WAITING]


@pytest.mark.parametrize(
    "data",
    [
        {}, {"paths": None}, {"paths": "a"}, {"paths": [1]}, {"paths": ["a"] * 2000}, {"paths": ["/etc"]},
        {"paths": ["a", "b/../c"]}, {"paths": [".."]}, {"paths": ["./a"]}, {"paths": ["a//b"]},
    ],
)  # fmt: skip
def test_what_does_not_fit_means_everything(world: World, data: dict[str, Any]) -> None:
    add(world, "docs")

    tell(world, Event(id="e", source="test", type="storage.changed", data={"datasource": "docs", **data}))

    (run,) = world.runs(CHANGED)
    assert (run.state, run.params) == (RunState.QUEUED, {"datasource": "docs", "paths": []})


@pytest.mark.parametrize("data", [None, {}, "text", {"paths": ["a"]}])
def test_an_event_about_no_datasource_starts_nothing(world: World, data: Any) -> None:
    tell(world, Event(id="e", source="test", type="storage.changed", data=data))

    assert world.runs(CHANGED) == []


@pytest.mark.parametrize("name", ["off", "unknown"])
def test_changes_of_a_datasource_that_is_off_or_unknown_end_with_a_reason(world: World, name: str) -> None:
    add(world, "off", enabled=False)

    tell(world, changed("a", of=name))

    (run,) = world.runs(CHANGED)
    (task,) = world.detail(run.id).tasks
    assert run.state is RunState.SUCCEEDED
    assert (task.state, task.reason) == (RunState.SKIPPED, "when: params.datasource in datasources was false")


def test_a_change_that_the_job_itself_led_to_starts_nothing(world: World) -> None:
    add(world, "docs")
    event = Event(
        id="e", source="s", type="storage.changed", data={"datasource": "docs", "paths": ["a"]}, chain=(CHANGED,)
    )

    tell(world, event)

    assert world.runs(CHANGED) == []


def test_the_leader_tells_which_folders_are_watched(world: World) -> None:
    add(world, "plain")
    add(world, "watched", rules={"watch": True, "exclude": ["*.tmp"]}, queue="site")
    add(world, "off", rules={"watch": True}, enabled=False)
    duty = Watched(world.store, world.bus, world.duties.leader)

    duty.step()
    (folder,) = world.bus.watched.read()
    assert (folder.name, folder.root, folder.exclude, folder.queue) == ("watched", "/watched", ("*.tmp",), "site")

    add(world, "watched", rules={})
    duty.step()
    assert world.bus.watched.read() == []


def test_a_standby_tells_nothing_about_watched_folders(world: World) -> None:
    add(world, "watched", rules={"watch": True})

    Watched(world.store, world.bus, world.other().leader).step()

    assert world.bus.watched.read() == []

"""The shipped jobs about search indexes: changes gathered into one run, and one branch for each datasource."""

from __future__ import annotations

from typing import Any

import pytest

from bus.timetable import Window
from rota.events import Event
from rota.ids import new_id
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.admitting import Request, admit, deliver
from scheduler.definitions import SHIPPED_FOLDER, read_folder
from scheduler.listening.hearing import hear
from store.queries import datasources, jobs, windows
from store.records import DatasourceRecord
from tests.integration.scheduler.conftest import REGISTRY, World

CHANGED = "index-changed"


@pytest.fixture(autouse=True)
def shipped(world: World) -> None:
    with world.store.writing() as conn:
        for _, job in read_folder(SHIPPED_FOLDER, REGISTRY).jobs:
            jobs.save(conn, job, author="rota", source="shipped", at=world.clock.now_ms())
        for name in ("docs", "other"):
            datasources.save(conn, DatasourceRecord(name=name, kind="local", root=f"/{name}"), at=1)


def tell(world: World, *events: Event) -> None:
    """Let the scheduler hear events and fire the windows in which they are, as if it had been quiet since."""
    with world.store.writing() as conn:
        world.duties.catalogue.refresh(conn)
        hear(conn, events, world.duties.catalogue.current, world.clock.now_ms())
    later = world.clock.now_ms() + 60_000
    with world.store.reading() as conn:
        due = [Window(id=name, due=at) for name, at in windows.upcoming(conn, before=later, limit=1000)]
    world.duties.windows.fire(world.duties.leader.leading() or 0, due, later)


def event(type_: str, of: str = "docs", chain: tuple[str, ...] = (), **data: Any) -> Event:
    return Event(id=new_id(), source="test", type=type_, data={"datasource": of, **data}, chain=chain)


def synced(**counts: int) -> Event:
    return event(
        "datasource.synced",
        **{"changed": any(counts.values()), "created": 0, "updated": 0, "moved": 0, "deleted": 0, **counts},
    )


def indexed(world: World) -> list[str]:
    return [run.params["datasource"] for run in world.runs(CHANGED) if run.state is not RunState.SKIPPED]


def test_changes_of_a_datasource_become_one_run(world: World) -> None:
    tell(world, event("entry.created"), event("entry.deleted"), event("entry.moved", of="other"))

    assert sorted(indexed(world)) == ["docs", "other"]
    assert world.waiting("index") == 2


@pytest.mark.parametrize("kind", ["created", "updated", "moved", "deleted"])
def test_a_sync_that_changed_something_is_followed_by_an_index_run(world: World, kind: str) -> None:
    tell(world, synced(**{kind: 1}))

    assert indexed(world) == ["docs"]


def test_a_sync_that_changed_nothing_is_followed_by_nothing(world: World) -> None:
    tell(world, synced(), event("datasource.indexed"), event("datasource.unreachable"))

    assert indexed(world) == []


def test_changes_during_a_run_wait_for_one_more_and_do_not_pile_up(world: World) -> None:
    for _ in range(4):
        tell(world, event("entry.created"))
    tell(world, event("entry.created", of="other"))

    states = [(run.params["datasource"], run.state) for run in world.runs(CHANGED)]
    assert states == [
        ("docs", RunState.QUEUED),
        ("docs", RunState.WAITING),
        ("docs", RunState.SKIPPED),
        ("docs", RunState.SKIPPED),
        ("other", RunState.QUEUED),
    ]


def test_a_change_that_an_index_run_led_to_is_indexed_too(world: World) -> None:
    tell(world, event("entry.deleted", chain=(CHANGED, "sync-changed")))

    assert indexed(world) == ["docs"]


def test_an_unknown_datasource_is_not_indexed(world: World) -> None:
    tell(world, event("entry.created", of="unknown"))

    (run,) = world.runs(CHANGED)
    assert run.state is RunState.SUCCEEDED
    assert world.waiting("index") == 0


@pytest.mark.parametrize(
    ("job", "params", "expected"),
    [
        ("index-datasources", {"full": True}, {"full": True, "unread": False}),
        ("index-datasource", {"datasource": "docs", "unread": True}, {"full": False, "unread": True}),
        ("check-indexes", {"repair": False}, {"repair": False}),
    ],
)
def test_what_somebody_asks_for_reaches_the_actor(
    world: World, job: str, params: dict[str, Any], expected: dict[str, Any]
) -> None:
    request = Request(job=job, cause=Cause.of_person("alice", "1"), params=params)
    (admitted,) = admit(world.store, [request], now=world.clock.now_ms(), actors=REGISTRY)
    deliver(world.bus, [admitted])

    tasks = world.detail(admitted.run).tasks
    names = ["docs"] if "datasource" in params else ["docs", "other"]
    assert sorted(task.params["datasource"] for task in tasks) == names
    assert all(task.params == {"datasource": task.params["datasource"], **expected} for task in tasks)

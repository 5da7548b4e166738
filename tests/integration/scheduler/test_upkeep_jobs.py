"""The shipped jobs of upkeep: what starts them, and what their branches are told."""

from __future__ import annotations

from typing import Any

import pytest

from rota.events import Event
from rota.ids import new_id
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.admitting import Request, admit
from scheduler.definitions import SHIPPED_FOLDER, read_folder
from scheduler.listening.hearing import hear
from store.queries import datasources, jobs
from store.records import DatasourceRecord
from tests.integration.scheduler.conftest import REGISTRY, World

JOBS = {"prune-history", "clean-leftovers", "remove-empty-folders", "clean-removed-user"}


@pytest.fixture(autouse=True)
def shipped(world: World) -> None:
    with world.store.writing() as conn:
        for _, job in read_folder(SHIPPED_FOLDER, REGISTRY).jobs:
            if job.name in JOBS:
                jobs.save(conn, job, author="rota", source="shipped", at=world.clock.now_ms())
        for name in ("docs", "other"):
            datasources.save(conn, DatasourceRecord(name=name, kind="local", root=f"/{name}"), at=1)


def tell(world: World, data: Any) -> None:
    event = Event(id=new_id(), source="test", type="user.removed", data=data)
    with world.store.writing() as conn:
        world.duties.catalogue.refresh(conn)
        hear(conn, [event], world.duties.catalogue.current, world.clock.now_ms())


def started(world: World, job: str, **params: Any) -> list[dict[str, Any]]:
    """Start a job by hand and give what its tasks are told."""
    request = Request(job=job, cause=Cause.of_person("alice", "1"), params=params)
    (admitted,) = admit(world.store, [request], now=world.clock.now_ms(), actors=REGISTRY)
    return told(world, admitted.run)


def told(world: World, run: str) -> list[dict[str, Any]]:
    return [dict(task.params or {}) for task in sorted(world.detail(run).tasks, key=lambda task: task.branch)]


def test_history_is_pruned_every_hour(world: World) -> None:
    assert [trigger["every"] for trigger in world.job("prune-history").definition["triggers"]] == ["PT1H"]
    assert started(world, "prune-history") == [{}]


def test_leftovers_are_cleaned_up_in_each_datasource_by_itself(world: World) -> None:
    assert started(world, "clean-leftovers", older_than="P2D") == [
        {"datasource": name, "older_than": "P2D", "dry_run": False} for name in ("docs", "other")
    ]


def test_folders_are_removed_once_somebody_wants_it(world: World) -> None:
    assert not world.job("remove-empty-folders").enabled
    with world.store.writing() as conn:
        jobs.set_enabled(conn, ["remove-empty-folders"], True, at=world.clock.now_ms())
        for _, job in read_folder(SHIPPED_FOLDER, REGISTRY).jobs:
            if job.name == "remove-empty-folders":
                jobs.save(conn, job, author="rota", source="shipped", at=world.clock.now_ms())
    assert world.job("remove-empty-folders").enabled, "a start of the scheduler leaves the switch where it is"

    assert started(world, "remove-empty-folders", keep=["inbox"], dry_run=True) == [
        {"datasource": name, "older_than": "P7D", "keep": ["inbox"], "dry_run": True} for name in ("docs", "other")
    ]


def test_removed_user_is_cleaned_up_after_in_each_datasource(world: World) -> None:
    tell(world, {"user": "ada"})
    tell(world, {"user": "ada"})

    first, second = world.runs("clean-removed-user")
    assert told(world, first.id) == [{"datasource": name, "user": "ada", "keep": "P30D"} for name in ("docs", "other")]
    assert second.state is RunState.WAITING


@pytest.mark.parametrize("data", [None, {}, {"user": ""}, {"name": "ada"}])
def test_event_without_a_user_leads_to_nothing(world: World, data: Any) -> None:
    tell(world, data)

    assert world.runs("clean-removed-user") == []

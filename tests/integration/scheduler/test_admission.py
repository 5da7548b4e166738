"""Admission on both databases: each cause once, within the limits, all or nothing in its batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rota.errors import InvalidDefinition, NotFound, Refused
from rota.events import Event
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.admitting import Admitted, Request, admit
from store.engine import Store
from store.queries import jobs, runs
from store.records import Closing, RunDetail
from tests.factories import NOW, make_job
from tests.integration.scheduler.conftest import REGISTRY


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    yield store
    store.close()


def define(store: Store, name: str = "tidy", **fields: Any) -> None:
    with store.writing() as conn:
        jobs.save(conn, make_job(name, **fields), author="tester", source="test", at=NOW)


def ask(store: Store, *causes: Cause, **fields: Any) -> list[Admitted]:
    requests = [Request(job="tidy", cause=cause, **fields) for cause in causes]
    return admit(store, requests, now=NOW, actors=REGISTRY)


def person(key: str) -> Cause:
    return Cause.of_person("alice", key)


def detail(store: Store, admitted: Admitted) -> RunDetail:
    with store.reading() as conn:
        return runs.run_detail(conn, admitted.run)


def test_run_is_recorded_with_its_task_and_message(store: Store) -> None:
    define(store, priority="high", timeout="PT1H", steps=[{"id": "a", "actor": "sleep", "with": {"seconds": 3}}])

    (one,) = ask(store, person("1"), owner="alice", chain=("before",))

    found = detail(store, one)
    assert (found.run.state, found.run.owner, found.run.priority) == (RunState.QUEUED, "alice", "high")
    assert found.run.timeout_at == NOW + 3_600_000
    assert found.tasks[0].state is RunState.QUEUED
    (message,) = one.messages
    assert (message.task, message.queue, message.params) == (found.tasks[0].id, "default", {"seconds": 3})
    assert (message.owner, message.priority, message.chain) == ("alice", "high", ("before",))


def test_same_cause_gives_the_same_run(store: Store) -> None:
    define(store, overlap="allow_all")
    (first,) = ask(store, person("1"))

    (second,) = ask(store, person("1"))
    twins = ask(store, person("2"), person("2"))

    assert (second.run, second.repeated, second.messages) == (first.run, True, ())
    assert twins[0].run == twins[1].run
    assert [one.repeated for one in twins] == [False, True]


def test_same_cause_gives_the_same_run_when_overlap_is_limited(store: Store) -> None:
    define(store)
    (first,) = ask(store, person("1"))

    (second,) = ask(store, person("1"))

    assert (second.run, second.state) == (first.run, RunState.QUEUED)


def test_overlapping_run_is_skipped_with_reason(store: Store) -> None:
    define(store, overlap="skip")

    one, two = ask(store, person("1"), person("2"))
    (three,) = ask(store, person("3"))

    assert [one.state, two.state, three.state] == [RunState.QUEUED, RunState.SKIPPED, RunState.SKIPPED]
    assert three.reason == f"run {one.run} is still open"
    assert detail(store, three).run.ended_at == NOW
    assert detail(store, three).tasks == ()


def test_closed_run_frees_its_slot(store: Store) -> None:
    define(store, overlap="skip")
    (one,) = ask(store, person("1"))
    with store.writing() as conn:
        runs.close(conn, [Closing(run=one.run, state=RunState.SUCCEEDED, at=NOW)])

    assert ask(store, person("2"))[0].state is RunState.QUEUED


def test_concurrency_key_is_filled_in_and_limited(store: Store) -> None:
    define(
        store,
        overlap="allow_all",
        params={"to": {"type": "string"}},
        concurrency={"key": "copy:${params.to}", "limit": 2},
    )

    to_a = ask(store, person("1"), person("2"), person("3"), params={"to": "a"})
    to_b = ask(store, person("4"), params={"to": "b"})

    assert [one.state for one in to_a] == [RunState.QUEUED, RunState.QUEUED, RunState.WAITING]
    assert to_a[2].reason == f"waits: 2 runs with the key copy:a are still open: {to_a[0].run}, {to_a[1].run}"
    assert to_b[0].state is RunState.QUEUED


def test_limit_holds_against_many_at_once(store: Store) -> None:
    define(store, overlap="allow_all", concurrency={"limit": 3})
    answers: list[Admitted] = []

    def admit_some(part: int) -> None:
        for n in range(5):
            answers.extend(ask(store, person(f"{part}-{n}")))

    threads = [threading.Thread(target=admit_some, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 20
    assert sum(one.state is RunState.QUEUED for one in answers) == 3


def test_disabled_job_refuses_a_person_and_records_a_tick(store: Store) -> None:
    define(store, enabled=False)

    with pytest.raises(Refused, match="disabled"):
        ask(store, person("1"))
    (tick,) = ask(store, Cause.of_tick("abc", NOW))

    assert (tick.state, tick.reason) == (RunState.SKIPPED, "the job tidy is disabled")


def test_unknown_job_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        ask(store, person("1"))


def test_parameters_are_bound_and_checked(store: Store) -> None:
    define(
        store,
        params={"for": {"type": "integer"}, "unit": {"type": "string", "default": "s"}},
        steps=[{"id": "a", "actor": "sleep", "with": {"seconds": "${params['for'] * 2}"}}],
    )

    (one,) = ask(store, person("1"), params={"for": 4})

    assert one.messages[0].params == {"seconds": 8}
    assert detail(store, one).run.params == {"for": 4, "unit": "s"}
    with pytest.raises(InvalidDefinition, match=r"params\.for: is required"):
        ask(store, person("2"))
    (tick,) = ask(store, Cause.of_tick("abc", NOW))
    assert tick.reason == "params.for: is required: a whole number"


def test_one_wrong_request_of_a_person_admits_none_of_its_batch(store: Store) -> None:
    define(store, overlap="allow_all", params={"n": {"type": "integer", "default": 1}})
    requests = [
        Request(job="tidy", cause=person("1")),
        Request(job="tidy", cause=person("2"), params={"n": "two"}),
    ]

    with pytest.raises(InvalidDefinition):
        admit(store, requests, now=NOW, actors=REGISTRY)

    with store.reading() as conn:
        assert runs.list_runs(conn).items == []


def test_event_is_filled_in_and_its_missing_field_is_a_skip(store: Store) -> None:
    define(
        store,
        overlap="allow_all",
        steps=[{"id": "a", "actor": "sleep", "with": {"seconds": "${event.data.seconds}"}}],
    )
    good = Event(id="1", source="test", type="t", data={"seconds": 7})
    bad = Event(id="2", source="test", type="t", data={})

    def cause(event: Event) -> Cause:
        return Cause.of_event(source=event.source, event_id=event.id, event_type=event.type)

    (one,) = ask(store, cause(good), event=good)
    (other,) = ask(store, cause(bad), event=bad)

    assert one.messages[0].params == {"seconds": 7}
    assert other.state is RunState.SKIPPED
    assert other.reason is not None
    assert "seconds" in other.reason


def test_later_steps_wait_without_message(store: Store) -> None:
    steps = [
        {"id": "a", "actor": "sleep", "with": {"seconds": 1}},
        {"id": "b", "actor": "sleep", "needs": ["a"], "with": {"seconds": 1}},
        {"id": "c", "actor": "sleep", "with": {"seconds": 1}},
    ]
    define(store, steps=steps)

    (one,) = ask(store, person("1"))

    found = {task.step: task.state for task in detail(store, one).tasks}
    assert found == {"a": RunState.QUEUED, "b": RunState.WAITING, "c": RunState.QUEUED}
    assert sorted(message.step for message in one.messages) == ["a", "c"]


def test_thousands_are_admitted_in_batches(store: Store) -> None:
    define(store, overlap="allow_all")

    admitted = ask(store, *(person(str(n)) for n in range(1200)))

    assert len({one.run for one in admitted}) == 1200
    with store.reading() as conn:
        assert runs.count_open(conn)[RunState.QUEUED] == 1200


def test_actor_that_is_not_installed_refuses_a_person(store: Store) -> None:
    define(store, steps=[{"id": "a", "actor": "elsewhere"}])

    with pytest.raises(Refused, match="there is no actor elsewhere here"):
        ask(store, person("1"))

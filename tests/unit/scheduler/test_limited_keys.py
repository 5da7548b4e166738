"""The keys that limits count by: what a person has under way is counted by `run.person`."""

from __future__ import annotations

from typing import Any

import pytest

from actors.registry import load_registry
from rota.expression_checks import expression_problems
from rota.messages import TaskMessage
from rota.runs import Cause
from rota.sealing import seal
from scheduler.admission.drafts import Draft, Request, draft
from scheduler.jobs.plans import make_plan
from tests.factories import NOW, make_job

ACTORS = load_registry()


def drafted(cause: Cause, *, owner: str | None = None, given: dict[str, Any] | None = None, **fields: Any) -> Draft:
    job = make_job(owner="system", **fields)
    plan = make_plan(job, version=1, actors=ACTORS)
    return draft(plan, Request(job=job.name, cause=cause, owner=owner, params=given or {}), NOW)


@pytest.mark.parametrize(
    ("cause", "owner", "person"),
    [
        (Cause.of_person("alice", "1"), None, "alice"),
        (Cause.of_person("alice", "1"), "bob", "alice"),
        (Cause.of_tick("abc", NOW), None, "system"),
        (Cause.of_tick("abc", NOW), "bob", "bob"),
    ],
)
def test_a_key_holds_whose_doing_the_run_is(cause: Cause, owner: str | None, person: str) -> None:
    rate = {"limit": 1, "period": "PT1M", "key": "r:${run.person}"}
    one = drafted(cause, owner=owner, concurrency={"key": "c:${run.person}", "limit": 2}, rate=rate)

    assert (one.limit_key, one.rate_key) == (f"key:c:{person}", f"key:r:{person}")


def test_a_step_may_name_the_person_too() -> None:
    steps = [{"id": "main", "actor": "sleep", "with": {"seconds": "${run.person == 'alice' ? 1 : 2}"}}]

    assert message(drafted(Cause.of_person("alice", "1"), steps=steps)).params == {"seconds": 1}


def test_a_key_may_read_nothing_else_of_the_run() -> None:
    job = make_job(concurrency={"key": "c:${run.id}", "limit": 2})

    assert [str(problem) for problem in expression_problems(job)] == [
        "concurrency.key: run.id is not known here; allowed: person"
    ]


def test_the_key_of_a_sealed_secret_is_in_the_run_and_not_in_its_message() -> None:
    sealed = seal("hunter2")
    steps = [{"id": "main", "actor": "http", "with": {"url": "https://example.org", "json": "${params.password}"}}]
    one = drafted(
        Cause.of_person("alice", "1"),
        given={"password": sealed.reference},
        params={"password": {"type": "string"}},
        steps=steps,
        concurrency={"key": "c:${params.password + '!'}", "limit": 1},
    )

    assert one.run.params == {"password": sealed.reference}
    assert message(one).params["json"] == f"sealed:{sealed.id}"
    assert one.limit_key == f"key:c:sealed:{sealed.id}!"


def message(one: Draft) -> TaskMessage:
    (task,) = one.tasks
    assert task.message is not None
    return task.message

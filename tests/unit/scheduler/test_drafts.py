"""What a request becomes, before anything is written."""

from __future__ import annotations

from typing import Any

import pytest

from actors.registry import load_registry
from rota.errors import InvalidDefinition, Refused
from rota.events import Event
from rota.expressions import ExpressionFailed
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.drafts import MAX_CHAIN, MAX_LIMIT_KEY, Draft, Request, chain_of, draft
from scheduler.jobs.plans import Plan, make_plan
from tests.factories import NOW, make_job

ACTORS = load_registry()
TICK = Cause.of_tick("abc", NOW)
PERSON = Cause.of_person("alice", "1")


def plan(*, enabled: bool = True, **fields: Any) -> Plan:
    return make_plan(make_job(**fields), version=3, actors=ACTORS, enabled=enabled)


def drafted(of: Plan, cause: Cause = PERSON, **fields: Any) -> Draft:
    return draft(of, Request(job="tidy", cause=cause, **fields), NOW)


def seconds(text: object) -> list[dict[str, Any]]:
    return [{"id": "main", "actor": "sleep", "with": {"seconds": text}}]


def test_run_belongs_to_the_owner_of_the_job_unless_somebody_asked() -> None:
    of = plan(owner="system")

    assert drafted(of).run.owner == "system"
    assert drafted(of).run.kind == "system"
    assert drafted(of, owner="alice").run.owner == "alice"


def test_message_carries_the_rules_of_its_step() -> None:
    steps = [
        {
            "id": "main",
            "actor": "sleep",
            "with": {"seconds": 1},
            "timeout": "PT2H",
            "retries": {"max": 3, "backoff": "PT1S"},
        }
    ]
    (task,) = drafted(plan(steps=steps, priority="low")).tasks

    assert task.message is not None
    assert (task.message.timeout_ms, task.message.retries.max, task.message.retries.backoff_ms) == (7_200_000, 3, 1000)
    assert (task.message.priority, task.message.attempt, task.message.task) == ("low", 1, task.id)


def test_expressions_see_params_run_job_and_event() -> None:
    text = "${params.n}/${run.cause}/${job.name}/${event.data.x}"
    of = plan(params={"n": {"type": "integer", "default": 2}}, steps=seconds(text))
    event = Event(id="1", source="s", type="t", data={"x": "y"})

    one = drafted(of, Cause.of_event(source="s", event_id="1", event_type="t"), event=event)

    assert one.tasks[0].message is not None
    assert one.tasks[0].message.params == {"seconds": "2/event/tidy/y"}


def test_doubled_dollar_is_written_as_one() -> None:
    one = drafted(plan(steps=seconds("$${plain}")))

    assert one.tasks[0].message is not None
    assert one.tasks[0].message.params == {"seconds": "${plain}"}


@pytest.mark.parametrize(
    ("of", "fields", "error", "reason"),
    [
        (plan(enabled=False), {}, Refused, "the job tidy is disabled"),
        (plan(), {"params": {"x": 1}}, InvalidDefinition, "params.x: is not declared by the job; none is known"),
        (plan(steps=seconds("${params.x}")), {}, ExpressionFailed, "params.x"),
        (plan(steps=[{"id": "a", "actor": "nobody"}]), {}, Refused, "there is no actor nobody here"),
    ],
)
def test_what_cannot_be_granted_is_told_to_people_and_recorded_for_ticks(
    of: Plan, fields: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error):
        drafted(of, PERSON, **fields)

    one = drafted(of, TICK, **fields)

    assert (one.run.state, one.tasks) == (RunState.SKIPPED, ())
    assert one.run.reason is not None
    assert reason in one.run.reason


def test_overlap_skip_needs_the_only_slot_of_the_job() -> None:
    one = drafted(plan(overlap="skip"))

    assert (one.limit_key, one.limit) == ("job:tidy", 1)
    assert drafted(plan(overlap="allow_all")).limit_key is None


def test_limit_keys_of_people_never_meet_those_of_jobs() -> None:
    of = plan(concurrency={"key": "job:other", "limit": 4})

    assert drafted(of).limit_key == "key:job:other"


def test_long_limit_keys_are_shortened_and_stay_apart() -> None:
    of = plan(params={"p": {"type": "string"}}, concurrency={"key": "${params.p}"})

    one, two = (drafted(of, params={"p": "x" * 5000 + end}).limit_key for end in "ab")

    assert one is not None
    assert one != two
    assert len(one) < MAX_LIMIT_KEY + 50


def test_filled_in_parameters_must_fit_into_a_message() -> None:
    of = plan(
        params={"p": {"type": "string"}},
        steps=seconds(["${params.p}"] * 10),
    )

    one = drafted(of, TICK, params={"p": "x" * 60_000})

    assert one.run.reason is not None
    assert one.run.reason.startswith("takes ")


def test_chain_does_not_grow_in_a_loop() -> None:
    event = Event(id="1", source="s", type="t", chain=("a", "b", "a", "b", *(f"j{n}" for n in range(2 * MAX_CHAIN))))

    chain = chain_of(event)

    assert len(chain) == MAX_CHAIN
    assert len(set(chain)) == MAX_CHAIN
    assert chain[-1] == f"j{2 * MAX_CHAIN - 1}"

"""Which jobs an event starts."""

from __future__ import annotations

from typing import Any

from actors.registry import load_registry
from rota.events import Event
from scheduler.catalogue import Snapshot
from scheduler.matching import match
from scheduler.plans import make_plan
from tests.factories import make_job

ACTORS = load_registry()


def snapshot(**jobs: list[dict[str, Any]]) -> Snapshot:
    plans = {
        name: make_plan(make_job(name, triggers=triggers), version=1, actors=ACTORS) for name, triggers in jobs.items()
    }
    subscriptions = tuple(each for plan in plans.values() for each in plan.subscriptions)
    return Snapshot(1, plans, {}, subscriptions)


def event(type_: str = "entry.deleted", **fields: Any) -> Event:
    return Event(id="1", source="test", type=type_, **fields)


def names(found: list[Any]) -> list[str]:
    return [one.job for one in found if one.request is not None]


def test_type_and_pattern_match() -> None:
    known = snapshot(exact=[{"event": "entry.deleted"}], pattern=[{"event": "entry.*"}], other=[{"event": "run.*"}])

    assert names(match(event(), known)) == ["exact", "pattern"]
    assert names(match(event("entry.created"), known)) == ["pattern"]
    assert names(match(event("unheard"), known)) == []


def test_job_with_two_matching_triggers_starts_once() -> None:
    known = snapshot(twice=[{"event": "entry.*"}, {"event": "*"}])

    assert len(match(event(), known)) == 1


def test_one_holding_condition_of_several_is_enough() -> None:
    known = snapshot(
        one=[
            {"event": "entry.*", "where": "event.data.missing > 1"},
            {"event": "entry.*", "where": "event.data.size > 1"},
        ]
    )

    assert names(match(event(data={"size": 2}), known)) == ["one"]
    (none,) = match(event(data={"size": 0}), known)
    assert none.request is None
    assert none.reason is not None
    assert none.reason.startswith("where: ")


def test_condition_that_is_not_true_or_false_does_not_hold() -> None:
    (one,) = match(event(data={"size": 2}), snapshot(one=[{"event": "*", "where": "event.data.size"}]))

    assert one.reason == "where: 'event.data.size' gives int, not true or false"


def test_types_are_remembered_within_bounds() -> None:
    known = snapshot(all=[{"event": "*"}])

    for n in range(3000):
        assert names(match(event(f"type-{n}"), known)) == ["all"]

    assert len(known._by_type) <= 1000

"""Which jobs hear an event, and what they ask for."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors.registry import load_registry
from rota.events import Event
from scheduler.jobs.catalogue import Snapshot
from scheduler.jobs.plans import Plan, make_plan
from scheduler.listening.matching import MAX_KEY, TRIGGER_GONE, Match, key_of, match, request_of, request_of_window
from tests.factories import make_job

ACTORS = load_registry()


def plan(name: str = "tidy", **fields: Any) -> Plan:
    return make_plan(make_job(name, **fields), version=1, actors=ACTORS)


def snapshot(**jobs: list[dict[str, Any]]) -> Snapshot:
    plans = {name: plan(name, triggers=triggers) for name, triggers in jobs.items()}
    subscriptions = tuple(each for one in plans.values() for each in one.subscriptions)
    return Snapshot(1, plans, {}, None, subscriptions)


def event(type_: str = "entry.deleted", event_id: str = "1", **fields: Any) -> Event:
    return Event(id=event_id, source="test", type=type_, **fields)


def names(found: list[Match]) -> list[str]:
    return [one.job for one in found if one.trigger is not None]


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
    assert none.trigger is None
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


def test_first_trigger_that_hears_an_event_takes_it() -> None:
    known = snapshot(
        one=[
            {"event": "entry.*", "where": "event.data.size > 5"},
            {"event": "entry.*", "debounce": {"quiet": "PT1S"}},
        ]
    )

    (large,), (small,) = match(event(data={"size": 9}), known), match(event(data={"size": 1}), known)

    assert large.trigger is not None
    assert large.trigger.gathering is None
    assert small.trigger is not None
    assert small.trigger.gathering is not None


def test_key_is_the_json_of_its_value() -> None:
    known = snapshot(one=[{"event": "*", "debounce": {"key": "[event.data.datasource, job.name]"}}])

    (one,) = match(event(data={"datasource": "docs"}), known)

    assert one.key == '["docs","one"]'


def test_key_that_cannot_be_evaluated_is_the_reason() -> None:
    known = snapshot(
        gathers=[{"event": "*", "debounce": {"key": "event.data.nothing"}}],
        throttles=[{"event": "*", "throttle": {"period": "PT1M", "key": "event.data.nothing"}}],
        plain=[{"event": "*"}],
    )

    gathers, throttles, plain = match(event(data={}), known)

    assert plain.trigger is not None
    assert gathers.trigger is None is throttles.trigger
    assert gathers.reason is not None
    assert gathers.reason.startswith("debounce.key: ")
    assert throttles.reason is not None
    assert throttles.reason.startswith("throttle.key: ")


@given(st.text(max_size=500), st.text(max_size=500))
def test_keys_are_short_and_tell_values_apart(one: str, other: str) -> None:
    assert (key_of(one) == key_of(other)) == (one == other)
    assert len(key_of(one)) <= MAX_KEY + 33


def test_parameters_of_the_trigger_are_filled_in() -> None:
    mapping = {"path": "${event.data.path}", "all": "${events.map(e, e.id)}", "by": "${job.name}", "fixed": 3}
    one = plan(triggers=[{"event": "*", "params": mapping}])

    request = request_of(event(data={"path": "a/b"}), one.subscriptions[0], one)

    assert request.params == {"path": "a/b", "all": ["1"], "by": "tidy", "fixed": 3}
    assert request.skip is None


def test_parameters_without_expressions_are_passed_on() -> None:
    one = plan(triggers=[{"event": "*", "params": {"fixed": [1, 2]}}])

    assert request_of(event(), one.subscriptions[0], one).params == {"fixed": [1, 2]}


def test_parameter_without_a_value_leaves_a_skip() -> None:
    one = plan(triggers=[{"event": "*", "params": {"path": "${event.data.path}"}}])

    request = request_of(event(data={}), one.subscriptions[0], one)

    assert request.skip is not None
    assert request.skip.startswith("params: ")


def test_window_asks_for_one_run_with_all_its_events() -> None:
    one = plan(triggers=[{"event": "*", "debounce": {}, "params": {"last": "${event.id}", "all": "${events.size()}"}}])
    events = [event(event_id="1", chain=("a", "b")), event(event_id="2", chain=("b", "c"))]

    request = request_of_window("w", one.subscriptions[0].trigger, events, one)

    assert (request.run, request.events, request.event) == ("w", tuple(events), events[1])
    assert (request.cause.key, request.cause.count) == ("window:w", 2)
    assert request.cause.event == {"source": "test", "id": "2", "type": "entry.deleted"}
    assert request.params == {"last": "2", "all": 2}
    assert request.chain == ("a", "b", "c")


def test_window_of_a_trigger_that_is_gone_is_skipped() -> None:
    one = plan(triggers=[{"event": "*", "debounce": {"quiet": "PT2S"}}])

    assert request_of_window("w", "another", [event()], one).skip == TRIGGER_GONE


def test_what_is_no_number_is_a_key_of_its_own() -> None:
    values = [float("nan"), float("inf"), float("-inf"), None, "nan", "", 0, False]

    assert len({key_of(value) for value in values}) == len(values)
    assert key_of(1.0) == key_of(1)

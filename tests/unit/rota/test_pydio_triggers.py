"""Why a job of Pydio Cells started, and what starts it here."""

from __future__ import annotations

from typing import Any

import pytest

from rota.expressions import compile as compile_expression
from rota.pydio.events import FOREIGN_EVENTS, UNHEARD_EVENTS
from rota.schedules import upcoming
from rota.times import parse_rfc3339, rfc3339
from rota.triggers import RepeatTrigger
from tests.unit.rota.pydio_jobs import converted, definition, query, told


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("NODE_CHANGE:0", "entry.created"),
        ("NODE_CHANGE:2", "entry.moved"),
        ("NODE_CHANGE:3", "entry.updated"),
        ("NODE_CHANGE:5", "entry.deleted"),
        ("IDM_CHANGE:USER:3", "idm.user.deleted"),
        ("IDM_CHANGE:USER:4", "idm.user.login"),
        ("IDM_CHANGE:ACL:2", "idm.acl.updated"),
        ("CHAT_EVENT:ROOM:PUT", "chat.room.put"),
    ],
)
def test_an_event_name_becomes_a_type(name: str, event: str) -> None:
    assert definition(EventNames=[name])["triggers"] == [{"event": event}]


@pytest.mark.parametrize("name", sorted(FOREIGN_EVENTS))
def test_who_has_to_publish_an_event_that_rota_does_not_is_told(name: str) -> None:
    job = converted(EventNames=[name])
    assert f"Rota does not publish {FOREIGN_EVENTS[name]} itself" in told(job, "changed")["EventNames"]
    assert job.is_whole


@pytest.mark.parametrize("name", [*sorted(UNHEARD_EVENTS), "SOMETHING:ELSE"])
def test_an_event_that_nothing_stands_for_is_reported(name: str) -> None:
    job = converted(EventNames=[name])
    assert job.definition is not None
    assert "triggers" not in job.definition
    assert name in told(job, "lost")["EventNames"]


@pytest.mark.parametrize(
    ("given", "repeat"),
    [
        ("R/2020-01-01T02:30:00Z/PT24H", "R/2020-01-01T02:30:00Z/PT24H"),
        ("R0/2020-01-01T02:30:00Z/P1M", "R/2020-01-01T02:30:00Z/P1M"),
        ("R1/2030-01-01T02:30:00Z/", "R1/2030-01-01T02:30:00Z/"),
        ("R1/2030-01-01T02:30:00Z", "R1/2030-01-01T02:30:00Z/"),
        ("R5/2020-01-01T02:30:00.25-07:00/P7D", "R5/2020-01-01T02:30:00.25-07:00/P7D"),
        ("R/2012-06-04T19:25:16.828696-07:00/PT10M", "R/2012-06-04T19:25:16.828696-07:00/PT10M"),
    ],
)
def test_a_schedule_stays_a_repeating_interval_and_catches_up_on_nothing(given: str, repeat: str) -> None:
    made = definition(Schedule={"Iso8601Schedule": given})
    assert made["triggers"] == [{"repeat": repeat}]
    assert made["catch_up"] == {"policy": "skip"}


@pytest.mark.parametrize("given", ["x", "R/2020-01-01T02:30:00Z", "R/yesterday/PT1H", "R/2020-01-01T02:30:00Z/1h"])
def test_a_schedule_that_never_fires_in_cells_either_is_reported(given: str) -> None:
    job = converted(Schedule={"Iso8601Schedule": given})
    assert job.definition is not None
    assert "triggers" not in job.definition
    assert "Schedule" in told(job, "lost")


def test_the_rewrite_that_keeps_the_time_of_day_is_offered_and_keeps_it() -> None:
    job = converted(Schedule={"Iso8601Schedule": "R/2026-01-01T02:30:00Z/PT24H"})
    (notice,) = (notice for notice in job.notices if notice.place.startswith("Schedule.") and notice.kind == "changed")
    assert "repeat: R/2026-01-01T02:30:00Z/P1D and timezone:" in notice.todo

    trigger = RepeatTrigger(repeat="R/2026-01-01T02:30:00Z/P1D", timezone="Europe/Paris")
    first, second, third = upcoming(trigger, parse_rfc3339("2026-03-27T12:00:00Z"), 3)
    assert [rfc3339(due) for due in (first, second, third)] == [
        "2026-03-28T02:30:00.000Z",
        "2026-03-29T01:30:00.000Z",
        "2026-03-30T01:30:00.000Z",
    ]


def test_the_start_of_the_system_is_an_event() -> None:
    assert definition(AutoRestart=True)["triggers"] == [{"event": "rota.started"}]


def test_a_job_that_ran_as_soon_as_it_was_saved_is_told_how_to_start() -> None:
    job = converted(AutoStart=True)
    (notice,) = (notice for notice in job.notices if notice.place == "AutoStart")
    assert (notice.kind, notice.todo) == ("lost", "start it: rota jobs run job")


def test_a_hook_becomes_an_event_with_presets_and_the_operator_makes_it() -> None:
    job = converted(
        Parameters=[{"Name": "Count", "Type": "integer", "Value": "1"}, {"Name": "Mode"}],
        Hooks=[{"ApiSlug": "Clean Up", "PresetParameters": {"Count": "7", "Mode": "x", "Nobody": "1"}}],
    )
    assert job.definition is not None
    assert job.definition["triggers"] == [{"event": "hook.clean-up", "params": {"Count": 7, "Mode": "x"}}]
    assert "'Nobody'" in told(job, "lost")["Hooks[0].PresetParameters"]
    assert [n.todo for n in job.notices if n.place == "Hooks[0]" and n.todo] == ["make it: rota hooks add clean-up"]


def test_what_a_hook_cannot_say_here_is_reported() -> None:
    job = converted(Hooks=[{"ApiSlug": "a", "AllowOverridePresets": True, "Policies": [{"Subject": "x"}], "New": 1}])
    assert set(told(job, "lost")) == {"Hooks[0].AllowOverridePresets", "Hooks[0].Policies", "Hooks[0].New"}


ENTRIES = [{"path": "a/b.JPG", "size": 5, "kind": "file"}, {"path": "c.txt", "size": 0, "kind": "file"}]
EVENT = {"event": {"data": {"datasource": "ds", "entries": ENTRIES}}}


def test_a_filter_of_events_becomes_the_condition_of_their_triggers() -> None:
    made = definition(
        EventNames=["NODE_CHANGE:0", "IDM_CHANGE:USER:3"],
        NodeEventFilter=query("tree.Query", {"Extension": "jpg", "MinSize": "6"}, {"Extension": "png,txt"}),
        DataSourceFilter=query("object.DataSourceSingleQuery", {"Name": "ds"}),
    )
    trigger, other = made["triggers"]
    assert other == {"event": "idm.user.deleted"}
    condition = compile_expression(trigger["where"])
    assert condition.holds(EVENT)
    assert not condition.holds({"event": {"data": {"datasource": "ds", "entries": ENTRIES[:1]}}})
    assert not condition.holds({"event": {"data": {"datasource": "other", "entries": ENTRIES}}})


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"NodeEventFilter": query("tree.Query", {"Content": "x"})}, ["idm.user.deleted"]),
        ({"IdmFilter": query("idm.UserSingleQuery", {"NodeType": "USER"})}, ["entry.created"]),
        ({"UserEventFilter": query("idm.UserSingleQuery", {"NodeType": "USER"})}, ["entry.created"]),
        ({"ContextMetaFilter": {"Query": {"SubQueries": [{"FieldName": "x"}]}}}, []),
        ({"DataSourceFilter": query("object.DataSourceSingleQuery", {"IsVersioned": True})}, []),
    ],
)
def test_a_filter_that_cannot_be_carried_over_takes_its_triggers_with_it(
    fields: dict[str, Any], kept: list[str]
) -> None:
    job = converted(EventNames=["NODE_CHANGE:0", "IDM_CHANGE:USER:3"], **fields)
    assert job.definition is not None
    assert [trigger["event"] for trigger in job.definition.get("triggers", ())] == kept
    assert set(told(job, "lost")) == {*fields, "EventNames"}


def test_which_trigger_started_the_run_is_told_where_a_filter_asks() -> None:
    trigger = {"@type": "type.googleapis.com/jobs.TriggerFilterQuery"}
    asking = {
        "IsSchedule": {**trigger, "IsSchedule": True},
        "IsManual": {**trigger, "IsManual": True},
        "EventNames": {**trigger, "EventNames": ["NODE_CHANGE:0"]},
        "IsApiHook": {**trigger, "IsApiHook": True},
        "ApiHookSlug": {**trigger, "ApiHookSlug": "go", "Not": True},
    }
    made = definition(
        EventNames=["NODE_CHANGE:0"],
        Schedule={"Iso8601Schedule": "R/2020-01-01T00:00:00Z/PT1H"},
        Hooks=[{"ApiSlug": "go"}],
        Actions=[
            {"ID": "actions.test.fake", "Label": name, "TriggerFilter": {"Query": {"SubQueries": [asked]}}}
            for name, asked in asking.items()
        ],
    )
    params = [trigger["params"]["cells_trigger"] for trigger in made["triggers"]]
    assert params == ["NODE_CHANGE:0", "schedule", "hook.go"]
    runs = {
        started: [
            s["id"]
            for s in made["steps"]
            if compile_expression(s["when"]).holds({"params": {"cells_trigger": started}})
        ]
        for started in [*params, made["params"]["cells_trigger"]["default"]]
    }
    assert runs == {
        "NODE_CHANGE:0": ["EventNames", "ApiHookSlug"],
        "schedule": ["IsSchedule", "ApiHookSlug"],
        "hook.go": ["IsApiHook"],
        "manual": ["IsManual", "ApiHookSlug"],
    }

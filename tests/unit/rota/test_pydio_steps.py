"""Actions of Pydio Cells and the steps that they become."""

from __future__ import annotations

from typing import Any

import pytest

from rota.definitions import ActorSpec
from rota.expressions import compile as compile_expression
from rota.expressions import fill
from tests.unit.rota.pydio_jobs import ACTORS, converted, definition, query, sleep, told

PATHS = {"Pathes": ["ds/a", "ds/b/c"]}
COPY = {"ID": "actions.tree.copymove", "Parameters": {"target": "ds/to"}, "NodesSelector": PATHS}
SHELL = {"ID": "actions.cmd.shell", "Parameters": {"cmd": "rm"}}
DELETE = {"ID": "actions.tree.delete", "NodesSelector": PATHS}
ENTRIES = [
    {"path": "a/b.JPG", "size": 5, "kind": "file"},
    {"path": "c.txt", "size": 0, "kind": "file"},
    {"path": "d", "size": 0, "kind": "folder"},
]
EVENT: dict[str, Any] = {"event": {"data": {"datasource": "ds", "entries": ENTRIES}}, "steps": {}, "params": {}}


def only_step(**action: Any) -> dict[str, Any]:
    (step,) = definition(Actions=[action])["steps"]
    return step


@pytest.mark.parametrize(
    ("kind", "parameters", "actor", "given"),
    [
        (
            "actions.archive.compress",
            {"format": "tar.gz", "target": "ds/x.tar.gz"},
            "compress",
            {"datasource": "ds", "paths": ["a", "b/c"], "format": "tar.gz", "target": "x.tar.gz"},
        ),
        ("actions.archive.compress", {"format": "detect"}, "compress", {"datasource": "ds", "paths": ["a", "b/c"]}),
        (
            "actions.tree.copymove",
            {"target": "ds/to", "targetParent": "true"},
            "copy",
            {"datasource": "ds", "paths": ["a", "b/c"], "target": "to"},
        ),
        (
            "actions.tree.copymove",
            {"target": "other", "type": "move"},
            "move",
            {"datasource": "ds", "paths": ["a", "b/c"], "target": "/", "target_datasource": "other"},
        ),
        ("actions.tree.delete", {}, "delete", {"datasource": "ds", "paths": ["a", "b/c"]}),
        (
            "actions.tree.cells-hash",
            {"hashType": "sha256"},
            "hash",
            {"datasource": "ds", "paths": ["a", "b/c"], "algorithm": "sha256"},
        ),
        ("actions.cmd.resync", {"service": "pydio.grpc.data.sync.one", "path": "/"}, "sync", {"datasource": "one"}),
        (
            "actions.cmd.resync",
            {"service": "pydio.grpc.data.sync.one", "path": "/a", "dry-run": "true"},
            "sync",
            {"datasource": "one", "path": "a", "dry_run": True},
        ),
        ("actions.cmd.resync", {"service": "pydio.grpc.search"}, "index", {"datasource": "*", "full": True}),
        ("actions.internal.prune-jobs", {"number": "20"}, "prune", {"runs": 20}),
        ("actions.internal.prune-jobs", {}, "prune", {"runs": 50}),
        ("actions.test.fake", {"timer": "3"}, "sleep", {"seconds": 3}),
    ],
)
def test_an_action_becomes_a_step(kind: str, parameters: dict[str, str], actor: str, given: dict[str, Any]) -> None:
    step = only_step(ID=kind, Parameters=parameters, NodesSelector=PATHS)
    assert (step["actor"], step["with"]) == (actor, given)


def test_an_archive_is_extracted_and_several_are_one_by_one() -> None:
    one = only_step(ID="actions.archive.extract", NodesSelector={"Pathes": ["ds/a.zip"]}, Parameters={"target": "ds/o"})
    assert one["with"] == {"datasource": "ds", "path": "a.zip", "target": "o"}
    several = only_step(ID="actions.archive.extract", NodesSelector=PATHS)
    assert several["with"] == {"datasource": "ds", "path": "${item}"}
    assert compile_expression(several["for_each"]["items"]).evaluate({}) == ["a", "b/c"]


def test_every_datasource_is_synced_where_all_were_selected() -> None:
    service = {"service": "pydio.grpc.data.sync.{{.DataSource.Name}}"}
    step = only_step(
        ID="actions.cmd.resync", Parameters=service, DataSourceSelector={"Type": "DataSource", "All": True}
    )
    assert step["with"] == {"datasource": "*"}


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (SHELL, "runs no commands"),
        ({"ID": "actions.script"}, "runs no commands"),
        ({"ID": "actions.images.thumbnails"}, "no thumbnails"),
        ({"ID": "actions.images.other"}, "no thumbnails"),
        ({"ID": "broker.activity.actions.mail-digest", "UsersSelector": {"All": True}}, "sends no mail"),
        ({"ID": "actions.of.the.future"}, "is not known"),
        ({}, "an action without ID"),
        ({"ID": "actions.cmd.resync", "Parameters": {"service": "pydio.grpc.mailer"}}, "neither the sync"),
        ({"ID": "actions.cmd.resync", "Parameters": {"path": "write/snapshot.db"}}, "dumps the index"),
        ({"ID": "actions.tree.delete"}, "is given no entries"),
        ({**DELETE, "Parameters": {"childrenOnly": "true"}}, "empties folders"),
        ({**DELETE, "NodesSelector": {"Pathes": ["ds/a", "other/b"]}}, "several datasources"),
        ({**DELETE, "NodesSelector": {"Pathes": ["{{.Node.Path}}"]}}, "does not begin with the name"),
        ({**DELETE, "NodesSelector": {"Pathes": ["ds/{{.Node.Path}}"]}}, "{{.Node.Path}} has no counterpart"),
        ({**DELETE, "NodesSelector": {"All": True}}, "searches all datasources"),
        ({**DELETE, "NodesSelector": query("tree.Query", {"Extension": "tmp"})}, "searches all datasources"),
        ({**DELETE, "NodesFilter": query("tree.Query", {"Extension": "tmp"})}, "not from an event"),
        ({**DELETE, "IdmFilter": {"All": True}}, "its IdmFilter has no counterpart"),
        (
            {**DELETE, "ActionOutputFilter": {"Query": {"SubQueries": [{"IsSuccess": True, "Not": True}]}}},
            "its ActionOutput",
        ),
        ({**DELETE, "DataSourceFilter": query("object.DataSourceSingleQuery", {"Name": "a"})}, "not from an event"),
        ({**DELETE, "DataSourceSelector": {"Type": "Object", "Query": {"x": 1}}}, "its DataSourceSelector"),
        ({**COPY, "Parameters": {"target": "ds/to", "targetParent": "false"}}, "targetParent is false"),
        ({**COPY, "Parameters": {"target": "ds/to", "recursive": "false"}}, "recursive is false"),
        ({**COPY, "Parameters": {"target": "ds/to", "type": "link"}}, "neither copy nor move"),
        ({**COPY, "Parameters": {"target": "ds/to", "create": "maybe"}}, "neither true nor false"),
        ({**COPY, "ID": "actions.archive.compress", "Parameters": {"target": "other/x.zip"}}, "add a step"),
    ],
)
def test_an_action_without_counterpart_is_reported_and_so_is_the_job(action: dict[str, Any], reason: str) -> None:
    job = converted(Actions=[action])
    assert job.definition is None
    lost = told(job, "lost")
    assert set(lost) == {"Actions[0]", "Actions"}
    assert reason in f"{lost['Actions[0]']} {[notice.todo for notice in job.notices]}"


def test_nothing_runs_that_came_after_what_was_left_out() -> None:
    job = converted(Actions=[sleep(), {**SHELL, "ChainedActions": [DELETE], "MergeAction": DELETE}])
    assert job.definition is not None
    assert [step["actor"] for step in job.definition["steps"]] == ["sleep"]
    assert job.definition["enabled"] is False
    assert set(told(job, "lost")) == {"Actions[1]", "Actions[1].ChainedActions[0]", "Actions[1].MergeAction"}


def test_a_chain_becomes_needs_and_branches_run_side_by_side() -> None:
    steps = definition(
        Actions=[sleep(ChainedActions=[sleep(ChainedActions=[sleep()]), sleep(Label="Last one!")]), sleep()]
    )
    assert {step["id"]: step.get("needs", []) for step in steps["steps"]} == {
        "fake": [],
        "fake_2": ["fake"],
        "fake_3": ["fake_2"],
        "Last_one": ["fake"],
        "fake_4": [],
    }


def test_the_step_that_merges_waits_for_all_ends() -> None:
    merged = definition(
        Actions=[sleep(Label="a", ChainedActions=[sleep(Label="b")]), sleep(Label="c")], MergeAction=sleep(Label="m")
    )["steps"][-1]
    assert (merged["id"], merged["needs"], merged.get("when")) == ("m", ["b", "c"], None)


def test_the_step_that_merges_runs_when_a_branch_was_skipped_and_not_when_one_failed() -> None:
    manual = query("jobs.TriggerFilterQuery", {"IsManual": True})
    job = definition(Actions=[sleep(Label="a", TriggerFilter=manual), sleep(Label="b")], MergeAction=sleep(Label="m"))
    condition = compile_expression(job["steps"][-1]["when"])

    def runs(a: str, b: str) -> bool:
        return condition.holds({"steps": {"a": {"state": a}, "b": {"state": b}}})

    assert runs("succeeded", "succeeded")
    assert runs("skipped", "succeeded")
    assert not runs("succeeded", "failed")
    assert not runs("skipped", "skipped")


def test_the_step_that_merges_keeps_a_filter_of_its_own() -> None:
    manual = query("jobs.TriggerFilterQuery", {"IsManual": True})
    merged = definition(Actions=[sleep(Label="a")], MergeAction=sleep(Label="m", TriggerFilter=manual))["steps"][-1]
    condition = compile_expression(merged["when"])

    def runs(a: str, trigger: str) -> bool:
        return condition.holds({"steps": {"a": {"state": a}}, "params": {"cells_trigger": trigger}})

    assert runs("succeeded", "manual")
    assert not runs("succeeded", "schedule")
    assert not runs("failed", "manual")


def test_a_step_is_passed_over_where_cells_passes_it_over() -> None:
    job = converted(Actions=[{**DELETE, "Bypass": True, "ChainedActions": [DELETE]}, {"ID": "actions.test.log-input"}])
    assert job.definition is not None
    assert [step["id"] for step in job.definition["steps"]] == ["delete"]
    assert {"Actions[0]", "Actions[1]"} <= set(told(job, "changed"))


def test_what_stood_after_a_break_is_left_out() -> None:
    job = converted(Actions=[sleep(BreakAfter=True, ChainedActions=[DELETE])])
    assert job.definition is not None
    assert [step["actor"] for step in job.definition["steps"]] == ["sleep"]
    assert set(told(job, "lost")) == {"Actions[0].BreakAfter"}


def test_what_passes_a_filter_goes_one_way_and_the_rest_the_other() -> None:
    """As Cells does it: the entries of one event are divided, and each step is given its own."""
    images = query("tree.Query", {"Extension": "jpg,png", "MinSize": "1", "Type": "LEAF"})
    accepted, rejected = definition(
        EventNames=["NODE_CHANGE:0"],
        Actions=[
            {
                "ID": "actions.tree.copymove",
                "Parameters": {"target": "other/images"},
                "NodesFilter": images,
                "FailedFilterActions": [{"ID": "actions.tree.delete"}],
            }
        ],
    )["steps"]
    assert fill(accepted["with"], EVENT)["paths"] == ["a/b.JPG"]  # type: ignore[index]
    assert fill(rejected["with"], EVENT) == {"datasource": "ds", "paths": ["c.txt", "d"]}
    none = {**EVENT, "event": {"data": {"datasource": "ds", "entries": ENTRIES[1:]}}}
    assert [compile_expression(step["when"]).holds(EVENT) for step in (accepted, rejected)] == [True, True]
    assert [compile_expression(step["when"]).holds(none) for step in (accepted, rejected)] == [False, True]


def test_a_trigger_that_is_rejected_goes_the_other_way() -> None:
    manual = query("jobs.TriggerFilterQuery", {"IsManual": True})
    accepted, rejected = definition(Actions=[sleep(TriggerFilter=manual, FailedFilterActions=[sleep()])])["steps"]
    for started in ("manual", "schedule"):
        context = {"params": {"cells_trigger": started}}
        assert compile_expression(accepted["when"]).holds(context) is (started == "manual")
        assert compile_expression(rejected["when"]).holds(context) is (started != "manual")


@pytest.mark.parametrize(
    ("asked", "operation", "passing"),
    [
        ([{"Extension": "txt"}], "OR", ["c.txt"]),
        ([{"Extension": "txt", "Not": True}], "OR", ["a/b.JPG", "d"]),
        ([{"Extension": "txt"}, {"Type": "COLLECTION"}], "OR", ["c.txt", "d"]),
        ([{"Extension": "txt"}, {"Type": 2}], "AND", []),
        ([{"MaxSize": 4, "Type": "LEAF"}], "OR", ["c.txt"]),
        ([{"PathPrefix": ["ds/a"]}], "OR", ["a/b.JPG"]),
        ([{"PathPrefix": ["other", "ds/d"]}], "OR", ["d"]),
        ([{"PathPrefix": ["ds"]}], "OR", ["a/b.JPG", "c.txt", "d"]),
    ],
)
def test_a_query_lets_the_same_entries_through(asked: list[dict[str, Any]], operation: str, passing: list[str]) -> None:
    (step,) = definition(
        EventNames=["NODE_CHANGE:0"],
        Actions=[{"ID": "actions.tree.delete", "NodesFilter": query("tree.Query", *asked, operation=operation)}],
    )["steps"]
    assert fill(step["with"], EVENT)["paths"] == passing  # type: ignore[index]


def test_a_step_looks_at_the_datasource_of_the_event() -> None:
    ours = query("object.DataSourceSingleQuery", {"Name": "ds"}, {"Name": "other"})
    (step,) = definition(EventNames=["NODE_CHANGE:0"], Actions=[sleep(DataSourceFilter=ours)])["steps"]
    assert compile_expression(step["when"]).holds(EVENT)
    assert not compile_expression(step["when"]).holds({"event": {"data": {"datasource": "x", "entries": []}}})


def test_that_the_step_before_succeeded_need_not_be_asked() -> None:
    success = query("jobs.ActionOutputSingleQuery", {"IsSuccess": True})
    steps = definition(Actions=[sleep(ChainedActions=[sleep(ActionOutputFilter=success)])])["steps"]
    assert steps[1] == {"id": "fake_2", "actor": "sleep", "with": {"seconds": 1}, "needs": ["fake"]}


@pytest.mark.parametrize(
    "asked",
    [{"Content": "x"}, {"Extension": "a b"}, {"Type": "OTHER"}, {}, {"PathPrefix": ["{{.JobParameters.x}}"]}],
)
def test_half_a_filter_is_no_filter(asked: dict[str, Any]) -> None:
    action = {"ID": "actions.tree.delete", "NodesFilter": query("tree.Query", {"MinSize": 1, **asked} if asked else {})}
    assert converted(EventNames=["NODE_CHANGE:0"], Actions=[action]).definition is None


def test_a_filter_of_another_kind_is_no_filter_of_entries() -> None:
    action = {"ID": "actions.tree.delete", "NodesFilter": query("idm.UserSingleQuery", {"MinSize": 1})}
    assert converted(EventNames=["NODE_CHANGE:0"], Actions=[action]).definition is None


def test_templates_become_expressions_and_what_looks_like_one_stays() -> None:
    made = definition(
        Parameters=[{"Name": "folder name", "Value": "x"}],
        Actions=[{**COPY, "NodesSelector": {"Pathes": ["ds/{{.Job.ID}}", "ds/${x}"]}}],
    )
    paths = made["steps"][0]["with"]["paths"]
    assert fill(paths, {"job": {"name": "job"}}) == ["job", "${x}"]
    assert made["params"] == {"folder_name": {"type": "string", "default": "x"}}


def test_a_parameter_of_the_job_is_used_under_its_new_name() -> None:
    made = definition(
        Parameters=[{"Name": "Folder", "Mandatory": True}],
        Actions=[{**COPY, "Parameters": {"target": "ds/{{ .JobParameters.Folder }}/new"}}],
    )
    assert made["params"] == {"Folder": {"type": "string"}}
    assert made["steps"][0]["with"]["target"] == "${params.Folder}/new"


def test_what_an_action_says_besides_is_kept_or_told() -> None:
    job = converted(
        Actions=[
            sleep(
                Description="Waits", Timeout="1h30m", New=1, Parameters={"timer": "1", "ticker": "3", "scope": "owner"}
            )
        ]
    )
    assert job.definition is not None
    assert job.definition["steps"][0]["timeout"] == "PT1H30M"
    assert "Actions[0]: Waits" in job.definition["description"]
    assert set(told(job, "lost")) == {"Actions[0].Parameters.ticker", "Actions[0].New"}
    assert "Actions[0].Parameters.scope" in told(job, "changed")


def test_more_steps_than_a_job_may_have_are_reported() -> None:
    job = converted(Actions=[sleep() for _ in range(102)])
    assert job.definition is not None
    assert len(job.definition["steps"]) == 100
    assert set(told(job, "lost")) == {"Actions[100]", "Actions[101]"}


def test_an_actor_that_is_not_installed_is_named_and_the_job_is_written() -> None:
    actors: dict[str, ActorSpec] = {"sleep": ACTORS["sleep"]}
    job = converted(actors, Actions=[sleep(ChainedActions=[COPY])])
    assert job.definition is not None
    assert job.missing_actors == ("copy",)
    assert not job.is_whole


def test_an_actor_that_refuses_its_parameters_leaves_the_job_unwritten() -> None:
    actors = {**ACTORS, "copy": ACTORS["sleep"]}
    job = converted(actors, Actions=[COPY])
    assert job.definition is None
    assert "steps[0].with.datasource: is unknown" in told(job, "lost")["Actions"]

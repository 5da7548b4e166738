"""What else a job of Pydio Cells says: its name, its owner, its rules; and the jobs that Cells brings itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rota.definitions import parse_definition
from rota.pydio.actions import ACTIONS
from rota.pydio.conversion import KEPT_OTHERWISE, convert
from rota.pydio.events import ENTRY_EVENTS, FOREIGN_EVENTS, UNHEARD_EVENTS
from rota.pydio.files import as_stream, report_lines
from rota.pydio.reading import read_export
from tests.unit.rota.pydio_jobs import ACTORS, FOLDER, converted, definition, told

PAGE = Path(__file__).resolve().parents[3] / "docs" / "import.md"

SHIPPED = {
    "thumbs-job": None,
    "internal-prune-jobs": ["prune"],
    "clean-user-data": None,
    "clean-orphans-nodes": None,
    "clean-expired-acls": None,
    "resync-ds-pydiods1": ["sync"],
    "snapshot-cellsdata": None,
    "versioning-job": None,
    "users-activity-digest": None,
    "flush-mailer-queue": None,
    "actions.auth.prune.tokens": None,
    "pydio8-data-import": None,
    "purge-files-older": None,
    "compress-folders": ["compress"],
    "extract-archive": ["extract"],
    "copy-move": ["move"],
    "delete": ["delete"],
    "remote-download": None,
}
"""Each job that Cells brings or makes, with the actors of its steps; None where nothing of it can be carried over."""


def test_every_job_of_cells_is_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_job_of_cells_imports_or_says_what_is_missing(name: str) -> None:
    (job,) = convert(read_export((FOLDER / f"{name}.json").read_bytes()), ACTORS)
    if SHIPPED[name] is None:
        assert job.definition is None
        lost = told(job, "lost")
        assert any("Actions[" in place for place in lost)
        assert any(place.endswith("Actions") and "can be carried over" in said for place, said in lost.items())
        return
    found = parse_definition(job.definition, source=name, actors=ACTORS)
    assert [step.actor for step in found.steps] == SHIPPED[name]
    assert job.missing_actors == ()


def test_pruning_is_the_one_job_of_cells_that_is_carried_over_whole() -> None:
    jobs = {name: convert(read_export((FOLDER / f"{name}.json").read_bytes()), ACTORS)[0] for name in SHIPPED}
    assert [name for name, job in jobs.items() if job.is_whole] == ["internal-prune-jobs"]
    assert jobs["internal-prune-jobs"].definition == {
        "name": "internal-prune-jobs",
        "label": "Jobs.Default.PruneJobs",
        "owner": "system",
        "enabled": True,
        "triggers": [{"repeat": "R/2012-06-04T19:25:16.828696-07:00/PT10M"}],
        "steps": [{"id": "prune_jobs", "actor": "prune", "with": {"runs": 50}}],
        "overlap": "buffer_all",
        "catch_up": {"policy": "skip"},
    }


def test_names_are_made_to_fit_and_stay_apart() -> None:
    ids = ["Größe & Co", "grosse-co", "GROSSE-CO", "x" * 150, "x" * 140, "!!!", "a.b_c-d"]
    data = json.dumps([{"ID": text, "Actions": []} for text in ids])
    names = [job.name for job in convert(read_export(data), ACTORS)]
    assert names == ["groe-co", "grosse-co", "grosse-co-2", "x" * 100, "x" * 98 + "-2", "job", "a.b_c-d"]


@pytest.mark.parametrize(
    ("given", "owner"), [("pydio.system.user", "system"), ("ada", "ada"), ("", None), ("system", None), ("a\nb", "a b")]
)
def test_the_owner_of_the_system_is_the_system(given: str, owner: str | None) -> None:
    assert definition(Owner=given).get("owner") == owner


def test_a_label_that_cells_translates_is_kept_and_told() -> None:
    job = converted(Label="Jobs.Default.Thumbs")
    assert job.definition is not None
    assert job.definition["label"] == "Jobs.Default.Thumbs"
    assert "Label" in told(job, "changed")
    assert "Label" not in told(converted(Label="Empty the bins."), "changed")


@pytest.mark.parametrize(("given", "limit"), [(0, 20), (1, None), (5, 5), (-1, 20), (2**31 - 1, 10_000)])
def test_runs_wait_for_their_turn(given: int, limit: int | None) -> None:
    made = definition(MaxConcurrency=given)
    assert made["overlap"] == "buffer_all"
    assert made.get("concurrency") == (None if limit is None else {"limit": limit})


@pytest.mark.parametrize(
    ("given", "timeout"),
    [("1h30m", "PT1H30M"), ("90s", "PT1M30S"), ("1500ms", "PT1.500S"), ("PT2H", "PT2H"), ("0s", None)],
)
def test_limits_of_time_may_be_written_both_ways(given: str, timeout: str | None) -> None:
    assert definition(Timeout=given).get("timeout") == timeout


def test_a_limit_of_time_that_cannot_be_read_is_reported() -> None:
    assert "Timeout" in told(converted(Timeout="soon"), "lost")


def test_what_a_job_says_besides_is_kept_or_told() -> None:
    job = converted(
        Inactive=True,
        AutoClean=True,
        Metadata={"doc": "Why it is here", "Tags": "a,b", "icon": "mdi"},
        ResourcesDependencies=[{"x": 1}],
        Novelty=1,
        **dict.fromkeys(KEPT_OTHERWISE, 1),
    )
    assert job.definition is not None
    assert job.definition["enabled"] is False
    assert job.definition["keep"] == {"runs": 1, "days": 1}
    assert job.definition["description"] == "Why it is here\nTags in Pydio Cells: a,b"
    assert {*KEPT_OTHERWISE, "AutoClean", "Metadata.Tags", "Metadata.icon"} <= set(told(job, "changed"))
    assert set(told(job, "lost")) == {"ResourcesDependencies", "Novelty"}


@pytest.mark.parametrize(
    ("given", "spec"),
    [
        (
            {"Type": "text", "Value": "7", "Description": "How many"},
            {"type": "string", "default": "7", "description": "How many"},
        ),
        ({"Type": "integer", "Value": "7"}, {"type": "integer", "default": 7}),
        ({"Type": "integer"}, {"type": "integer", "default": None}),
        ({"Type": "integer", "Value": "seven"}, {"type": "string", "default": "seven"}),
        ({"Type": "boolean", "Value": "true", "Mandatory": True}, {"type": "boolean", "default": True}),
        ({"Type": "boolean", "Mandatory": True}, {"type": "boolean"}),
        (
            {"Type": "select", "Value": "a", "JsonChoices": '[{"a": "First"}, {"b": "Second"}]'},
            {"type": "string", "default": "a", "choices": ["a", "b"]},
        ),
        ({"Type": "integer", "JsonChoices": "[1, 2]", "Mandatory": True}, {"type": "integer", "choices": [1, 2]}),
        ({"Value": "c", "JsonChoices": '["a", "b"]'}, {"type": "string", "choices": ["a", "b"]}),
        ({"Value": "c", "JsonChoices": "{"}, {"type": "string", "default": "c"}),
    ],
)
def test_parameters_have_types_defaults_and_choices(given: dict[str, Any], spec: dict[str, Any]) -> None:
    assert definition(Parameters=[{"Name": "x", **given}])["params"] == {"x": spec}


def test_parameters_are_named_so_that_expressions_can_read_them() -> None:
    made = definition(Parameters=[{"Name": name} for name in ("a-b", "a b", "1st", "cells_trigger")])
    assert list(made["params"]) == ["a_b", "a_b_2", "param_1st", "cells_trigger_2"]


def test_a_report_says_all_in_lines_that_no_terminal_obeys() -> None:
    job = converted(ID="a\x1b[31m\nb", Label="x.y", AutoStart=True, New=1)
    lines = list(report_lines(job))
    assert all(line.isprintable() for line in lines)
    assert [line.strip() for line in lines if not line.startswith("    ")][1:] == [
        "carried over",
        "changed in meaning",
        "not carried over",
    ]
    assert as_stream([]) == "jobs: []\n"


@pytest.mark.parametrize("word", [*ENTRY_EVENTS, *UNHEARD_EVENTS, *FOREIGN_EVENTS.values(), *ACTIONS, *KEPT_OTHERWISE])
def test_the_page_for_administrators_names_everything(word: str) -> None:
    assert f"`{word}`" in PAGE.read_text(encoding="utf-8")

"""Exports of Pydio Cells: which shapes are read, and how the others are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.definitions import parse_definition
from rota.loaders import load_yaml
from rota.pydio import reading
from rota.pydio.actions import ACTIONS
from rota.pydio.conversion import convert
from rota.pydio.files import as_file, as_stream
from rota.pydio.reading import InvalidExport, Record, jobs_of, read_export
from tests.unit.rota.pydio_jobs import ACTORS, FOLDER

JOB = {"ID": "a", "MaxConcurrency": 3, "Inactive": True, "EventNames": ["NODE_CHANGE:0"]}


@pytest.mark.parametrize("data", [JOB, [JOB], {"Jobs": [JOB]}, {"jobs": [JOB]}])
def test_a_job_a_list_and_an_answer_of_the_api_are_read(data: object) -> None:
    (job,) = read_export(json.dumps(data))
    assert (job.text("ID"), job.number("MaxConcurrency")) == ("a", 3)


@pytest.mark.parametrize(
    "data",
    [
        {"id": "a", "maxConcurrency": "3", "inactive": True, "eventNames": ["NODE_CHANGE:0"]},
        {"id": "a", "max_concurrency": 3.0, "inactive": "true", "event_names": ["NODE_CHANGE:0"], "Timeout": None},
    ],
)
def test_fields_may_be_spelt_as_protobuf_does_and_numbers_may_be_text(data: dict[str, Any]) -> None:
    job = Record(data, "")
    assert (job.text("ID"), job.number("MaxConcurrency"), job.flag("Inactive")) == ("a", 3, True)
    assert job.texts("EventNames") == ("NODE_CHANGE:0",)
    assert list(job.unread()) == []


def test_what_was_not_read_is_known() -> None:
    job = Record({"ID": "a", "Colour": "red", "Empty": "", "None": None, "Off": False}, "")
    job.text("id")
    assert list(job.unread()) == ["Colour"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: is not JSON: Expecting value"),
        ('{"ID": "a",}', "line 1, column "),
        ('{"ID": "a", "ID": "b"}', "the key 'ID' comes twice in one object"),
        ('{"ID": "a", "Timeout": NaN}', "NaN is no JSON number"),
        ("3", "must be a job, a list of jobs"),
        ('{"Jobs": {"ID": "a"}}', "Jobs: must be a job, a list of jobs"),
        ('{"Jobs": [3]}', "Jobs[0]: must be a job, which is an object, not 3"),
        ("{}", "ID: is required"),
        ('[{"ID": "a"}, {"Label": "b"}]', "[1].ID: is required"),
        ('{"ID": "a", "id": "b"}', "id: is given twice, also as 'ID'"),
        (
            '{"ID": "a", "Actions": [{"ID": "x", "ChainedActions": 7}]}',
            "Actions[0].ChainedActions: must be a list, not 7",
        ),
        ('{"ID": "a", "Actions": ["x"]}', "Actions[0]: must be an object, not 'x'"),
        ('{"ID": "a", "MaxConcurrency": "many"}', "MaxConcurrency: must be a whole number, not 'many'"),
        ('{"ID": "a", "Inactive": 1}', "Inactive: must be true or false, not 1"),
        ('{"ID": "a", "EventNames": [1]}', "EventNames: must be a list of texts"),
        ('{"ID": ["a"]}', "ID: must be text"),
        ('{"ID": "a", "Metadata": 1}', "Metadata: must be an object, not 1"),
        ('{"ID": "a\\u0000"}', "must not hold the character"),
        ('{"ID": "\\ud800"}', "must not hold the character"),
        ('{"ID": "a", "MaxConcurrency": 1e400}', "does not fit into 64 bits"),
        ("[" * 100_000, "is not JSON that can be read"),
        (f'{{"ID": "a", "x": {"[" * 100}{"]" * 100}}}', f"is nested deeper than {reading.MAX_DEPTH} levels"),
        (json.dumps([{}] * 1001), "holds 1001 jobs, allowed are 1000"),
    ],
)
def test_what_is_no_export_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InvalidExport) as raised:
        convert(read_export(text), ACTORS)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_empty_list_is_as_good_as_an_empty_map() -> None:
    assert convert(read_export('{"ID": "a", "Metadata": []}'), ACTORS)


def test_a_place_is_one_short_line_whatever_the_keys() -> None:
    with pytest.raises(InvalidExport) as raised:
        read_export(json.dumps({"a\n" * 100: 1, "A\n" * 100: 2}))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 250


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 100)
    with pytest.raises(InvalidExport, match="is larger than 100 bytes"):
        read_export(b" " * 101)
    monkeypatch.setattr(reading, "MAX_VALUES", 10)
    with pytest.raises(InvalidExport, match="holds more than 10 values"):
        read_export(json.dumps([{"ID": "a"}] * 5))


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidExport, match="byte 8: is not UTF-8 text"):
        read_export(b'{"ID": "\xff"}')


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
NAMES = sorted({word for path in FOLDER.glob("*.json") for word in path.read_text().split('"') if word.isprintable()})
LIKELY = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(NAMES) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=25,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["{{.JobParameters.x}}", "ds/a", "${x}", "2024-01-01", "1e3", "# a", "a: b"]
)


@given(ANYTHING | LIKELY)
def test_no_value_raises_anything_but_the_documented_error(data: object) -> None:
    try:
        jobs = convert(jobs_of(data), ACTORS)
    except InvalidExport as error:
        jobs, said = (), str(error)
    else:
        said = ""
    assert "\n" not in said
    for job in jobs:
        assert job.definition is not None or any(notice.kind == "lost" for notice in job.notices)


PATHS = st.sampled_from(["ds/a", "ds/b/c", "ds", "other/x y", 'ds/"q"', "ds/${x}", "ds/{{.JobParameters.x}}"]) | TEXTS
ACTION = st.deferred(
    lambda: st.fixed_dictionaries(
        {"ID": st.sampled_from([*(name for name, known in ACTIONS.items() if callable(known)), "actions.cmd.shell"])},
        optional={
            "Label": TEXTS,
            "Bypass": st.booleans(),
            "BreakAfter": st.booleans(),
            "Timeout": TEXTS,
            "Parameters": st.fixed_dictionaries(
                {"target": PATHS, "service": st.sampled_from(["pydio.grpc.data.sync.ds", "pydio.grpc.search"])},
                optional={"format": TEXTS, "url": TEXTS, "path": TEXTS, "timer": st.sampled_from(["3", "x"])},
            ),
            "NodesSelector": st.fixed_dictionaries({"Pathes": st.lists(PATHS, max_size=2)}),
            "NodesFilter": st.sampled_from(
                [{"All": True}, {"Query": {"SubQueries": [{"@type": "x/tree.Query", "MinSize": 1}]}}]
            ),
            "ChainedActions": st.lists(ACTION, max_size=2),
            "FailedFilterActions": st.lists(ACTION, max_size=1),
            "MergeAction": ACTION,
        },
    )
)
JOBS = st.fixed_dictionaries(
    {"ID": TEXTS.filter(bool), "Actions": st.lists(ACTION, max_size=2)},
    optional={
        "Label": TEXTS,
        "Owner": TEXTS,
        "Metadata": st.dictionaries(TEXTS, TEXTS, max_size=2),
        "EventNames": st.lists(st.sampled_from(["NODE_CHANGE:0", "NODE_CHANGE:1", "IDM_CHANGE:USER:3"]), max_size=3),
        "Schedule": st.fixed_dictionaries({"Iso8601Schedule": st.sampled_from(["R/2020-01-01T00:00:00Z/PT1H", "x"])}),
        "Parameters": st.lists(
            st.fixed_dictionaries(
                {"Name": TEXTS, "Value": TEXTS},
                optional={"Type": st.sampled_from(["text", "integer", "boolean"]), "Mandatory": st.booleans()},
            ),
            max_size=2,
        ),
        "Hooks": st.lists(st.fixed_dictionaries({"ApiSlug": TEXTS}), max_size=2),
    },
)


@given(st.lists(JOBS, min_size=1, max_size=3))
def test_every_definition_is_valid_and_survives_its_file(data: list[Any]) -> None:
    try:
        jobs = convert(jobs_of(data), ACTORS)
    except InvalidExport:
        return
    written = [job for job in jobs if job.definition is not None]
    for job in written:
        parse_definition(job.definition, source=job.id, actors=ACTORS)
        assert load_yaml(as_file(job), source="file") == job.definition
    assert load_yaml(as_stream(jobs), source="stream") == {"jobs": [job.definition for job in written]}
    assert len({job.name for job in jobs}) == len(jobs)

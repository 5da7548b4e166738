"""Job definitions: what is read, and what is said about wrong ones."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, model_validator

from rota.definitions import parse_definition, read_definitions
from rota.errors import InvalidDefinition, Problem
from rota.jobs import Job
from rota.loaders import MAX_BYTES, load_toml, load_yaml


class PurgeParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    datasource: str
    older_than: str = "P30D"
    max_items: int | None = None
    tags: list[int] = []

    @model_validator(mode="after")
    def _agree(self) -> PurgeParams:
        if self.datasource == "none":
            raise ValueError("datasource none has no bin")
        return self


class NoParams(BaseModel):
    model_config = ConfigDict(extra="forbid")


ACTORS = {
    "purge": SimpleNamespace(name="purge", queue="files", params=PurgeParams),
    "sleep": SimpleNamespace(name="sleep", queue="default", params=NoParams),
}
WHOLE = """
name: purge-bins
label: Empty recycle bins
owner: system
triggers:
  - cron: "0 3 1 * *"
    timezone: Europe/Paris
  - repeat: R/2026-01-01T00:00:00Z/P1M
  - every: PT15M
  - at: 2026-12-24T18:00:00+01:00
  - event: entry.deleted
    where: event.data.size > 1000000
params:
  older_than: {type: duration, default: P30D}
steps:
  - id: purge
    actor: purge
    with: {datasource: "*", older_than: "${params.older_than}", max_items: "${1 + 2}"}
    timeout: PT2H
    retries: {max: 3, backoff: PT30S, factor: 2, max_backoff: PT1H, jitter: 0.1}
  - id: report
    actor: purge
    needs: [purge]
    when: always
    with: {datasource: "${steps.purge.result.name}"}
overlap: skip
concurrency: {key: "purge:${params.older_than}", limit: 1}
catch_up: {policy: last, window: P1D, limit: 100}
dst: {gap: run_after, fold: first}
jitter: PT30S
pause_after_failures: 5
keep: {runs: 200, days: 90}
priority: normal
"""
SMALL = {"name": "small", "steps": [{"id": "a", "actor": "sleep"}]}


def read(text: str) -> Job:
    return parse_definition(load_yaml(text, source="x.yaml"), source="x.yaml", actors=ACTORS)


def problems(data: object) -> dict[str, str]:
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition(data, source="x.yaml", actors=ACTORS)
    return {problem.path: problem.message for problem in caught.value.problems}


def problems_of(**changes: object) -> dict[str, str]:
    return problems({**SMALL, **changes})


def step(**changes: object) -> dict[str, object]:
    return {"steps": [{"id": "a", "actor": "purge", "with": {"datasource": "*"}, **changes}]}


def giving(trigger: dict[str, object], value: object) -> dict[str, object]:
    return {"triggers": [{**trigger, "params": {"n": value}}], "params": {"n": {"type": "integer", "default": 1}}}


def test_the_whole_example_is_read_and_written_back() -> None:
    job = read(WHOLE)

    assert (job.kind, job.jitter_ms, job.steps[0].timeout_ms, job.catch_up.window_ms) == (
        "system",
        30_000,
        7_200_000,
        86_400_000,
    )
    assert job.steps[0].retries.policy().max_backoff_ms == 3_600_000
    assert job.steps[0].with_["older_than"] == "${params.older_than}"
    assert parse_definition(job.definition(), source="again", actors=ACTORS) == job


def test_a_small_job_needs_a_name_and_a_step() -> None:
    job = parse_definition(SMALL, source="x", actors=ACTORS)

    assert (job.kind, job.title, job.owner, job.triggers) == ("user", "small", "admin", ())
    assert job.definition() == SMALL
    assert job.step("a").actor == "sleep"
    with pytest.raises(KeyError):
        job.step("b")


def test_toml_says_the_same_as_yaml() -> None:
    text = """
    name = "purge-bins"
    [[triggers]]
    at = 2026-12-24T18:00:00+01:00
    [[steps]]
    id = "purge"
    actor = "purge"
    with = {datasource = "*"}
    """

    job = parse_definition(load_toml(text, source="x"), source="x", actors=ACTORS)

    assert job.triggers[0].at == "2026-12-24T18:00:00+01:00"


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"ownr": "x"}, "ownr", "did you mean owner?"),
        ({"name": "Purge Bins"}, "name", "lower-case"),
        ({"name": 5}, "name", "valid string"),
        ({"enabled": "yes"}, "enabled", "valid boolean"),
        ({"label": "a\x1bb"}, "label", "control characters"),
        ({"steps": []}, "steps", "at least 1 item"),
        ({"steps": "purge"}, "steps", "valid list"),
        ({"steps": [{"id": "a"}]}, "steps[0].actor", "is required"),
        ({"triggers": [{"crn": "* * * * *"}]}, "triggers[0]", "exactly one of cron, every, repeat, at, event"),
        ({"triggers": [{"cron": "* * * * *", "every": "PT1H"}]}, "triggers[0]", "exactly one of"),
        ({"triggers": ["@daily"]}, "triggers[0]", "exactly one of"),
        ({"triggers": [{"cron": "0 0 31 2 *"}]}, "triggers[0].cron", "31 never comes in month 2"),
        ({"triggers": [{"cron": "61 * * * *"}]}, "triggers[0].cron", "minute '61' is not valid; allowed: 0-59"),
        ({"triggers": [{"cron": "* * * *"}]}, "triggers[0].cron", "has 4 fields; allowed are five"),
        ({"triggers": [{"cron": "0 0 * * * * 2026"}]}, "triggers[0].cron", "has 7 fields"),
        ({"triggers": [{"cron": "@reboot"}]}, "triggers[0].cron", "allowed are @annually, @daily"),
        ({"triggers": [{"cron": "0 0 15W * *"}]}, "triggers[0].cron", "day-of-month '15W' is not valid"),
        ({"triggers": [{"cron": "*/0 * * * *"}]}, "triggers[0].cron", "minute '*/0'"),
        ({"triggers": [{"cron": "* " * 200}]}, "triggers[0].cron", "allowed are 200"),
        (
            {"triggers": [{"cron": "@daily", "timezone": "Europe/Pariss"}]},
            "triggers[0].timezone",
            "did you mean Europe/Paris?",
        ),
        ({"triggers": [{"cron": "@daily", "timezone": "../etc/passwd"}]}, "triggers[0].timezone", "not a time zone"),
        ({"triggers": [{"cron": "@daily", "timezone": "right/UTC"}]}, "triggers[0].timezone", "not a time zone"),
        ({"triggers": [{"cron": "@daily", "timzone": "UTC"}]}, "triggers[0].timzone", "did you mean timezone?"),
        ({"triggers": [{"every": "15m"}]}, "triggers[0].every", "PT15M"),
        ({"triggers": [{"every": "P1M"}]}, "triggers[0].every", "no fixed length"),
        ({"triggers": [{"every": "PT0S"}]}, "triggers[0].every", "too short"),
        ({"triggers": [{"repeat": "R/P1M"}]}, "triggers[0].repeat", "not a time"),
        ({"triggers": [{"at": "2026-12-24T18:00:00"}]}, "triggers[0].at", "not a time like"),
        (
            {"triggers": [{"every": "PT1H", "start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}]},
            "triggers[0].end",
            "is earlier than start",
        ),
        ({"triggers": [{"every": "PT1H"}, {"every": "PT1H"}]}, "triggers[1]", "says the same as triggers[0]"),
        ({"triggers": [{"event": "a", "where": "event.data.size >"}]}, "triggers[0].where", "not a CEL expression"),
        ({"triggers": [{"event": "a", "where": "evnt.data"}]}, "triggers[0].where", "did you mean event?"),
        (
            {"triggers": [{"event": "a", "debounce": {"quiet": "PT2M"}}]},
            "triggers[0].debounce.quiet",
            "PT2M is longer than max_wait (PT1M)",
        ),
        ({"triggers": [{"event": "a", "params": {"x": 1}}]}, "triggers[0].params.x", "is not declared by the job"),
        (giving({"event": "a"}, "${params.n}"), "triggers[0].params.n", "params is not known here; allowed: event"),
        (giving({"event": "a"}, "${event.}"), "triggers[0].params.n", "not a CEL expression"),
        (giving({"event": "a"}, "three"), "triggers[0].params.n", "must be a whole number"),
        (giving({"every": "PT1H"}, "3"), "triggers[0].params.n", "must be a whole number"),
        (giving({"every": "PT1H"}, "${event.data.n}"), "triggers[0].params.n", "only an event gives values"),
        (giving({"cron": "@daily"}, "${"), "triggers[0].params.n", "only an event gives values"),
        ({"overlap": "sometimes"}, "overlap", "'cancel_other', 'terminate_other' or 'allow_all'"),
        ({"rate": {"limit": 1, "period": "PT1M", "key": "${event.x}"}}, "rate.key", "event is not known here"),
        ({"rate": {"limit": 1}}, "rate.period", "is required"),
        ({"concurrency": {"limit": "1"}}, "concurrency.limit", "valid integer"),
        ({"concurrency": {"limit": 0}}, "concurrency.limit", "greater than or equal to 1"),
        ({"concurrency": {"key": "${event.data.x}"}}, "concurrency.key", "event is not known here"),
        ({"concurrency": {"key": "${params.x}"}}, "concurrency.key", "params.x is not declared"),
        ({"catch_up": {"policy": "some"}}, "catch_up.policy", "'skip', 'last' or 'all'"),
        ({"dst": {"gap": "before"}}, "dst.gap", "'run_after' or 'skip'"),
        ({"jitter": "30s"}, "jitter", "ISO 8601"),
        ({"priority": "urgent"}, "priority", "'high', 'normal' or 'low'"),
        ({"timeout": "PT0S"}, "timeout", "longer than zero"),
        ({"params": {"n": {"type": "int"}}}, "params.n.type", "'integer'"),
        ({"params": {"n": {"type": "integer", "default": "3"}}}, "params.n.default", "a whole number"),
        ({"params": {"n": {"type": "integer", "choices": [1, "2"]}}}, "params.n.choices[1]", "a whole number, not '2'"),
        (
            {"params": {"n": {"type": "integer", "default": 3, "choices": [1, 2]}}},
            "params.n.default",
            "must be one of 1, 2, not 3",
        ),
        ({"params": {"n": {"type": "duration", "default": "5m"}}}, "params.n.default", "ISO 8601 duration"),
        ({"params": {"n": {"type": "list", "default": {}}}}, "params.n.default", "must be a list"),
        ({"params": {"n": {"type": "integer", "defualt": 3}}}, "params.n.defualt", "did you mean default?"),
        (step(actor="prge"), "steps[0].actor", "there is no actor 'prge'; did you mean purge? allowed: purge, sleep"),
        (step(**{"with": {"older_than": "P1D"}}), "steps[0].with.datasource", "is required"),
        (step(**{"with": {"datasource": 5}}), "steps[0].with.datasource", "valid string"),
        (step(**{"with": {"datasource": "*", "max_items": "many"}}), "steps[0].with.max_items", "valid integer"),
        (step(**{"with": {"datasource": "*", "tags": [1, "x"]}}), "steps[0].with.tags[1]", "valid integer"),
        (step(**{"with": {"datasource": "*", "oldr_than": "${1}"}}), "steps[0].with.oldr_than", "mean older_than?"),
        (step(**{"with": {"datasource": "none"}}), "steps[0].with", "has no bin"),
        (step(**{"with": {"datasource": "${params.x}"}}), "steps[0].with.datasource", "params.x is not declared"),
        (step(**{"with": {"datasource": "${1 +}"}}), "steps[0].with.datasource", "not a CEL expression"),
        (step(**{"with": {"datasource": "${steps.a.result}"}}), "steps[0].with.datasource", "does not end before"),
        (step(for_each="x"), "steps[0].for_each.items", "x is not known here"),
        (step(for_each="params.x"), "steps[0].for_each.items", "params.x is not declared"),
        (step(for_each="datasources["), "steps[0].for_each.items", "not a CEL expression"),
        (step(for_each={"items": "item"}), "steps[0].for_each.items", "item is not known here"),
        (step(for_each={"items": "datasources", "parallel": 0}), "steps[0].for_each.parallel", "greater than or equal"),
        (step(for_each={"items": "datasources", "paralel": 2}), "steps[0].for_each.paralel", "did you mean parallel?"),
        (step(**{"with": {"datasource": "${item}"}}), "steps[0].with.datasource", "item is not known here"),
        (step(when="succes"), "steps[0].when", "succes is not known here; did you mean success?"),
        (step(when="steps.a.result > 3"), "steps[0].when", "steps.a does not end before this step"),
        (step(when="params.x"), "steps[0].when", "params.x is not declared"),
        (step(when="1 +"), "steps[0].when", "not a CEL expression"),
        (step(when="failure"), "steps[0].when", "no meaning without needs"),
        (step(needs=["b"]), "steps[0].needs[0]", "there is no step b"),
        (step(needs=["a"]), "steps", "in a circle: a → a"),
        (step(id="a b"), "steps[0].id", "must be a letter"),
        (step(retries={"max": 500}), "steps[0].retries.max", "less than or equal to 100"),
        (step(retries={"backoff": "PT2H"}), "steps[0].retries.backoff", "longer than max_backoff"),
        (step(retries={"factor": float("inf")}), "steps[0].retries.factor", "finite"),
        (step(timeout=30), "steps[0].timeout", "valid string"),
    ],
)
def test_a_wrong_definition_is_refused_with_the_path_and_what_is_allowed(
    changes: dict, path: str, message: str
) -> None:
    found = problems_of(**changes)

    assert list(found) == [path]
    assert message in found[path]


def test_a_circle_names_its_steps() -> None:
    steps = [{"id": n, "actor": "sleep", "needs": [needs]} for n, needs in (("a", "c"), ("b", "a"), ("c", "b"))]

    found = problems_of(steps=[{"id": "free", "actor": "sleep"}, *steps, {"id": "d", "actor": "sleep", "needs": ["a"]}])

    assert found["steps"] == "steps need each other in a circle: a → c → b → a"


def test_an_id_that_is_used_twice_is_refused() -> None:
    found = problems_of(steps=[SMALL["steps"][0]] * 2)

    assert found == {"steps[0].id": "a is used by 2 steps; each needs its own"}


def test_all_problems_are_listed_at_once() -> None:
    found = problems_of(ownr="x", overlap="sometimes", steps=[{"id": "a", "actor": "slep"}])

    assert set(found) == {"ownr", "overlap", "steps[0].actor"}


def test_values_with_expressions_are_checked_when_they_are_known() -> None:
    given = {"datasource": "${event.data.name}", "max_items": "${event.data.n}", "tags": ["${event.data.n}"]}

    job = parse_definition({**SMALL, **step(**{"with": given})}, source="x", actors=ACTORS)

    assert job.steps[0].with_ == given


def test_what_conditions_lists_and_triggers_may_name() -> None:
    text = """
    name: fan
    params: {n: {type: integer, default: 1}, names: {type: list, default: []}}
    triggers:
      - event: entry.*
        debounce: {quiet: PT1S}
        params: {n: "${size(events)}", names: ["${event.data.name}", "${job.name}"]}
      - {every: PT1H, params: {n: 5, names: [a, b]}}
    rate: {limit: 1, period: PT1M, key: "${job.name} ${params.n}"}
    steps:
      - {id: a, actor: purge, for_each: datasources, with: {datasource: "${item}", max_items: "${index + params.n}"}}
      - {id: b, actor: sleep, needs: [a], when: "size(steps.a.result) > params.n && run.cause == 'event'"}
      - id: c
        actor: purge
        needs: [b]
        when: steps.b.state == 'skipped'
        for_each: {items: "steps.a.result.filter(r, r != null)", parallel: 2}
        with: {datasource: "${item.name}"}
    """

    job = read(text)

    assert job.steps[0].for_each is not None
    assert (job.steps[0].for_each.parallel, job.steps[2].for_each.parallel) == (10, 2)
    assert parse_definition(job.definition(), source="again", actors=ACTORS) == job


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_a_definition_is_an_object(data: object) -> None:
    assert problems(data) == {"": "must be an object with at least name and steps"}


def test_yaml_keeps_times_and_words_as_text() -> None:
    data = load_yaml("a: 2026-01-01\nb: 12:30:00\nc: no\nd: 010\ne: 0x1f\non: off\nf: 1e3\ng: ~\nh: true\n", source="x")

    assert data == {
        "a": "2026-01-01",
        "b": "12:30:00",
        "c": "no",
        "d": 10,
        "e": 31,
        "on": "off",
        "f": 1000.0,
        "g": None,
        "h": True,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "line 2, column 1: the key a comes twice"),
        ("a: [1\n", "is not YAML"),
        ("a: !!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
        ("1: a\n", "keys must be text"),
        ("? [a]\n: b\n", "keys must be text"),
        ("a: &x [*x]\n", "deeper than 32"),
        ("a: " + "[" * 2000, "is not YAML"),
        ("a: " + "[" * 40 + "]" * 40, "deeper than 32"),
        ("a: " + "9" * 5000, "too long"),
        ("a: 99999999999999999999", "64 bits"),
        ('a: "\\0"', "NUL"),
        ("a: 1\n---\na: 2\n", "is not YAML"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
            + "".join(
                f"{n}: &{n} [*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p}]\n"
                for p, n in zip("abcdef", "bcdefg", strict=True)
            ),
            "more than 20000 values",
        ),
    ],
)
def test_yaml_that_hides_something_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidDefinition, match=message):
        load_yaml(text, source="x")


def test_yaml_anchors_and_merges_work() -> None:
    data = load_yaml("base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}\n", source="x")

    assert data["more"] == {"a": 1, "b": 3}


@pytest.mark.parametrize("text", ["a = ", "a = 1\na = 2", "a = nan", "a = 99999999999999999999"])
def test_toml_that_is_wrong_is_refused(text: str) -> None:
    with pytest.raises(InvalidDefinition):
        load_toml(text, source="x")


def test_a_file_holds_one_job_or_a_list(tmp_path: Path) -> None:
    (tmp_path / "one.yml").write_text("name: a\nsteps: []\n")
    (tmp_path / "two.toml").write_text('[[jobs]]\nname = "a"\n[[jobs]]\nname = "b"\n')

    one, two = read_definitions(tmp_path / "one.yml"), read_definitions(tmp_path / "two.toml")

    assert [(each.source, each.data["name"]) for each in (*one, *two)] == [
        ("one.yml", "a"),
        ("two.toml jobs[0]", "a"),
        ("two.toml jobs[1]", "b"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"{}", "must end with .yaml, .yml, .toml"),
        ("a.yaml", b"\xff\xfe", "cannot be read"),
        ("a.yaml", b"a" * (MAX_BYTES + 1), "larger than"),
        ("a.yaml", b"jobs: 5", "jobs: must be a list"),
        ("a.yaml", b"jobs: []\nname: x", "name: is unknown"),
    ],
)
def test_a_file_that_is_not_a_definition_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidDefinition, match=message):
        read_definitions(tmp_path / name)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")

    with pytest.raises(InvalidDefinition, match="is not a file"):
        read_definitions(tmp_path / "pipe.yaml")


def test_problems_survive_the_way_between_processes() -> None:
    error = InvalidDefinition([Problem("a", "b")], source="c")

    assert str(pickle.loads(pickle.dumps(error))) == str(error) == "c is not valid:\n  a: b"


WHOLE_DATA = load_yaml(WHOLE, source="x")
ODD = st.sampled_from(
    [None, True, 0, -1, 2**62, 1.5, "", "x", "${", "${params.x}", "\n", [], {}, [[]], [{}], {"a": 1}, ["a"]]
)


def places(value: object, path: tuple = ()) -> list[tuple]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in items for place in ((*path, key), *places(inner, (*path, key)))]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(places(WHOLE_DATA)), ODD), min_size=1, max_size=3))
def test_whatever_is_written_is_a_job_or_a_list_of_problems(changes: list) -> None:
    data = copy.deepcopy(WHOLE_DATA)
    for path, value in changes:
        here = data
        for part in path[:-1]:
            try:
                here = here[part]
            except (KeyError, IndexError, TypeError):
                here = None
        if isinstance(here, dict | list) and (isinstance(here, dict) or path[-1] in range(len(here))):
            here[path[-1]] = value

    try:
        job = parse_definition(data, source="x", actors=ACTORS)
    except InvalidDefinition:
        return
    assert parse_definition(job.definition(), source="x", actors=ACTORS) == job


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinition, match="cannot be read"):
        read_definitions(tmp_path / "gone.yaml")

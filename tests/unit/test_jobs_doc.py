"""The tables of docs/jobs.md say what the code says: fields with their defaults, names, waits, limits and merges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from actors.history import Records
from actors.upkeep.keeping import RECORD_DAYS
from bus.keys import LEVELS
from rota import expressions, jobs, params, runs
from rota.events import Event, context_of
from rota.expressions import ExpressionFailed, fill
from rota.merging import merge
from scheduler.admission import filling, limits
from scheduler.definitions import SHIPPED_FOLDER
from scheduler.runs import values
from scheduler.timing import backfilling, explaining
from workers.verdicts import retry_delay_ms

PAGE = (Path(__file__).parents[2] / "docs/jobs.md").read_text(encoding="utf-8")
MODELS: dict[str, type[BaseModel]] = {
    "\n## What a definition holds\n": jobs.Job,
    "\nFields of one parameter:\n": jobs.ParamSpec,
    "\n## Steps\n": jobs.Step,
    "\n### For each\n": jobs.ForEach,
    "\n### Retries\n": jobs.Retries,
    "\n### Concurrency\n": jobs.Concurrency,
    "\n### Rate\n": jobs.Rate,
    "\n### History\n": jobs.Keep,
}


def rows(after: str) -> list[list[str]]:
    """The rows of the first table after a text, without its head."""
    _, found, rest = PAGE.partition(after)
    table = re.search(r"^\|.*?\n(?=\n|\Z)", rest, flags=re.MULTILINE | re.DOTALL)
    assert found, f"the page has no {after}"
    assert table is not None, f"no table after {after}"
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[0].splitlines()[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("heading", MODELS, ids=lambda heading: heading.strip("\n #:"))
def test_documented_fields_and_defaults_are_those_of_the_model(heading: str) -> None:
    model = MODELS[heading]
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    documented = {code(name)[0]: default for name, default, _ in rows(heading)}

    assert list(documented) == list(fields)
    for name, field in fields.items():
        written = documented[name]
        if field.is_required():
            assert written == "required", name
            continue
        default = field.get_default(call_default_factory=True)
        assert meant(written, default) == (list(default) if isinstance(default, tuple) else default), name


def meant(written: str, default: object) -> Any:
    """What a cell says that a default is."""
    if written == "none":
        return None
    value = yaml.safe_load(code(written)[0])
    return type(default).model_validate(value) if isinstance(default, BaseModel) else value


def test_documented_rules_that_are_told_elsewhere_are_linked() -> None:
    docs = Path(__file__).parents[2] / "docs"
    for page, anchor in re.findall(r"\]\(([a-z]*(?:\.md)?)(?:#([\w-]+))?\)", PAGE):
        text = (docs / page).read_text(encoding="utf-8") if page else PAGE
        headings = [re.sub(r"[^\w -]", "", line.lower()) for line in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)]
        assert not anchor or anchor in [heading.replace(" ", "-") for heading in headings], f"{page}#{anchor}"


def test_documented_choices_are_those_there_are() -> None:
    types = [name for cell, _ in rows("Types and their values:") for name in code(cell)]

    assert types == list(get_args(jobs.ParamType))
    assert [code(cell)[0] for cell, *_ in rows("third tick has been decided:")] == list(get_args(jobs.Overlap))
    assert [code(cell)[0] for cell, _ in rows("side by side.") if code(cell)] == list(jobs.WHEN_WORDS)
    assert "`{}` is taken before `{}` and `{}` before `{}`".format(*LEVELS[:2], *LEVELS[1:]) in PAGE


def test_documented_waits_are_those_of_the_worker() -> None:
    policy = jobs.Retries(max=9).policy()

    for repeat, *waits in rows("With `retries: {max: 9}`:"):
        computed = [retry_delay_ms(policy, int(repeat), spread) for spread in (0, -1, 1)]
        assert [f"{round(wait / 1000)} s" for wait in computed] == waits


NAMED = {
    "`where`, and `key` of `debounce` and `throttle`": expressions.TRIGGER_NAMES,
    "`params` of an event trigger": expressions.EVENT_PARAM_NAMES,
    "`when`, `for_each`, `with` of a step": expressions.STEP_NAMES,
    "`with` of a step with `for_each`": expressions.BRANCH_NAMES - expressions.STEP_NAMES,
    "`key` of `concurrency` and `rate`": expressions.KEY_NAMES,
}


def test_documented_names_are_those_that_expressions_may_use() -> None:
    assert {place: set(code(names)) for place, names in rows("\n## Expressions\n")} == NAMED
    explained = {name for names, *_ in rows("| `params`, `job`, `run` |\n") for name in code(names)}
    assert explained == expressions.BRANCH_NAMES


LIMITS: Mapping[str, int | str] = {
    "characters of an expression": expressions.MAX_EXPRESSION_CHARS,
    "time, as counted beforehand, of one expression or of all in one `with`": f"{expressions.BUDGET_MS} ms",
    "expressions in one `with`": expressions.MAX_TEMPLATE_EXPRESSIONS,
    "levels of lists and objects in one `with`": expressions.MAX_TEMPLATE_DEPTH,
    "characters that they add to longer texts": expressions.MAX_FILLED_CHARS,
    "steps of a job": jobs.MAX_STEPS,
    "triggers of a job": jobs.MAX_TRIGGERS,
    "parameters of a job": jobs.MAX_PARAMS,
    "branches of a step": jobs.MAX_BRANCHES,
    "parameters of a run, as JSON": f"{params.MAX_PARAMS_BYTES // 1024} KiB",
    "list of a `for_each`, as JSON": f"{filling.MAX_ITEMS_BYTES // 1024**2} MiB",
    "result of a step, as JSON": f"{runs.MAX_TEXT_BYTES // 1024} KiB",
    "results of a step's branches together, where an expression names them": (
        f"{values.MAX_RESULTS_BYTES // 1024**2} MiB"
    ),
    "runs that wait for one key": limits.MOST_WAITING,
    "ticks of one backfill": backfilling.MOST_TICKS,
}


def test_documented_limits_are_those_of_the_code() -> None:
    documented = dict([*rows("So the limits are:"), *rows("\n## Limits\n")])

    assert documented == {what: most if isinstance(most, str) else f"{most:,}" for what, most in LIMITS.items()}
    assert RECORD_DAYS[Records.VERSIONS] == 365  # "Versions are kept for a year"
    pruning = yaml.safe_load((SHIPPED_FOLDER / "prune-history.yaml").read_text(encoding="utf-8"))
    assert pruning["triggers"] == [{"every": "PT1H"}]  # "looked at once an hour"


def test_documented_way_to_choose_from_many_events_fits_into_the_time_and_the_other_does_not() -> None:
    events = [Event(id=f"{n}", source="/doc", type="file.written", data={"size": n, "path": "a/b"}) for n in range(500)]
    context = {"events": [context_of(event) for event in events]}
    (good,), (bad,) = (code(cell) for cell, _ in rows("much for hundreds of events:"))

    assert fill(f"${{{good}}}", context) == [f"{n}" for n in range(101, 500)]
    with pytest.raises(ExpressionFailed, match="takes too long"):
        fill(f"${{{bad}}}", context)


def test_documented_merges_are_those_of_an_upgrade() -> None:
    for cells in rows("by their ids:"):
        base, edited, shipped, expected = (yaml.safe_load(code(cell)[0]) for cell in cells)
        assert merge(base, edited, shipped).definition == expected


def test_documented_answers_of_explain_are_those_it_gives() -> None:
    source = Path(explaining.__file__).read_text(encoding="utf-8")

    for answer, _ in rows("the answer is one of"):
        first = re.split(r" …|, succeeded| since", code(answer)[0])[0].removeprefix("nothing: ")
        assert first in source, first

"""Reads job definitions and says exactly what is wrong with them.

Files, the API and the editor all come through `parse_definition`, so the same text is right or wrong everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from rota.errors import InvalidDefinition, Problem
from rota.expression_checks import expression_problems
from rota.expressions import expressions_in
from rota.jobs import Job, Step
from rota.loaders import check_values, load_toml, load_yaml, read_text
from rota.params import value_problem
from rota.problems import allowed_names, field_path, problems_of

SUFFIXES = (".yaml", ".yml", ".toml")
"""The endings of files that hold definitions."""


class ActorSpec(Protocol):
    """What a definition needs to know of an actor."""

    @property
    def name(self) -> str:
        """The name that steps call it by."""

    @property
    def queue(self) -> str:
        """The queue that its messages wait in."""

    @property
    def params(self) -> type[BaseModel]:
        """The model of its parameters."""


@dataclass(frozen=True, slots=True)
class RawDefinition:
    """The plain values of one job, not looked at yet; `source` says where they are from."""

    source: str
    data: object


def read_definitions(path: Path) -> tuple[RawDefinition, ...]:
    """Return the definitions in a file: one job, or a list of them under `jobs`.

    InvalidDefinition if the file cannot be read as a whole; what is in it is left to `parse_definition`, so that a
    broken job leaves its neighbours alone.
    """
    source = path.name
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidDefinition([Problem("", f"must end with {', '.join(SUFFIXES)}")], source=source)
    text = read_text(path, source=source)
    load = load_toml if path.suffix.lower() == ".toml" else load_yaml
    return split_definitions(load(text, source=source), source=source)


def split_definitions(data: object, *, source: str) -> tuple[RawDefinition, ...]:
    """Return the definitions in the values of a text: one job, or a list of them under `jobs`."""
    if not isinstance(data, dict) or "jobs" not in data:
        return (RawDefinition(source, data),)
    others = sorted(set(data) - {"jobs"})
    if others:
        raise InvalidDefinition([Problem(others[0], "is unknown; allowed beside jobs: nothing")], source=source)
    if not isinstance(data["jobs"], list):
        raise InvalidDefinition([Problem("jobs", "must be a list of jobs")], source=source)
    return tuple(RawDefinition(f"{source} jobs[{n}]", item) for n, item in enumerate(data["jobs"]))


def parse_definition(data: object, *, source: str, actors: Mapping[str, ActorSpec], tried: bool = False) -> Job:
    """Return the job that the data defines; InvalidDefinition lists every problem with the path of its field.

    Values under `with` that hold `${…}` are known at run time only: their expressions are compiled here, their types
    are checked when they are filled in. With `tried`, as what ships with Rota, its expressions were compiled before.
    """
    if not isinstance(data, dict):
        raise InvalidDefinition([Problem("", "must be an object with at least name and steps")], source=source)
    values = check_values(data, source=source)
    try:
        job = Job.model_validate(values)
    except ValidationError as error:
        problems = [*problems_of(error, Job), *_unknown_actors(values, actors)]
        raise InvalidDefinition(problems, source=source) from error
    problems = [*_param_problems(job), *_step_problems(job, actors), *expression_problems(job, tried=tried)]
    if problems:
        raise InvalidDefinition(problems, source=source)
    return job


def _unknown_actors(data: Mapping[str, Any], actors: Mapping[str, ActorSpec]) -> Iterator[Problem]:
    """Yield unknown actors of a job that is wrong elsewhere too, so that one reading shows everything."""
    steps = data.get("steps")
    for n, step in enumerate(steps if isinstance(steps, list) else ()):
        name = step.get("actor") if isinstance(step, dict) else None
        if isinstance(name, str) and name not in actors:
            yield _unknown_actor(n, name, actors)


def _unknown_actor(n: int, name: str, actors: Mapping[str, ActorSpec]) -> Problem:
    return Problem(f"steps[{n}].actor", f"there is no actor {name[:100]!r}; {allowed_names(name, actors)}")


def _param_problems(job: Job) -> Iterator[Problem]:
    for name, spec in job.params.items():
        message = None if spec.required else value_problem(spec, spec.default)
        if message:
            yield Problem(f"params.{name}.default", message)
        for n, choice in enumerate(spec.choices):
            # It is among the choices, so only its type can be wrong.
            if message := value_problem(spec, choice):
                yield Problem(f"params.{name}.choices[{n}]", message)


def _step_problems(job: Job, actors: Mapping[str, ActorSpec]) -> Iterator[Problem]:
    for n, step in enumerate(job.steps):
        actor = actors.get(step.actor)
        if actor is None:
            yield _unknown_actor(n, step.actor, actors)
            continue
        yield from _with_problems(step, actor.params, ("steps", n, "with"))


def _with_problems(step: Step, model: type[BaseModel], prefix: tuple[str | int, ...]) -> Iterator[Problem]:
    try:
        model.model_validate(step.with_)
    except ValidationError as error:
        certain = [
            found["loc"]
            for found in error.errors(include_url=False)
            if found["type"] in ("missing", "extra_forbidden") or not _is_open(step.with_, found["loc"])
        ]
        paths = {field_path((*prefix, *loc)) for loc in certain}
        yield from (problem for problem in problems_of(error, model, prefix=prefix) if problem.path in paths)


def _is_open(given: object, loc: tuple[str | int, ...]) -> bool:
    """Say whether the value at a place holds an expression, so that its type is not known yet."""
    for part in loc:
        if isinstance(given, Mapping) and part in given:
            given = given[str(part)]
        elif isinstance(given, list) and isinstance(part, int) and part < len(given):
            given = given[part]
    return any(True for _ in expressions_in(given))

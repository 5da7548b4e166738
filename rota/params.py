"""Parameters of a run: declared by the job, given by whoever starts it, bound before anything is admitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from rota.errors import InvalidDefinition, Problem
from rota.jobs import Job, ParamSpec, ParamType
from rota.problems import allowed_names, shown
from rota.times import parse_duration

MAX_PARAMS_BYTES = 64 * 1024
"""The most that all parameters of a run may take as JSON."""
MAX_INTEGER = 2**63 - 1


def _is_duration(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parse_duration(value)
    except ValueError:
        return False
    return True


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INTEGER


_FITS: dict[ParamType, tuple[Callable[[object], bool], str]] = {
    "string": (lambda value: isinstance(value, str), "text"),
    "integer": (_is_integer, "a whole number"),
    "number": (lambda value: _is_integer(value) or (isinstance(value, float) and math.isfinite(value)), "a number"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "duration": (_is_duration, "an ISO 8601 duration such as PT15M or P30D"),
    "list": (lambda value: isinstance(value, list), "a list"),
    "object": (lambda value: isinstance(value, dict), "an object"),
}


def bind_params(job: Job, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a run: what is given, and the defaults of the rest.

    InvalidDefinition lists what is not declared, missing, or of another type.
    """
    problems = list(_problems(job, given))
    if problems:
        raise InvalidDefinition(problems, source=f"parameters of {job.name}")
    bound = {name: given.get(name, spec.default) for name, spec in job.params.items()}
    try:
        size = len(msgspec.json.encode(bound))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidDefinition([Problem("params", f"has no JSON form: {error}")], source=job.name) from error
    if size > MAX_PARAMS_BYTES:
        problem = Problem("params", f"takes {size} bytes, allowed are {MAX_PARAMS_BYTES}")
        raise InvalidDefinition([problem], source=f"parameters of {job.name}")
    return bound


def fits(params: Mapping[str, Any]) -> bool:
    """Say whether values have a JSON form and are no larger than the parameters of a run may be."""
    try:
        return len(msgspec.json.encode(params)) <= MAX_PARAMS_BYTES
    except (TypeError, ValueError, RecursionError):
        return False


def value_problem(spec: ParamSpec, value: object) -> str | None:
    """Return why a value does not fit a declared parameter, None if it does."""
    if value is None and not spec.required and spec.default is None:
        return None
    fits, allowed = _FITS[spec.type]
    if not fits(value):
        return f"must be {allowed}, not {shown(value)}"
    if spec.choices and value not in spec.choices:
        return f"must be one of {', '.join(str(choice) for choice in spec.choices)}, not {shown(value)}"
    return None


def _problems(job: Job, given: Mapping[str, Any]) -> Iterator[Problem]:
    for name in given:
        if name not in job.params:
            yield Problem(f"params.{name}", f"is not declared by the job; {allowed_names(str(name), job.params)}")
    for name, spec in job.params.items():
        if name not in given:
            if spec.required:
                yield Problem(f"params.{name}", f"is required: {_FITS[spec.type][1]}")
            continue
        message = value_problem(spec, given[name])
        if message:
            yield Problem(f"params.{name}", message)

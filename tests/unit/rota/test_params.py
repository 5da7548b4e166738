"""Parameters of a run."""

from __future__ import annotations

import pytest

from rota.errors import InvalidDefinition
from rota.jobs import Job
from rota.params import bind_params

JOB = Job.model_validate(
    {
        "name": "purge",
        "steps": [{"id": "a", "actor": "sleep"}],
        "params": {
            "datasource": {"type": "string"},
            "older_than": {"type": "duration", "default": "P30D"},
            "n": {"type": "integer", "default": 1},
            "share": {"type": "number", "default": 0.5},
            "dry": {"type": "boolean", "default": False},
            "paths": {"type": "list", "default": []},
            "more": {"type": "object", "default": None},
            "mode": {"type": "string", "default": "bin", "choices": ["bin", "keep"]},
        },
    }
)


def problems(**given: object) -> dict[str, str]:
    with pytest.raises(InvalidDefinition) as caught:
        bind_params(JOB, given)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_what_is_not_given_takes_its_default() -> None:
    bound = bind_params(JOB, {"datasource": "files", "n": 5})

    assert bound == {
        "datasource": "files",
        "older_than": "P30D",
        "n": 5,
        "share": 0.5,
        "dry": False,
        "paths": [],
        "more": None,
        "mode": "bin",
    }


def test_what_has_no_default_is_required() -> None:
    assert problems() == {"params.datasource": "is required: text"}


def test_what_is_not_declared_is_refused_with_what_was_meant() -> None:
    assert "did you mean older_than?" in problems(datasource="x", older_then="P1D")["params.older_then"]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("datasource", 5, "text"),
        ("datasource", None, "text"),
        ("n", True, "a whole number"),
        ("n", 1.0, "a whole number"),
        ("n", "1", "a whole number"),
        ("n", 2**80, "a whole number"),
        ("share", float("nan"), "a number"),
        ("dry", "yes", "true or false"),
        ("older_than", "30 days", "ISO 8601"),
        ("older_than", 5, "ISO 8601"),
        ("paths", "a", "a list"),
        ("more", [], "an object"),
        ("mode", "remove", "one of bin, keep"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: object, allowed: str) -> None:
    assert allowed in problems(**{"datasource": "x", name: value})[f"params.{name}"]


def test_months_are_a_duration_and_null_fits_where_it_is_the_default() -> None:
    assert bind_params(JOB, {"datasource": "x", "older_than": "P1M", "more": None})["older_than"] == "P1M"


def test_parameters_have_a_bound() -> None:
    assert "allowed are" in problems(datasource="x" * 70_000)["params"]
    assert "JSON" in problems(datasource="x", paths=[object()])["params"]

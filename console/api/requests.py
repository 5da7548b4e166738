"""What endpoints read from a request: pages of lists, bodies, definitions, times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Query, Request

from console.api.problems import Problem
from console.api.shaping import READ_ONLY
from rota.definitions import ActorSpec, parse_definition, split_definitions
from rota.errors import InvalidDefinition
from rota.errors import Problem as FieldProblem
from rota.jobs import Job
from rota.loaders import load_toml, load_yaml
from rota.times import parse_rfc3339

Cursor = Annotated[
    str | None, Query(max_length=12_000, pattern="^[A-Za-z0-9_-]+$", description="`next` of the page before.")
]
Limit = Annotated[int, Query(ge=1, le=500, description="Items on a page.")]

YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")
TOML_TYPES = ("application/toml", "text/x-toml")
_JSON = "application/json"
_SOURCE = "the definition"


@dataclass(frozen=True, slots=True)
class Payload:
    """The body of a request, unread: `kind` is its content type in small letters, without parameters."""

    kind: str
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON, None for an empty one."""
        if not self.body:
            return None
        if self.kind not in ("", _JSON) and not self.kind.endswith("+json"):
            raise Problem(415, f"the body must be {_JSON}, not {self.kind}")
        try:
            return msgspec.json.decode(self.body)
        except (ValueError, RecursionError) as error:
            raise Problem(400, f"the body is not JSON: {error}", name="malformed") from error

    def mapping(self) -> dict[str, Any]:
        """Return the body as a JSON object, an empty one for an empty body."""
        value = self.json()
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise Problem(422, "the body must be a JSON object", name="invalid-request")
        return value

    def definition(self, actors: Mapping[str, ActorSpec]) -> Job:
        """Return the job that the body defines, in JSON, YAML or TOML; InvalidDefinition says what is wrong with it."""
        return parse_definition(self._definition_data(), source=_SOURCE, actors=actors)

    def definitions(self, actors: Mapping[str, ActorSpec]) -> list[Job]:
        """Return the jobs that the body defines: one, or a list of them under `jobs`; none if one of them is wrong."""
        jobs: list[Job] = []
        problems: list[FieldProblem] = []
        split = split_definitions(self._definition_data(), source=_SOURCE)
        for n, raw in enumerate(split):
            try:
                jobs.append(parse_definition(raw.data, source=raw.source, actors=actors))
            except InvalidDefinition as error:
                place = f"jobs[{n}]." if raw.source != _SOURCE else ""
                problems += [FieldProblem(f"{place}{problem.path}", problem.message) for problem in error.problems]
        if not problems:
            first = {job.name: n for n, job in reversed(list(enumerate(jobs)))}
            twice = [(n, job.name) for n, job in enumerate(jobs) if first[job.name] != n]
            problems = [FieldProblem(f"jobs[{n}].name", f"{name} is given twice") for n, name in twice]
        if problems:
            raise InvalidDefinition(problems, source=_SOURCE)
        return jobs

    def _definition_data(self) -> object:
        if self.kind in YAML_TYPES or self.kind in TOML_TYPES:
            load = load_toml if self.kind in TOML_TYPES else load_yaml
            try:
                text = self.body.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise Problem(400, "the body is not UTF-8", name="malformed") from error
            return load(text, source=_SOURCE)
        data = self.json()
        if isinstance(data, dict):
            # What was read can be saved again as it is.
            return {name: value for name, value in data.items() if name not in READ_ONLY}
        return data


async def _payload(request: Request) -> Payload:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Payload(kind, await request.body())


Body = Annotated[Payload, Depends(_payload)]
"""Ask for this in an endpoint to get the body."""


def names_in(payload: Payload) -> list[str]:
    """Return the list `names` of a body."""
    names = payload.mapping().get("names")
    if not isinstance(names, list) or not names or len(names) > 500 or not all(isinstance(n, str) for n in names):
        listed = [{"pointer": "/names", "path": "names", "message": "must be a list of 1 to 500 names"}]
        raise Problem(422, "the request is not valid", name="invalid-request", errors=listed)
    return names


def time_in(text: str | None, parameter: str) -> int | None:
    """Return a time of the query in milliseconds."""
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        listed = [{"parameter": parameter, "path": parameter, "message": str(error)}]
        raise Problem(422, "the request is not valid", name="invalid-request", errors=listed) from error

"""What forms send: read without a library, because they hold a few short fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from fastapi import Depends, Request

from console.api.problems import Problem
from rota.jobs import Job

_MAX_FIELDS = 2000
_PARAM = "param."


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, in their order."""

    fields: tuple[tuple[str, str], ...]

    def one(self, name: str, default: str = "") -> str:
        """Return the last value of a field."""
        return next((value for key, value in reversed(self.fields) if key == name), default)

    def every(self, name: str) -> list[str]:
        """Return all values of a field."""
        return [value for key, value in self.fields if key == name]

    def back(self, default: str) -> str:
        """Return where to go afterwards: a path of ours, whatever the form says."""
        path = self.one("back")
        return path if path.startswith("/") and not path.startswith(("//", "/\\")) else default

    def params(self, job: Job) -> dict[str, Any]:
        """Return the run parameters that were filled in; what was left empty takes its default."""
        given = {
            key.removeprefix(_PARAM): value for key, value in self.fields if key.startswith(_PARAM) and value.strip()
        }
        return {name: _value(job.params[name].type, value) for name, value in given.items() if name in job.params}


def _value(kind: str, text: str) -> Any:
    """Return the value of a declared type; what cannot be read stays text, which the binding then refuses by name."""
    if kind in ("string", "duration"):
        return text.strip() if kind == "duration" else text
    try:
        return msgspec.json.decode(text.strip())
    except msgspec.DecodeError:
        return text


async def _form(request: Request) -> Form:
    body = await request.body()
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise Problem(400, "the form cannot be read") from error
    return Form(tuple(fields))


Filled = Annotated[Form, Depends(_form)]
"""Ask for this in an endpoint to get the form."""

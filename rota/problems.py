"""Says what is wrong with given data in the words of the person who wrote it: path, what is allowed, what was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from rota.errors import Problem

MAX_LISTED = 12
"""How many allowed names a message lists before it says how many more there are."""
MAX_SHOWN = 80

_TAG = re.compile(r"<.*>")
_TUPLE = re.compile(r"\btuple\b")


class FieldError(ValueError):
    """Raised by a check of a whole that knows which part of it is wrong; `path` leads there from the checked value."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        self.path = path
        super().__init__(message)


def allowed_names(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: a near miss if there is one, and what is known.

    Of more names than fit, those that look like the unknown one are listed.
    """
    names = sorted(known)
    if not names:
        return "none is known"
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    hint = f"did you mean {close[0]}? " if close else ""
    if len(names) <= MAX_LISTED:
        return f"{hint}allowed: {', '.join(names)}"
    listed = close or names[:MAX_LISTED]
    return f"{hint}allowed: {', '.join(listed)} and {len(names) - len(listed)} more"


def field_path(parts: Iterable[str | int]) -> str:
    """Return the path of a field as people write it: `steps[0].with.older_than`.

    Parts in angle brackets are the names of alternatives, which the writer never wrote; they are left out.
    """
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not _TAG.fullmatch(part):
            path += f".{part}" if path else part
    return path


def problems_of(
    error: ValidationError, model: type[BaseModel], *, prefix: tuple[str | int, ...] = ()
) -> Iterator[Problem]:
    """Yield the problems that pydantic found, each in one sentence that says what is allowed."""
    errors = error.errors(include_url=False)
    for found in errors:
        if _follows(found, [other["loc"] for other in errors]):
            continue
        raised = found.get("ctx", {}).get("error")
        inner = raised.path if isinstance(raised, FieldError) else ()
        yield Problem(field_path((*prefix, *found["loc"], *inner)), _sentence(found, model))


def shown(value: object) -> str:
    """Return a value for a message, short enough to read."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def _follows(found: Mapping[str, Any], places: Iterable[tuple[str | int, ...]]) -> bool:
    """Say whether a problem is only the echo of another one, which is listed."""
    if found["type"] == "default_factory_not_called":
        return True
    # A list counts the items that are left once the wrong ones are gone.
    depth = len(found["loc"])
    return found["type"] == "too_short" and any(
        len(place) > depth and place[:depth] == found["loc"] for place in places
    )


def _sentence(found: Mapping[str, Any], model: type[BaseModel]) -> str:
    kind, message = found["type"], str(found["msg"])
    if kind == "extra_forbidden":
        name = str(found["loc"][-1])
        return f"is unknown; {allowed_names(name, _siblings(model, found['loc']))}"
    if kind == "missing":
        return "is required"
    if kind == "value_error":
        return str(found["ctx"]["error"])
    message = message.removeprefix("Input ").removeprefix("Value error, ")
    # A list is kept in a form that cannot be changed; who wrote it knows it as a list.
    message = _TUPLE.sub("list", message[:1].lower() + message[1:])
    given = found.get("input")
    if isinstance(given, dict | list) or kind.startswith("union_tag"):
        return message
    return f"{message}, not {shown(given)}"


def _siblings(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """Return the names that are allowed beside the one at the end of `loc`."""
    here: list[type[BaseModel]] = [model]
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        if _TAG.fullmatch(part):
            here = [kind for kind in here if part in (f"<{name}>" for name in field_names(kind))] or here
            continue
        here = [kind for owner in here for kind in _models_at(owner, part)] or here
    return sorted({name for kind in here for name in field_names(kind)})


def field_names(model: type[BaseModel]) -> list[str]:
    """Return the names under which a model takes its fields."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_at(model: type[BaseModel], name: str) -> list[type[BaseModel]]:
    for own, field in model.model_fields.items():
        if name in (own, field.alias):
            return list(_models_in(field))
    return []


def _models_in(field: FieldInfo | Any) -> Iterator[type[BaseModel]]:
    annotation = field.annotation if isinstance(field, FieldInfo) else field
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)

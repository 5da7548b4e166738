"""What goes into a body and what comes out, checked against the actor's models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import BaseModel, ValidationError

from rota.errors import PermanentError
from rota.runs import MAX_TEXT_BYTES

if TYPE_CHECKING:
    from actors.registry import ActorSpec

_MOST_PROBLEMS = 10
_encode = msgspec.json.Encoder().encode


def read_params(spec: ActorSpec, params: Mapping[str, Any]) -> BaseModel:
    """Return the actor's parameters; PermanentError names each field that is wrong."""
    try:
        return spec.params.model_validate(params)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [f"{_path(problem['loc'])}: {problem['msg']}" for problem in found[:_MOST_PROBLEMS]]
        if len(found) > _MOST_PROBLEMS:
            problems.append(f"and {len(found) - _MOST_PROBLEMS} more")
    # Outside of the handler: pydantic's own error would only repeat the same in more words.
    raise PermanentError(f"parameters of {spec.name}: {'; '.join(problems)}")


def write_result(spec: ActorSpec, result: Any) -> Any:
    """Return a result as a JSON value of at most 64 KB; PermanentError where it is not what the actor declares."""
    if result is None:
        return None
    if spec.result is None or not isinstance(result, spec.result):
        declared = "nothing" if spec.result is None else spec.result.__name__
        raise PermanentError(f"actor {spec.name} returned {type(result).__name__}, declared is {declared}")
    try:
        encoded = _encode(result.model_dump(mode="json"))
    except (TypeError, ValueError, RecursionError) as error:
        raise PermanentError(f"the result of {spec.name} has no JSON form: {error}") from error
    if len(encoded) > MAX_TEXT_BYTES:
        raise PermanentError(f"the result of {spec.name} takes {len(encoded)} bytes, allowed are {MAX_TEXT_BYTES}")
    return msgspec.Raw(encoded)


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "(all together)"

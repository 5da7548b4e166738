"""JSON columns: text that msgspec writes and reads, so that no dialect's JSON type comes between."""

from __future__ import annotations

from typing import Any

import msgspec

from rota.errors import PermanentError
from rota.messages import TaskMessage
from rota.runs import Cause, Failure, Progress

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_decode_cause = msgspec.json.Decoder(Cause).decode
_decode_progress = msgspec.json.Decoder(Progress).decode
_decode_failure = msgspec.json.Decoder(Failure).decode
_decode_message = msgspec.json.Decoder(TaskMessage).decode


def dumps(value: object) -> str:
    """Write a value as JSON; PermanentError if it has no JSON form."""
    try:
        return _encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise PermanentError(f"cannot be written as JSON: {error}") from error


def dumps_or_none(value: object) -> str | None:
    """Write a value as JSON, and None as the database's null."""
    return None if value is None else dumps(value)


def loads(text: str | None) -> Any:
    """Read what `dumps_or_none` wrote."""
    return None if text is None else _decode(text)


def load_cause(text: str) -> Cause:
    """Read a cause."""
    return _decode_cause(text)


def load_progress(text: str | None) -> Progress | None:
    """Read a progress, if there is one."""
    return None if text is None else _decode_progress(text)


def load_failure(text: str | None) -> Failure | None:
    """Read a failure, if there is one."""
    return None if text is None else _decode_failure(text)


def load_message(text: str | None) -> TaskMessage | None:
    """Read a task's message, if there is one."""
    return None if text is None else _decode_message(text)

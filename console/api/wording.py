"""Triggers in words, remembered: the same few are shown again and again."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

import msgspec
from pydantic import TypeAdapter, ValidationError

from rota.schedules import describe
from rota.triggers import Trigger


def schedule_words(triggers: Iterable[dict[str, Any]]) -> list[str]:
    """Return each trigger of a saved definition in words."""
    return [_words(msgspec.json.encode(trigger)) for trigger in triggers]


@lru_cache(maxsize=4096)
def _words(trigger: bytes) -> str:
    try:
        return describe(_adapter().validate_json(trigger))
    except ValidationError:  # saved by a version that knew triggers which this one does not
        return trigger.decode()


@cache
def _adapter() -> TypeAdapter[Trigger]:
    return TypeAdapter(Trigger)

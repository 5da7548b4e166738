"""Kinds of values that definitions are made of, each with a message that says what is allowed."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

from rota.times import duration_ms, parse_rfc3339
from rota.zones import zone


class Part(BaseModel):
    """A part of a definition: frozen, and whatever it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _slug(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9_.-]{0,98}[a-z0-9])?", text):
        raise ValueError(
            "must be 1 to 100 lower-case letters, digits, '-', '_' or '.', with a letter or digit at both ends"
        )
    return text


def _identifier(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", text):
        raise ValueError("must be a letter followed by at most 63 letters, digits, '-' or '_'")
    return text


def _plain(text: str) -> str:
    if re.search("[\0-\x08\x0b-\x1f\x7f\ud800-\udfff]", text):
        raise ValueError("must not hold control characters")
    return text


def _line(text: str) -> str:
    if re.search(r"[\n\t]", text):
        raise ValueError("must be one line, without tabs")
    return _plain(text)


def _duration(text: str) -> str:
    duration_ms(text)
    return text


def _positive_duration(text: str) -> str:
    if duration_ms(text) == 0:
        raise ValueError(f"{text!r} must be longer than zero")
    return text


def _instant(text: str) -> str:
    parse_rfc3339(text)
    return text


def _timezone(text: str) -> str:
    zone(text)
    return text


def _glob(text: str) -> str:
    if not text.strip("/") or "\0" in text or len(text.encode("utf-8", "surrogateescape")) > 1024:
        raise ValueError("must be a pattern of 1 to 1,024 bytes, such as *.tmp or cache/**")
    return text


Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict()]
Slug = Annotated[str, AfterValidator(_slug)]
"""A name that goes into addresses and file names."""
Identifier = Annotated[str, AfterValidator(_identifier)]
"""A name that expressions use."""
Glob = Annotated[str, AfterValidator(_glob)]
"""A pattern for names or paths; `actors.datasources.globs` says what it stands for."""
Line = Annotated[str, Field(max_length=200), AfterValidator(_line)]
Text = Annotated[str, Field(max_length=10_000), AfterValidator(_plain)]
DurationText = Annotated[str, AfterValidator(_duration)]
"""An ISO 8601 duration of fixed length."""
PositiveDuration = Annotated[str, AfterValidator(_positive_duration)]
InstantText = Annotated[str, AfterValidator(_instant)]
"""An RFC 3339 time with its offset."""
TimezoneName = Annotated[str, AfterValidator(_timezone)]

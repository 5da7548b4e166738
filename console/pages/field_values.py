"""How the value of a field is drawn, written into it and read out of it again."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from console.pages import field_words
from console.sizes import size_in_bytes
from rota.datasources import Secret

FieldKind = Literal["text", "secret", "password", "number", "size", "flag", "choice", "lines", "json"]
"""A `secret` is a reference to one, a `password` is typed; a `size` is so many bytes, written as people do."""

_DECODERS: dict[FieldKind, Callable[[str], Any]] = {
    "number": msgspec.json.decode,
    "json": msgspec.json.decode,
    "size": size_in_bytes,
}
_STRUCTURES = ("bin.parts",)
_ABOUT = ("folder", "user")


def kind_of(info: FieldInfo, name: str) -> FieldKind:
    """Return how a field of a model is drawn; `name` is its name in the form."""
    rules: tuple[tuple[bool, FieldKind], ...] = (
        (Secret in get_args(info.annotation), "secret"),
        (holds(info, SecretStr), "password"),
        (name in field_words.SIZES, "size"),
        (holds(info, bool), "flag"),
        (holds(info, int) or holds(info, float), "number"),
        (name in field_words.GLOB_HINTS, "lines"),
        (bool(choices_of(info)), "choice"),
        ("dict" in str(info.annotation) or name in _STRUCTURES, "json"),
    )
    return next((kind for fits, kind in rules if fits), "text")


def holds(info: FieldInfo, kind: type) -> bool:
    """Tell whether the values of a field are of a type."""
    kinds = {info.annotation, *get_args(info.annotation)}
    return kind in kinds or any(get_origin(each) is Annotated and get_args(each)[0] is kind for each in kinds)


def choices_of(info: FieldInfo) -> tuple[str, ...]:
    """Return what a field may hold, nothing of it first if it may be left empty; nothing for one that is no choice."""
    if get_origin(info.annotation) is Literal:
        return get_args(info.annotation)
    found = next((get_args(each) for each in get_args(info.annotation) if get_origin(each) is Literal), ())
    return ("", *found) if found else ()


def may_be_none(info: FieldInfo) -> bool:
    """Tell whether a field may hold nothing."""
    return type(None) in get_args(info.annotation)


def text_of(kind: FieldKind, value: Any) -> str:
    """Return a value as it stands in its field."""
    if value is None:
        return ""
    if kind == "flag":
        return "true" if value else ""
    if kind == "lines":
        return "\n".join(value)
    if kind == "json":
        return _structure(value) if value else ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def value_of(kind: FieldKind, text: str) -> Any:
    """Return the value that stands in a field, None for its default.

    What cannot be read stays text, which the model refuses.
    """
    text = text.strip()
    if kind == "flag":
        return text == "true"
    if kind == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if not text:
        return None
    if kind not in _DECODERS:
        return text
    try:
        return _DECODERS[kind](text)
    except (msgspec.DecodeError, argparse.ArgumentTypeError):
        return text


def _structure(value: Any) -> str:
    """Return a structure as JSON; of a list each part in a line of its own, without what it leaves open."""
    if not isinstance(value, list):
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    told = [{name: each for name, each in part.items() if each is not None and each is not True} for part in value]
    # What a part is about comes before what it says.
    lines = [msgspec.json.encode(dict(sorted(part.items(), key=lambda item: item[0] not in _ABOUT))) for part in told]
    return "[\n" + ",\n".join(f"  {msgspec.json.format(line, indent=0).decode()}" for line in lines) + "\n]"

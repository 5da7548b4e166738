"""How the value of a field is drawn, written into it and read out of it again."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from pydantic.fields import FieldInfo

from console.pages import field_words
from rota.datasources import Secret

FieldKind = Literal["text", "secret", "number", "flag", "choice", "lines", "json"]

_STRUCTURES = ("bin.parts",)
_ABOUT = ("folder", "user")


def kind_of(info: FieldInfo, name: str) -> FieldKind:
    """Return how a field of a model is drawn; `name` is its name in the form."""
    if Secret in get_args(info.annotation):
        return "secret"
    if holds(info, bool):
        return "flag"
    if holds(info, int) or holds(info, float):
        return "number"
    if name in field_words.GLOB_HINTS:
        return "lines"
    if get_origin(info.annotation) is Literal:
        return "choice"
    return "json" if "dict" in str(info.annotation) or name in _STRUCTURES else "text"


def holds(info: FieldInfo, kind: type) -> bool:
    """Tell whether the values of a field are of a type."""
    kinds = {info.annotation, *get_args(info.annotation)}
    return kind in kinds or any(get_origin(each) is Annotated and get_args(each)[0] is kind for each in kinds)


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
    if kind in ("number", "json"):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text


def _structure(value: Any) -> str:
    """Return a structure as JSON; of a list each part in a line of its own, without what it leaves open."""
    if not isinstance(value, list):
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    told = [{name: each for name, each in part.items() if each is not None and each is not True} for part in value]
    # What a part is about comes before what it says.
    lines = [msgspec.json.encode(dict(sorted(part.items(), key=lambda item: item[0] not in _ABOUT))) for part in told]
    return "[\n" + ",\n".join(f"  {msgspec.json.format(line, indent=0).decode()}" for line in lines) + "\n]"

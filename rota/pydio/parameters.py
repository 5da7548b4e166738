"""Parameters of a job: texts with a kind of form field in Pydio Cells, typed values here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from rota.jobs import MAX_PARAMS
from rota.problems import shown
from rota.pydio.filters import TRIGGER_PARAM
from rota.pydio.names import identifier, one_line, several_lines
from rota.pydio.reading import Record
from rota.pydio.report import Notes

_TYPES = {
    "integer": "integer",
    "int": "integer",
    "number": "number",
    "float": "number",
    "double": "number",
    "boolean": "boolean",
    "bool": "boolean",
}
"""Kinds of form fields that hold no text; every other one does."""
_WORDS = {"true": True, "1": True, "false": False, "0": False}


def _boolean(text: str) -> bool:
    return _WORDS[text.strip().lower()]


_READ: Mapping[str, Callable[[str], Any]] = {"integer": int, "number": float, "boolean": _boolean, "string": str}


def declare(records: tuple[Record, ...], notes: Notes) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the declared parameters, and their names here by their names in Cells."""
    declared: dict[str, Any] = {}
    names: dict[str, str] = {}
    for n, record in enumerate(records):
        if n >= MAX_PARAMS:
            notes.lost(record.place, f"a job has at most {MAX_PARAMS} parameters")
            continue
        given = record.text("Name")
        name = identifier(given, {*declared, TRIGGER_PARAM}, default="param")
        if name != given:
            notes.changed(record.at("Name"), f"{shown(given)} is called {name}, as expressions need it")
        names.setdefault(given, name)
        declared[name] = _spec(record, notes)
        notes.carried(record.place, f"params.{name}: {declared[name]['type']}")
    return declared, names


def typed(spec: Mapping[str, Any], text: str) -> Any:
    """Return a text as a value of a declared parameter, None if it does not fit."""
    kind = spec["type"]
    value = _READ[kind](text) if _fits(kind, text) else None
    return value if value in spec.get("choices", (value,)) else None


def _spec(record: Record, notes: Notes) -> dict[str, Any]:
    kind, value = _TYPES.get(record.text("Type").lower(), "string"), record.text("Value")
    spec: dict[str, Any] = {"type": kind}
    if kind != "string" and value and not _fits(kind, value):
        notes.changed(record.at("Value"), f"{shown(value)} is no {kind}; the parameter is a text")
        kind = spec["type"] = "string"
    if value:
        spec["default"] = _READ[kind](value)
    elif not record.flag("Mandatory"):
        spec["default"] = "" if kind == "string" else None
    record.flag("Mandatory")
    description = several_lines(record.text("Description"))
    if description:
        spec["description"] = description
    _add_choices(record, kind, spec, notes)
    for name in record.unread():
        notes.lost(record.at(name), "has no counterpart")
    return spec


def _add_choices(record: Record, kind: str, spec: dict[str, Any], notes: Notes) -> None:
    text, place = record.text("JsonChoices"), record.at("JsonChoices")
    if not text:
        return
    choices = _choices(text)
    if not choices or not all(_fits(kind, choice) for choice in choices) or len(choices) > 200:
        notes.lost(place, "is no list of choices; any value is allowed", "add choices: to the parameter")
        return
    spec["choices"] = [_READ[kind](choice) for choice in choices]
    if "default" in spec and spec["default"] not in spec["choices"]:
        notes.changed(record.at("Value"), f"{shown(spec['default'])} is none of its choices; it must be given")
        del spec["default"]


def _choices(text: str) -> list[str]:
    """Return the values of a list of texts, or of objects whose keys are the values and whose values are labels."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    listed = found if isinstance(found, list) else [found]
    values = [value for item in listed for value in (item if isinstance(item, dict) else [item])]
    return [one_line(value) if isinstance(value, str) else json.dumps(value) for value in values]


def _fits(kind: str, text: str) -> bool:
    try:
        value = _READ[kind](text)
    except (ValueError, KeyError):
        return False
    return kind not in ("integer", "number") or abs(value) < 2**63

"""Turns the text of a definition into plain values: YAML or TOML, bounded, without the surprises of either.

YAML follows the core schema of YAML 1.2: only `true` and `false` are booleans, times stay text, `010` is ten and
`12:30` is text. Keys that come twice are errors, because the first one would be lost silently.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Hashable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import yaml

from rota.errors import InvalidDefinition, Problem
from rota.problems import field_path

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_VALUES = 20_000
"""How many values a text may hold once its aliases are written out."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the core schema of YAML 1.2 and unique keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - the library's own form

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping; a key that comes twice or is not text is an error at its line."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(None, None, "keys must be text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} comes twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if len(text) > 40:
        raise yaml.constructor.ConstructorError(None, None, "the number is too long", node.start_mark)
    return int(text, 0 if text.startswith(("0x", "0o")) else 10)


IMPLICIT_RESOLVERS = tuple(
    (f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), tuple(first))
    for tag, pattern, first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
        ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
        ("merge", r"<<", "<"),
    )
)
"""What plain text without quotes may be besides text: tag, form and first characters, as YAML 1.2 has it."""

for _tag, _pattern, _first in IMPLICIT_RESOLVERS:
    _Loader.add_implicit_resolver(_tag, _pattern, list(_first))
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def read_text(path: Path, *, source: str) -> str:
    """Return the text of a file of at most `MAX_BYTES`; InvalidDefinition if there is none."""
    try:
        if not path.is_file():  # opening a pipe would wait for somebody to write into it
            raise FileNotFoundError(f"{path} is not a file")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise _unreadable(source, f"cannot be read: {error}") from error
    if len(raw) > MAX_BYTES:
        raise _unreadable(source, f"is larger than {MAX_BYTES} bytes")
    return text


def load_yaml(text: str, *, source: str) -> Any:
    """Return the values of a YAML text; InvalidDefinition says at which line it is wrong."""
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _unreadable(source, f"is not YAML: {where}{error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _unreadable(source, f"is not YAML: {str(error).splitlines()[0]}") from error
    return check_values(data, source=source)


def load_toml(text: str, *, source: str) -> Any:
    """Return the values of a TOML text; InvalidDefinition says at which line it is wrong."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(source, f"is not TOML: {error}") from error
    return check_values(data, source=source)


def check_values(data: Any, *, source: str) -> Any:
    """Return the data with times as text; InvalidDefinition if it is too deep, too large or has no JSON form."""
    left = [MAX_VALUES]

    def walk(value: Any, path: tuple[str | int, ...]) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise _unreadable(source, f"holds more than {MAX_VALUES} values")
        if len(path) > MAX_DEPTH:
            raise _unreadable(source, f"is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            return {_text_key(key, path, source): walk(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, (*path, n)) for n, item in enumerate(value)]
        if isinstance(value, datetime | date | time):
            return value.isoformat()
        problem = _scalar_problem(value)
        if problem:
            raise InvalidDefinition([Problem(field_path(path), problem)], source=source)
        return value

    return walk(data, ())


def _text_key(key: Any, path: tuple[str | int, ...], source: str) -> str:
    if isinstance(key, str) and not _scalar_problem(key):
        return key
    raise InvalidDefinition([Problem(field_path(path), f"keys must be text, not {key!r}")], source=source)


def _scalar_problem(value: Any) -> str | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return None if abs(value) < 2**63 else "the number does not fit into 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else "must be a finite number"
    if isinstance(value, str):
        return "must not hold NUL or lone surrogates" if re.search("[\0\ud800-\udfff]", value) else None
    return f"values of type {type(value).__name__} are not allowed"


def _unreadable(source: str, message: str) -> InvalidDefinition:
    return InvalidDefinition([Problem("", message)], source=source)

"""Reads an export of Pydio Cells: bounded JSON, as protobuf writes it.

Three shapes are accepted: one job, a list of jobs, and `{"Jobs": […]}` as the REST API answers. Fields may be spelt
`MaxConcurrency`, `maxConcurrency` or `max_concurrency`; numbers may be text; what is empty may be left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from rota.errors import RotaError
from rota.problems import MAX_SHOWN, shown

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 80
"""A chain of n actions is nested 2n levels deep."""
MAX_VALUES = 500_000
MAX_JOBS = 1000

_FORBIDDEN = re.compile("[\0\ud800-\udfff]")
_MAX_NUMBER = 2**63


class InvalidExport(RotaError):
    """Raised when a text is no export of job definitions; its message is one line that names the place."""

    def __init__(self, place: str, message: str) -> None:
        self.place = place
        super().__init__(f"{place}: {message}" if place else message)


class Record:
    """One object of an export; it remembers which of its fields were read, so that nothing is dropped in silence."""

    def __init__(self, data: Mapping[str, Any], place: str) -> None:
        self.place = place
        self._read: set[str] = set()
        self._fields: dict[str, tuple[str, Any]] = {}
        for name, value in data.items():
            if _is_empty(value):
                continue
            spelt = _spelling(name)
            if spelt in self._fields:
                raise InvalidExport(self.at(name), f"is given twice, also as {shown(self._fields[spelt][0])}")
            self._fields[spelt] = (name, value)

    def at(self, name: str) -> str:
        """Return the place of a field, as the report writes it."""
        # The name may be anything that somebody wrote as a key.
        short = re.sub(r"\s+", " ", name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}…")
        return f"{self.place}.{short}" if self.place else short

    def has(self, name: str) -> bool:
        """Say whether a field has a value that is not empty."""
        return _spelling(name) in self._fields

    def text(self, name: str) -> str:
        """Return a text, empty if there is none; numbers and booleans become text."""
        value = self._take(name)
        if value is None or isinstance(value, str):
            return value or ""
        if not isinstance(value, bool | int | float):
            self._refuse(name, "must be text")
        return json.dumps(value)

    def flag(self, name: str) -> bool:
        """Return a boolean, false if there is none."""
        value = self._take(name)
        if isinstance(value, str) and value in ("true", "false"):
            return value == "true"
        if value is not None and not isinstance(value, bool):
            self._refuse(name, "must be true or false")
        return bool(value)

    def number(self, name: str) -> int:
        """Return a whole number, 0 if there is none."""
        value = self._take(name)
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
            return int(value)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int):
            self._refuse(name, "must be a whole number")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        found = self._list(name)
        if not all(isinstance(value, str) for value in found):
            self._refuse(name, "must be a list of texts")
        return tuple(found)

    def mapping(self, name: str) -> dict[str, str]:
        """Return a map of texts, its keys as they are written; values that are no text become JSON."""
        found = self._object(name)
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in found.items()}

    def record(self, name: str) -> Record | None:
        """Return an object, None if there is none or nothing in it."""
        found = self._object(name)
        return Record(found, self.at(name)) if found else None

    def records(self, name: str) -> tuple[Record, ...]:
        """Return a list of objects."""
        found = self._list(name)
        for n, value in enumerate(found):
            if not isinstance(value, dict):
                raise InvalidExport(f"{self.at(name)}[{n}]", f"must be an object, not {shown(value)}")
        return tuple(Record(value, f"{self.at(name)}[{n}]") for n, value in enumerate(found))

    def unread(self) -> Iterator[str]:
        """Yield the names of fields that hold something and were not read."""
        yield from (name for spelt, (name, _) in self._fields.items() if spelt not in self._read)

    def _take(self, name: str) -> Any:
        spelt = _spelling(name)
        self._read.add(spelt)
        return self._fields.get(spelt, (name, None))[1]

    def _list(self, name: str) -> list[Any]:
        value = self._take(name)
        return value if isinstance(value, list) else [] if value is None else self._refuse(name, "must be a list")

    def _object(self, name: str) -> dict[str, Any]:
        value = self._take(name)
        return value if isinstance(value, dict) else {} if value is None else self._refuse(name, "must be an object")

    def _refuse(self, name: str, allowed: str) -> NoReturn:
        raise InvalidExport(self.at(name), f"{allowed}, not {shown(self._fields[_spelling(name)][1])}")


def read_export(text: str | bytes) -> tuple[Record, ...]:
    """Return the jobs in a JSON text; InvalidExport says what is wrong and where."""
    if len(text) > MAX_BYTES:
        raise InvalidExport("", f"is larger than {MAX_BYTES} bytes")
    try:
        data = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise InvalidExport(f"line {error.lineno}, column {error.colno}", f"is not JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise InvalidExport(f"byte {error.start}", "is not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise InvalidExport("", f"is not JSON that can be read: {error}") from error
    return jobs_of(data)


def jobs_of(data: object) -> tuple[Record, ...]:
    """Return the jobs in JSON values; InvalidExport says what is wrong and where."""
    _check_bounds(data)
    place, found = "", data
    if isinstance(data, dict) and (key := next((key for key in data if _spelling(key) == "jobs"), None)):
        place, found = key, data[key] if data[key] is not None else []
    if isinstance(found, dict) and not place:
        return (Record(found, ""),)
    if not isinstance(found, list):
        raise InvalidExport(place, f'must be a job, a list of jobs or {{"Jobs": […]}}, not {shown(found)}')
    if len(found) > MAX_JOBS:
        raise InvalidExport(place, f"holds {len(found)} jobs, allowed are {MAX_JOBS}")
    for n, job in enumerate(found):
        if not isinstance(job, dict):
            raise InvalidExport(f"{place}[{n}]", f"must be a job, which is an object, not {shown(job)}")
    return tuple(Record(job, f"{place}[{n}]") for n, job in enumerate(found))


def _spelling(name: str) -> str:
    return name.replace("_", "").lower()


def _is_empty(value: object) -> bool:
    """Say whether protobuf would leave the value out: null, false, 0 and what holds nothing."""
    return value is None or value is False or value in ("", 0, [], {})


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} comes twice in one object")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _check_bounds(data: object) -> None:
    """Raise InvalidExport unless the values are few, not deep, and of a form that every part of Rota can hold."""
    left = MAX_VALUES
    pending: list[tuple[object, int]] = [(data, 0)]
    while pending:
        value, depth = pending.pop()
        left -= 1
        if left < 0:
            raise InvalidExport("", f"holds more than {MAX_VALUES} values")
        if depth > MAX_DEPTH:
            raise InvalidExport("", f"is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            pending += [(part, depth + 1) for pair in value.items() for part in pair]
        elif isinstance(value, list):
            pending += [(item, depth + 1) for item in value]
        elif isinstance(value, str) and (found := _FORBIDDEN.search(value)):
            raise InvalidExport("", f"{shown(value)} must not hold the character {found[0]!r}")
        elif isinstance(value, int | float) and not abs(value) < _MAX_NUMBER:
            raise InvalidExport("", f"the number {shown(value)} does not fit into 64 bits")

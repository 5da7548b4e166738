"""What differs between two definitions, field by field, for people and for merging.

Entries of a list that have an `id`, as steps do, are compared with their namesake wherever it stands; a list without
ids is one value. Definitions are plain JSON: `rota.jobs.Job.definition` gives them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field that differs; `path` is written as `steps[purge].with.older_than`. What is not there is None."""

    path: str
    kind: Kind
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        if self.kind == "added":
            return f"{self.path}: added {_short(self.after)}"
        if self.kind == "removed":
            return f"{self.path}: removed {_short(self.before)}"
        return f"{self.path}: {_short(self.before)} → {_short(self.after)}"


def differences(before: Any, after: Any) -> list[Difference]:
    """Return what has to be changed to get from one definition to the other, in the order of the fields."""
    return list(_between(before, after, ""))


def by_id(value: Any) -> dict[str, Any] | None:
    """Return the entries of a list by their ids, in order; None if it is no list, or not all have one of their own."""
    if not isinstance(value, list) or not value:
        return None
    named = {entry["id"]: entry for entry in value if isinstance(entry, dict) and isinstance(entry.get("id"), str)}
    return named if len(named) == len(value) else None


def _between(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if _same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_fields(before, after, path, "{}.{}" if path else "{}{}")
        return
    old, new = by_id(before), by_id(after)
    if old is None or new is None:
        yield Difference(path=path, kind="changed", before=before, after=after)
        return
    yield from _of_fields(old, new, path, "{}[{}]")
    kept = [each for each in old if each in new]
    if kept != [each for each in new if each in old]:
        yield Difference(path=path, kind="changed", before=", ".join(old), after=", ".join(new))


def _of_fields(before: dict[str, Any], after: dict[str, Any], path: str, form: str) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *after]):
        where = form.format(path, name)
        if name not in after:
            yield Difference(path=where, kind="removed", before=before[name])
        elif name not in before:
            yield Difference(path=where, kind="added", after=after[name])
        else:
            yield from _between(before[name], after[name], where)


def _same(one: Any, other: Any) -> bool:
    # Python takes 1, 1.0 and True for equal, a definition does not.
    return type(one) is type(other) and one == other and repr(one) == repr(other)


def _short(value: Any, limit: int = 80) -> str:
    text = value if isinstance(value, str) and value else repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"

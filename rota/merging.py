"""Three definitions made one: what shipped before, what somebody made of it, and what ships now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rota.differences import by_id

_GONE = object()


@dataclass(frozen=True, slots=True)
class Merged:
    """The result, and the paths at which both sides had changed the same thing: there the edit was kept."""

    definition: dict[str, Any]
    conflicts: tuple[str, ...] = field(default=())


def merge(base: dict[str, Any], edited: dict[str, Any], shipped: dict[str, Any]) -> Merged:
    """Return the edited definition with what changed from `base` to `shipped`.

    Where only one side changed a field, its word counts; where both did, the edit does, and the path is listed. Steps
    are matched by their ids; any other list counts as one value. The result need not be valid: check it.
    """
    merging = _Merging()
    merged = merging.value(base, edited, shipped, "")
    assert isinstance(merged, dict)
    return Merged(merged, tuple(merging.conflicts))


class _Merging:
    """One merge, which collects its conflicts on the way."""

    def __init__(self) -> None:
        self.conflicts: list[str] = []

    def value(self, base: Any, edited: Any, shipped: Any, path: str) -> Any:
        if shipped in (edited, base):
            return edited
        if base == edited:
            return shipped
        if isinstance(edited, dict) and isinstance(shipped, dict):
            fields = {f"{path}.{name}" if path else name: name for name in [*edited, *shipped]}
            return self._parts(base if isinstance(base, dict) else {}, edited, shipped, fields)
        mine, theirs = by_id(edited), by_id(shipped)
        if mine is not None and theirs is not None:
            steps = {f"{path}[{name}]": name for name in [*mine, *theirs]}
            return list(self._parts(by_id(base) or {}, mine, theirs, steps).values())
        self.conflicts.append(path)
        return edited

    def _parts(
        self, base: dict[str, Any], edited: dict[str, Any], shipped: dict[str, Any], names: dict[str, str]
    ) -> dict[str, Any]:
        """Merge what has a name; `names` are given by their paths, in order."""
        found = {
            name: self.value(base.get(name, _GONE), edited.get(name, _GONE), shipped.get(name, _GONE), path)
            for path, name in names.items()
        }
        return {name: value for name, value in found.items() if value is not _GONE}

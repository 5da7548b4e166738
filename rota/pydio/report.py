"""What the conversion of a job says to a person: what was carried over, what changed, what was lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["carried", "changed", "lost"]


class NotCarried(Exception):
    """Raised where a part has no counterpart; `said` is the reason, `todo` what the person may do instead."""

    def __init__(self, said: str, todo: str = "") -> None:
        self.said = said
        self.todo = todo
        super().__init__(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One line of the report; `place` is the field in the export, `todo` what a person may do, empty if nothing."""

    kind: Kind
    place: str
    said: str
    todo: str = ""


@dataclass(slots=True)
class Notes:
    """Gathers the notices of one job."""

    notices: list[Notice] = field(default_factory=list)

    def carried(self, place: str, said: str) -> None:
        """Note what a field has become."""
        self.notices.append(Notice(kind="carried", place=place, said=said))

    def changed(self, place: str, said: str, todo: str = "") -> None:
        """Note what is there and does not mean quite the same."""
        self.notices.append(Notice(kind="changed", place=place, said=said, todo=todo))

    def lost(self, place: str, said: str, todo: str = "") -> None:
        """Note what was left out, why, and what to do."""
        self.notices.append(Notice(kind="lost", place=place, said=said, todo=todo))


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """One job of an export: its definition for Rota, None if nothing of it could be carried over, and the report.

    `missing_actors` are those that the definition names and this installation does not have.
    """

    id: str
    place: str
    name: str
    definition: dict[str, Any] | None
    notices: tuple[Notice, ...]
    missing_actors: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether everything was carried over and can run here."""
        lost = any(notice.kind == "lost" for notice in self.notices)
        return self.definition is not None and not lost and not self.missing_actors

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON, for programs."""
        return {
            "id": self.id,
            "place": self.place,
            "name": self.name,
            "complete": self.is_whole,
            "missing_actors": list(self.missing_actors),
            **{kind: list(self._told(kind)) for kind in ("carried", "changed", "lost")},
            "definition": self.definition,
        }

    def _told(self, kind: str) -> Iterator[dict[str, str]]:
        for notice in self.notices:
            if notice.kind == kind:
                yield {"place": notice.place, "said": notice.said, "todo": notice.todo}

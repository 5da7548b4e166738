"""Where a `compress` that was interrupted goes on: what its checkpoint holds.

A checkpoint is made where the archive so far is safe and the format can go on. Two of them are remembered: where a file
is begun, the second one lies before it, in case it is another file by then.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from actors.archives.packing import Mark
from actors.compressing.outcomes import Counts

_MOST_NAME_BYTES = 2 * 1024
_MOST_STATE_BYTES = 1024


class Look(NamedTuple):
    """What a file that is begun looked like."""

    path: bytes
    size: int
    modified_ns: int


class Pieces(NamedTuple):
    """How much of something is kept beside the archive; see `kept`."""

    number: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A place in the archive behind which another attempt can go on."""

    written: int
    """How many bytes are before it, all of them safe."""
    mark: Mark
    begun: Look | None
    """Of the file that the mark is in the middle of."""
    counts: Counts
    records: Pieces
    lines: Pieces

    @property
    def fits(self) -> bool:
        """Whether it is small enough for a checkpoint."""
        names = (self.mark.name, self.counts.after or b"", self.begun.path if self.begun else b"")
        return max(map(len, names)) <= _MOST_NAME_BYTES and len(repr(self.mark.state)) <= _MOST_STATE_BYTES

    def to_json(self) -> dict[str, Any]:
        """Give it as a JSON value; names may be no UTF-8."""
        return {
            "written": self.written,
            "mark": [_text(self.mark.name), self.mark.offset, dict(self.mark.state)],
            "begun": None if self.begun is None else [_text(self.begun.path), *self.begun[1:]],
            "counts": {**asdict(self.counts), "after": None if self.counts.after is None else _text(self.counts.after)},
            "records": list(self.records),
            "lines": list(self.lines),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Point:
        """Read what `to_json` gave."""
        name, offset, state = given["mark"]
        begun, after = given["begun"], given["counts"]["after"]
        return cls(
            written=given["written"],
            mark=Mark(_bytes(name), offset, state),
            begun=None if begun is None else Look(_bytes(begun[0]), *begun[1:]),
            counts=Counts(**{**given["counts"], "after": None if after is None else _bytes(after)}),
            records=Pieces(*given["records"]),
            lines=Pieces(*given["lines"]),
        )


@dataclass(slots=True, kw_only=True)
class State:
    """What one attempt leaves to the next."""

    goal: bytes = b""
    """The path that was chosen for the archive; empty if none was."""
    folder: bytes = b""
    """The topmost folder that was made for it; empty if none was."""
    points: tuple[Point, ...] = ()
    """The newest first."""
    notes: list[dict[str, str]] = field(default_factory=list)
    size: int | None = None
    """Of the whole archive, once it is whole and only has to get its name."""
    counts: Counts = field(default_factory=Counts)
    """Of the whole archive."""

    def reach(self, point: Point) -> None:
        """Remember a point, and the last one before the file that is begun there."""
        before = [each for each in self.points if each.begun is None or each.begun != point.begun]
        self.points = (point, *before[:1])

    def to_json(self) -> dict[str, Any]:
        """Give it as a JSON value."""
        after = replace(self.counts, after=None)
        return {
            "goal": _text(self.goal),
            # It leads to the goal, and twice so long a path might be too much.
            "folder": len(self.folder),
            "points": [point.to_json() for point in self.points],
            "notes": self.notes,
            "size": self.size,
            "counts": asdict(after),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any] | None) -> State:
        """Read what `to_json` gave; the beginning if there is nothing."""
        if not given:
            return cls()
        return cls(
            goal=_bytes(given["goal"]),
            folder=_bytes(given["goal"])[: given["folder"]],
            points=tuple(map(Point.from_json, given["points"])),
            notes=list(given["notes"]),
            size=given["size"],
            counts=Counts(**given["counts"]),
        )


def _text(path: bytes) -> str:
    return base64.b64encode(path).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)

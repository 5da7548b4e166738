"""What a run does with the generations of an index. Pure: decides, neither reads nor writes."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store.records import IndexRecord
from store.search.engine import Shape


class Way(StrEnum):
    """What is to be done."""

    FOLLOW = "follow"  # the live generation is right: what changed in the catalog is brought in
    BEGIN = "begin"  # another generation is built from the beginning
    RESUME = "resume"  # the one that is being built is built on


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the build of a generation is: what its checkpoint holds."""

    generation: int
    after: bytes | None = None
    """The last folder that is in it, in the order of paths; None if none is."""

    def to_json(self) -> dict[str, Any]:
        """Give it as part of a checkpoint."""
        after = None if self.after is None else b64encode(self.after).decode()
        return {"generation": self.generation, "after": after}

    @classmethod
    def from_json(cls, state: Mapping[str, Any] | None) -> Progress | None:
        """Read it from a checkpoint, if it is in there."""
        if not state or state.get("generation") is None:
            return None
        after = state.get("after")
        return cls(state["generation"], None if after is None else b64decode(after))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and where a build goes on."""

    way: Way
    progress: Progress | None = None
    """For `RESUME` only."""


def plan_run(
    record: IndexRecord, shape: Shape, *, full: bool, progress: Progress | None, is_lost: bool = False
) -> Plan:
    """Decide what a run does; `progress` is that of an earlier attempt of the same task.

    `is_lost` says that what is live cannot be used any more.
    """
    if is_lost:
        return _onward(record, progress) if _is_own_build(record, shape, progress) else Plan(Way.BEGIN)
    if _is_own_build(record, shape, progress):
        return _onward(record, progress)
    if full and (progress is None or progress.generation != record.live):
        return Plan(Way.BEGIN)
    if record.live is None:
        return Plan(Way.BEGIN)
    # A build that another run left behind is worth going on with where the live generation is not what is wanted, or
    # not whole. What it has is compared, so it costs little.
    if record.building_shape == shape and (record.building == record.live or record.live_shape != shape):
        return _onward(record, None)
    return Plan(Way.FOLLOW) if record.live_shape == shape else Plan(Way.BEGIN)


def _is_own_build(record: IndexRecord, shape: Shape, progress: Progress | None) -> bool:
    return progress is not None and progress.generation == record.building and record.building_shape == shape


def _onward(record: IndexRecord, progress: Progress | None) -> Plan:
    assert record.building is not None
    return Plan(Way.RESUME, progress or Progress(record.building))


def lends(live: Shape, wanted: Shape, *, full: bool) -> bool:
    """Say whether texts of the live generation are what the extractors of the wanted one would give."""
    return not full and live.contents and live.extractors == wanted.extractors

"""Decides what makes one folder of the target equal to the same folder of the source. Pure.

Two files agree when their sizes and times do, times compared at the step of the coarser storage. Where time cannot tell
(the target does not keep times, or the source has none) the pair is doubtful, and what was remembered of the last copy
or the contents themselves decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from actors.datasources.globs import Selection
from actors.datasources.paths import join
from actors.datasources.storage import Capabilities, Kind, Row
from rota.datasources import Rules


class Pair(NamedTuple):
    """An entry of the source and the one of the same name in the target."""

    source: Row
    target: Row


class Verdict(StrEnum):
    """What sizes and times say about two files."""

    SAME = "same"  # sizes and times agree
    DIFFERENT = "different"  # sizes or times don't
    DOUBTFUL = "doubtful"  # sizes agree, and times say nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlan:
    """What to do in one folder of the target."""

    same: list[Row] = field(default_factory=list)
    """Files that agree."""
    missing: list[Row] = field(default_factory=list)
    """Files of the source that the target does not have."""
    changed: list[Pair] = field(default_factory=list)
    """Files that differ in size or time."""
    doubtful: list[Pair] = field(default_factory=list)
    """Files of equal size of which time does not tell more."""
    enter: list[tuple[Row, bool]] = field(default_factory=list)
    """Folders of the source, and whether the target has them."""
    gone: list[Row] = field(default_factory=list)
    """Entries of the target that the source does not have."""
    replaced: list[Pair] = field(default_factory=list)
    """Entries that are of another kind in the target."""
    links: list[Row] = field(default_factory=list)
    """Links of the source: no storage can make one, so they and whatever has their name are left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What times can say about files of two storages."""

    step_ns: int
    """Those that differ by less are the same."""
    kept: bool
    """A copy has the time of its source."""

    @classmethod
    def of(cls, source: Capabilities, target: Capabilities) -> Times:
        """Tell from what the two storages can do."""
        return cls(step_ns=max(source.step_ns, target.step_ns, 1), kept=target.keeps_modified)

    def judge(self, pair: Pair) -> Verdict:
        """Say whether two files agree."""
        source, target = pair
        if source.size != target.size:
            return Verdict.DIFFERENT
        if not self.kept or not source.modified_ns:
            return Verdict.DOUBTFUL
        is_same = abs(source.modified_ns - target.modified_ns) < self.step_ns
        return Verdict.SAME if is_same else Verdict.DIFFERENT


class Scope:
    """What of two datasources counts in a mirror: what the patterns of both take.

    So nothing is copied that the target would not show, and nothing removed there that the source would not show.
    """

    def __init__(self, source: Rules, target: Rules) -> None:
        self._selections = (Selection.of(source), Selection.of(target))
        self.takes_all = all(selection.takes_all for selection in self._selections)
        """Whether the patterns leave nothing out."""

    def of(self, folder: bytes, rows: Sequence[Row]) -> Sequence[Row]:
        """Give those rows of a folder that count."""
        if self.takes_all:
            return rows
        return [
            row
            for row in rows
            if all(selection.takes(join(folder, row.name), row.kind) for selection in self._selections)
        ]

    def takes_whole(self, path: bytes, kind: str) -> bool:
        """Say whether an entry counts, the folders that lead to it included."""
        return all(selection.takes_whole(path, kind) for selection in self._selections)


def plan_folder(source: Sequence[Row], target: Sequence[Row], *, times: Times) -> FolderPlan:
    """Compare the rows of a folder in the source with those in the target."""
    plan = FolderPlan()
    there = {row.name: row for row in target}
    for row in source:
        other = there.pop(row.name, None)
        if row.kind == Kind.LINK:
            plan.links.append(row)
        elif other is not None and other.kind != row.kind:
            plan.replaced.append(Pair(row, other))
        elif row.kind == Kind.FOLDER:
            plan.enter.append((row, other is not None))
        elif other is None:
            plan.missing.append(row)
        else:
            _plan_file(plan, Pair(row, other), times)
    plan.gone.extend(there.values())
    return plan


def looks_same(one: Row, other: Row, *, step_ns: int) -> bool:
    """Say whether two rows of one path in one storage are about the same content.

    An etag decides where both have one, for a listing may give times more finely than a question about one entry.
    Inodes don't count: some file systems number anew what they forgot, and an opened file stays what it was.
    """
    if (one.kind, one.size) != (other.kind, other.size):
        return False
    if one.etag and other.etag:
        return one.etag == other.etag
    return abs(one.modified_ns - other.modified_ns) < max(step_ns, 1)


def _plan_file(plan: FolderPlan, pair: Pair, times: Times) -> None:
    match times.judge(pair):
        case Verdict.SAME:
            plan.same.append(pair.source)
        case Verdict.DIFFERENT:
            plan.changed.append(pair)
        case Verdict.DOUBTFUL:
            plan.doubtful.append(pair)

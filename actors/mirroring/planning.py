"""Decides what makes one folder of the target equal to the same folder of the source. Pure.

Two files agree when their sizes and times do, times compared at the step of the coarser storage. Where time cannot tell
(the target does not keep times, or the source has none) the pair is doubtful, and what was remembered of the last copy
or the contents themselves decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from actors.datasources.storage import Kind, Row
from actors.transferring.sides import Pair, Times, Verdict


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


def _plan_file(plan: FolderPlan, pair: Pair, times: Times) -> None:
    match times.judge(pair):
        case Verdict.SAME:
            plan.same.append(pair.source)
        case Verdict.DIFFERENT:
            plan.changed.append(pair)
        case Verdict.DOUBTFUL:
            plan.doubtful.append(pair)

"""Decides what the entries of one folder are called afterwards, and in which order they get there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rota.names import name_problem, numbered

_MOST_NUMBERS = 10_000


class Renaming(NamedTuple):
    """One step of a plan."""

    old: bytes
    new: bytes
    waits: bool
    """Whether the new name is free only when the steps before it are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlan:
    """What is done in one folder."""

    steps: list[Renaming] = field(default_factory=list)
    """In their order."""
    skipped: list[tuple[bytes, str]] = field(default_factory=list)
    """Names that stay, and why."""


def plan_folder(
    names: Iterable[bytes], wanted: Mapping[bytes, bytes], *, numbers: bool, portable: bool = False
) -> FolderPlan:
    """Plan a folder with these names, of which some are `wanted` to become others.

    A name is free if nobody has it or who has it gets another one first. Where it is not, the entry stays, or gets a
    number if `numbers`; so do all but the first, by name, of several that would become one, and those of a circle.
    """
    plan = FolderPlan()
    before = set(names)
    taken = set(before)
    waiting: dict[bytes, bytes] = {}
    promised: set[bytes] = set()
    late: list[tuple[bytes, bytes]] = []
    for old, new in sorted(wanted.items()):
        if new == old:
            continue
        if problem := name_problem(new, portable=portable):
            plan.skipped.append((old, f"the new name {problem}"))
        elif new in promised:
            late.append((old, new))
        else:
            waiting[old] = new
            promised.add(new)
    _take(plan, waiting, taken, before)
    for old, new in (*waiting.items(), *late):
        if not numbers:
            plan.skipped.append((old, f"the name {new.decode('utf-8', 'replace')!r} is taken"))
            continue
        free = _free(new, taken)
        plan.steps.append(Renaming(old, free, free in before))
        taken.add(free)
        taken.discard(old)
    return plan


def _take(plan: FolderPlan, waiting: dict[bytes, bytes], taken: set[bytes], before: set[bytes]) -> None:
    """Move to the plan what can get its name, one after the other: each that leaves a name may make room for one."""
    heirs = {new: old for old, new in waiting.items()}
    ready = [old for old, new in waiting.items() if new not in taken]
    while ready:
        old = ready.pop()
        new = waiting.pop(old)
        plan.steps.append(Renaming(old, new, new in before))
        taken.add(new)
        taken.discard(old)
        if old in heirs and heirs[old] in waiting:
            ready.append(heirs[old])


def _free(name: bytes, taken: set[bytes]) -> bytes:
    for number in range(2, _MOST_NUMBERS):
        if (found := numbered(name, number)) not in taken:
            return found
    raise FileExistsError(0, "all names with a number are taken")

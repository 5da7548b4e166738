"""The tree of actions of a job, flattened into steps that need each other.

What a filter lets through goes down the chain, what it rejects goes to FailedFilterActions, and MergeAction waits for
all branches. Where a step cannot be carried over, nothing that comes after it is either: a deletion must never run
because the copy before it was left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rota.jobs import MAX_STEPS
from rota.pydio.actions import PASS, Call, Missing, Translated, translation_of
from rota.pydio.durations import duration_of
from rota.pydio.gates import SELECTORS, Before, gate_of
from rota.pydio.names import identifier, one_line
from rota.pydio.reading import Record
from rota.pydio.report import NotCarried, Notes

_FOLLOWERS = ("ChainedActions", "FailedFilterActions")
_MERGE = "MergeAction"


@dataclass(slots=True)
class Branch:
    """What became of an action and all that follows it.

    `steps` are all ids in it, `ends` those that nothing in it needs; `whole` says that nothing was left out, and
    `conditional` that some step may be skipped.
    """

    steps: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    whole: bool = True
    conditional: bool = False

    def add(self, other: Branch) -> None:
        """Take in what runs beside it."""
        self.steps += other.steps
        self.ends += other.ends
        self.whole &= other.whole
        self.conditional |= other.conditional

    def then(self, other: Branch) -> None:
        """Take in what runs after it."""
        ends = other.ends or self.ends
        self.add(other)
        self.ends = ends


class Chains:
    """Turns the actions of one job into steps; `params` gives the new names of its parameters."""

    def __init__(self, params: Mapping[str, str], notes: Notes) -> None:
        self.steps: list[dict[str, Any]] = []
        self.comments: list[str] = []
        self.asks_trigger = False
        self._params = params
        self._notes = notes

    def convert(self, actions: tuple[Record, ...], merge: Record | None, before: Before) -> Branch:
        """Add the steps of actions that run side by side, and of the one that waits for all of them."""
        branch = Branch()
        for action in actions:
            branch.add(self._action(action, before))
        if merge is not None:
            branch.then(self._merged(merge, branch, before))
        return branch

    def _action(self, action: Record, before: Before) -> Branch:
        failed = action.records("FailedFilterActions")
        try:
            gate = gate_of(action, before, self._params)
        except NotCarried as left_out:
            return self._left_out(action, _missing(action) or left_out, *_FOLLOWERS)
        self.asks_trigger |= gate.asks_trigger
        for name in SELECTORS:
            if action.record(name) is not None:
                self._notes.carried(action.at(name), "what the step is given, and when")
        branch = self._step_and_after(action, gate.accepted)
        branch.conditional |= gate.rejected is not None
        if failed and gate.rejected is not None:
            branch.add(self.convert(failed, None, gate.rejected))
        elif failed:
            self._notes.lost(action.at("FailedFilterActions"), "no filter rejects anything: they never ran")
        return branch

    def _step_and_after(self, action: Record, before: Before) -> Branch:
        chained, merge = action.records("ChainedActions"), action.record(_MERGE)
        breaks = action.flag("BreakAfter")
        try:
            after, branch = self._step(action, before)
        except NotCarried as left_out:
            return self._left_out(action, left_out, "ChainedActions")
        if breaks and (chained or merge):
            self._notes.lost(action.at("BreakAfter"), "what follows never ran in Cells either; left out")
            return branch
        branch.then(self.convert(chained, merge, after))
        return branch

    def _step(self, action: Record, before: Before) -> tuple[Before, Branch]:
        """Add the step of an action; return what the next ones come after."""
        kind, found = action.text("ID"), translation_of(action.text("ID"))
        call = Call(
            step=self._new_id(action.text("Label") or kind.rpartition(".")[2]),
            place=action.place,
            given=action.mapping("Parameters"),
            params=self._params,
            nodes=before.nodes,
            all_datasources=before.all_datasources,
            notes=self._notes,
        )
        timeout = action.text("Timeout")
        self._gather_comments(action)
        if action.flag("Bypass") or found is PASS:
            self._notes.changed(action.place, f"{_name(action)} only hands on what it is given; left out")
            return before, Branch()
        if isinstance(found, Missing):
            raise found.error()
        if len(self.steps) >= MAX_STEPS:
            raise NotCarried(
                f"a job has at most {MAX_STEPS} steps", "make two jobs; one starts by the other's run.succeeded"
            )
        translated = found(call)
        step = self._written(call, translated, before)
        if timeout and (length := duration_of(timeout, action.at("Timeout"), self._notes)):
            step["timeout"] = length
        self.steps.append(step)
        self._notes.carried(action.place, f"the step {call.step}, actor {translated.actor} (was {_name(action)})")
        self._tell_rest(action, call, translated.actor)
        after = Before(needs=(call.step,), nodes=translated.passes_on, all_datasources=before.all_datasources)
        return after, Branch(steps=[call.step], ends=[call.step])

    def _new_id(self, text: str) -> str:
        return identifier(text, {step["id"] for step in self.steps}, default="step")

    def _written(self, call: Call, translated: Translated, before: Before) -> dict[str, Any]:
        step: dict[str, Any] = {"id": call.step, "actor": translated.actor, "with": translated.with_}
        if before.needs:
            step["needs"] = list(before.needs)
        when = before.when()
        if when is not None:
            step["when"] = when
        if translated.for_each is not None:
            step["for_each"] = {"items": translated.for_each}
        return step

    def _tell_rest(self, action: Record, call: Call, actor: str) -> None:
        if call.raw("scope") == "owner":
            call.changed("scope", "the step is not bound to the rights of the job's owner", "see who may run the job")
        for name in call.unread():
            self._notes.lost(f"{action.place}.Parameters.{name}", f"the actor {actor} has no counterpart")
        for name in action.unread():
            self._notes.lost(action.at(name), "has no counterpart")

    def _gather_comments(self, action: Record) -> None:
        described = [action, *(part for name in SELECTORS if (part := action.record(name)) is not None)]
        for part in described:
            said = ": ".join(text for name in ("Label", "Description") if (text := one_line(part.text(name), 500)))
            if said:
                self.comments.append(f"{part.place}: {said}")
            if part is not action and part.has("Timeout"):
                self._notes.lost(part.at("Timeout"), "a filter has no limit of time of its own")

    def _merged(self, merge: Record, branch: Branch, before: Before) -> Branch:
        if not branch.whole or (branch.conditional and not branch.ends):
            return self._left_out(merge, NotCarried("it waits for steps that were left out"), *_FOLLOWERS)
        if not branch.ends:
            return self._action(merge, before)
        self._notes.changed(merge.place, "runs once when all branches have ended, and only if none of them failed")
        ends = tuple(dict.fromkeys(branch.ends))
        after = Before(needs=ends, joins=branch.conditional, all_datasources=before.all_datasources)
        return self._action(merge, after.under(_none_failed(branch.steps, ends)) if branch.conditional else after)

    def _left_out(self, action: Record, why: NotCarried, *followers: str) -> Branch:
        """Report an action that is left out, and all that comes after it."""
        self._notes.lost(action.place, f"{_name(action)}: {why.said}", why.todo)
        merge = action.record(_MERGE)
        after = [follower for name in followers for follower in action.records(name)]
        for follower in (*after, merge) if merge else after:
            self._left_out(follower, NotCarried(f"it comes after {_name(action)}"), *_FOLLOWERS)
        return Branch(whole=False)


def _name(action: Record) -> str:
    return one_line(action.text("ID"), 80) or "an action without ID"


def _missing(action: Record) -> NotCarried | None:
    """Return why there is no counterpart, whatever its filters; None if there is one."""
    found = translation_of(action.text("ID"))
    return found.error() if isinstance(found, Missing) and found is not PASS else None


def _none_failed(steps: list[str], ends: tuple[str, ...]) -> str:
    every = ", ".join(f"steps.{step}.state" for step in dict.fromkeys(steps))
    last = ", ".join(f"steps.{step}.state" for step in ends)
    return f'!("failed" in [{every}]) && "succeeded" in [{last}]'

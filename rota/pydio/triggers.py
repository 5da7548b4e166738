"""Why a job starts: event names, the schedule, hooks and the start of the system become triggers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rota.jobs import MAX_TRIGGERS
from rota.problems import shown
from rota.pydio.events import STARTED, heard
from rota.pydio.filters import JOB_FILTERS, TRIGGER_PARAM, entry_condition, joined
from rota.pydio.names import job_name
from rota.pydio.nodes import Nodes, of_event
from rota.pydio.parameters import typed
from rota.pydio.reading import Record
from rota.pydio.report import NotCarried, Notes
from rota.pydio.schedules import schedule_trigger

_GATED = {"NodeEventFilter": "NODE_CHANGE:", "IdmFilter": "IDM_CHANGE:", "UserEventFilter": "IDM_CHANGE:"}
"""Which events a filter is about; one that is not here is about all of them."""

_HOOK_REST = {"Policies": "whoever has the hook's token may call it"}


@dataclass(slots=True)
class Triggers:
    """The triggers of a job, each with the word by which filters of Cells know it, and the entries of its events."""

    found: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    nodes: Nodes | None = None

    def add(self, word: str, trigger: dict[str, Any]) -> None:
        """Add a trigger unless one says the same; NotCarried if there are too many."""
        if any(trigger == known for _, known in self.found):
            return
        if len(self.found) >= MAX_TRIGGERS:
            raise NotCarried(f"a job has at most {MAX_TRIGGERS} triggers")
        self.found.append((word, trigger))

    def written(self, *, with_words: bool) -> list[dict[str, Any]]:
        """Return them as a definition has them; with words, the run is told which of them started it."""
        if not with_words:
            return [trigger for _, trigger in self.found]
        return [
            {**trigger, "params": {**trigger.get("params", {}), TRIGGER_PARAM: word}} for word, trigger in self.found
        ]


def triggers_of(job: Record, specs: Mapping[str, Any], names: Mapping[str, str], notes: Notes) -> Triggers:
    """Return the triggers of a job; `specs` are its parameters, `names` their names by those in Cells."""
    triggers = Triggers()
    _add_events(job, triggers, notes)
    _add_schedule(job, triggers, notes)
    if job.flag("AutoRestart"):
        triggers.add("start", {"event": STARTED})
        notes.carried(job.at("AutoRestart"), f"event: {STARTED}")
    for hook in job.records("Hooks"):
        try:
            _add_hook(hook, triggers, specs, names, notes)
        except NotCarried as left_out:
            notes.lost(hook.place, left_out.said, left_out.todo)
    return triggers


def _add_schedule(job: Record, triggers: Triggers, notes: Notes) -> None:
    schedule = job.record("Schedule")
    if schedule is None:
        return
    try:
        triggers.add("schedule", schedule_trigger(schedule, notes))
    except NotCarried as left_out:
        notes.lost(schedule.place, left_out.said, left_out.todo)
    for name in schedule.unread():
        notes.lost(schedule.at(name), "has no counterpart")


def _add_events(job: Record, triggers: Triggers, notes: Notes) -> None:
    where, refused = _gates(job, notes)
    place = job.at("EventNames")
    for name in job.texts("EventNames"):
        known = heard(name)
        if known.type is None:
            notes.lost(place, f"{shown(name)}: {known.reason}")
            continue
        if any(name.startswith(gated) for gated in refused):
            notes.lost(place, f"{name}: left out with the filter that says which of these events count")
            continue
        trigger: dict[str, Any] = {"event": known.type}
        if known.is_entry and where:
            trigger["where"] = where
        triggers.add(name, trigger)
        notes.carried(place, f"event: {known.type} (was {name})")
        if known.is_foreign:
            notes.changed(
                place,
                f"Rota does not publish {known.type} itself",
                "let the service that knows publish it: see docs/events.md",
            )
        if known.is_entry:
            triggers.nodes = of_event(_entry_gate(job))
    if triggers.nodes is not None:
        notes.changed(
            place,
            "an event tells of up to 500 entries of one datasource, when a sync has found them; "
            "a run that is started otherwise has none and fails",
        )


def _gates(job: Record, notes: Notes) -> tuple[str, list[str]]:
    """Return the condition on events of entries, and how the names of events begin that cannot be told apart."""
    conditions, refused = [], []
    for name, condition_of in JOB_FILTERS.items():
        selector = job.record(name)
        if selector is None:
            continue
        try:
            conditions.append(condition_of(selector))
            notes.carried(selector.place, "where: of the triggers")
        except NotCarried as left_out:
            notes.lost(selector.place, left_out.said, "add a trigger with where: by hand")
            refused.append(_GATED.get(name, ""))
    return joined(conditions), refused


def _entry_gate(job: Record) -> str:
    selector = job.record("NodeEventFilter")
    return entry_condition(selector) if selector is not None else ""


def _add_hook(
    hook: Record, triggers: Triggers, specs: Mapping[str, Any], names: Mapping[str, str], notes: Notes
) -> None:
    given = hook.text("ApiSlug")
    slug = job_name(given)
    event = f"hook.{slug}"
    presets: dict[str, Any] = {}
    for name, text in hook.mapping("PresetParameters").items():
        value = typed(specs[names[name]], text) if name in names else None
        if value is None:
            notes.lost(
                hook.at("PresetParameters"), f"{shown(name)} is no parameter of the job that takes {shown(text)}"
            )
            continue
        presets[names[name]] = value
    triggers.add(f"hook.{given}", {"event": event, "params": presets} if presets else {"event": event})
    notes.carried(hook.place, f"event: {event}")
    notes.changed(hook.place, "a hook has an address and a token of its own here", f"make it: rota hooks add {slug}")
    if hook.flag("AllowOverridePresets"):
        notes.lost(
            hook.at("AllowOverridePresets"),
            "what a caller sends does not become parameters by itself",
            "name each under params: of the trigger, such as ${event.data.x}",
        )
    for name in hook.unread():
        said = _HOOK_REST.get(name, "has no counterpart")
        notes.lost(hook.at(name), said)

"""Turns jobs of Pydio Cells into definitions for Rota, each with a report of what became of its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from rota.definitions import ActorSpec, parse_definition
from rota.errors import InvalidDefinition
from rota.problems import shown
from rota.pydio.chains import Chains
from rota.pydio.durations import duration_of
from rota.pydio.filters import TRIGGER_PARAM
from rota.pydio.gates import Before
from rota.pydio.names import job_name, one_line, several_lines
from rota.pydio.parameters import declare
from rota.pydio.reading import InvalidExport, Record
from rota.pydio.report import Converted, Notes
from rota.pydio.triggers import triggers_of

SYSTEM_OWNER = "pydio.system.user"
DEFAULT_CONCURRENCY = 20
"""What Cells takes for a MaxConcurrency of 0."""
MOST_CONCURRENCY = 10_000

_TRANSLATED = re.compile(r"[A-Za-z][\w-]*(?:\.[\w-]+)+", re.ASCII)

KEPT_OTHERWISE = {
    "CreatedAt": "Rota notes itself when a job is saved",
    "ModifiedAt": "Rota notes itself when a job is saved",
    "Custom": "Rota notes itself who saved a job",
    "Languages": "Rota writes its states in one language",
    "Tasks": "what has run so far stays in Cells",
    "TasksSilentUpdate": "every run is shown",
    "VersionMeta": "Rota counts versions itself",
}
"""Fields that hold no part of what a job does."""


def convert(jobs: tuple[Record, ...], actors: Mapping[str, ActorSpec]) -> tuple[Converted, ...]:
    """Return what each job has become; `actors` are those of this installation.

    InvalidExport if a field is not of the type that Cells gives it. Every definition that is returned is valid once
    the missing actors are there.
    """
    names: set[str] = set()
    converted = []
    for job in jobs:
        converted.append(_Conversion(job, actors, names).converted())
        names.add(converted[-1].name)
    return tuple(converted)


class _AnyParams(BaseModel):
    """Stands for the parameters of an actor that is not installed here."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, slots=True)
class _AbsentActor:
    name: str
    queue: str = "default"
    params: type[BaseModel] = _AnyParams


class _Conversion:
    """One job on its way; each method writes one part of the definition."""

    def __init__(self, job: Record, actors: Mapping[str, ActorSpec], names: set[str]) -> None:
        self._job = job
        self._actors = actors
        self._notes = Notes()
        self._id = job.text("ID")
        if not self._id:
            raise InvalidExport(job.at("ID"), "is required: a job has an ID")
        self._name = job_name(self._id, names)
        self._made: dict[str, Any] = {"name": self._name}

    def converted(self) -> Converted:
        """Return the definition and the report."""
        if self._name != self._id:
            self._notes.changed(
                self._job.at("ID"), f"is called {self._name}: names are lower-case and each is one job's"
            )
        else:
            self._notes.carried(self._job.at("ID"), f"name: {self._name}")
        self._add_people()
        chains = self._add_work()
        self._add_rules()
        self._add_description(chains.comments)
        self._tell_rest()
        missing: tuple[str, ...] = ()
        definition: dict[str, Any] | None = None
        if chains.steps:
            missing = tuple(sorted({step["actor"] for step in chains.steps} - set(self._actors)))
            definition = self._valid(missing)
        else:
            self._notes.lost(self._job.at("Actions"), "none of its steps can be carried over, so the job cannot be")
        # Of a job that is not written, only the reasons count.
        notices = self._notes.notices if definition else [told for told in self._notes.notices if told.kind == "lost"]
        return Converted(
            id=self._id,
            place=self._job.place,
            name=self._name,
            definition=definition,
            notices=tuple(notices),
            missing_actors=missing,
        )

    def _add_people(self) -> None:
        job, notes = self._job, self._notes
        label, owner = job.text("Label"), job.text("Owner")
        if label:
            self._made["label"] = one_line(label)
            notes.carried(job.at("Label"), f"label: {self._made['label']}")
            if _TRANSLATED.fullmatch(label):
                notes.changed(job.at("Label"), f"{label[:100]} is a key that Cells translates", "write a label")
        if owner == SYSTEM_OWNER:
            owner = "system"
        elif owner == "system":
            owner = ""
            notes.changed(job.at("Owner"), "system would make it a system job; it belongs to admin")
        if one_line(owner) != owner:
            notes.changed(job.at("Owner"), f"{shown(owner)} is written {one_line(owner) or 'admin'}")
        if one_line(owner):
            self._made["owner"] = one_line(owner)
            notes.carried(job.at("Owner"), f"owner: {self._made['owner']}")
        self._made["enabled"] = not job.flag("Inactive")
        if not self._made["enabled"]:
            notes.carried(job.at("Inactive"), "enabled: false")

    def _add_work(self) -> Chains:
        job, notes = self._job, self._notes
        specs, names = declare(job.records("Parameters"), notes)
        triggers = triggers_of(job, specs, names, notes)
        chains = Chains(names, notes)
        branch = chains.convert(job.records("Actions"), job.record("MergeAction"), Before(nodes=triggers.nodes))
        if chains.asks_trigger:
            specs[TRIGGER_PARAM] = {"type": "string", "default": "manual", "description": "What started the run."}
        written = triggers.written(with_words=chains.asks_trigger)
        self._made |= {key: value for key, value in (("triggers", written), ("params", specs)) if value}
        self._made["steps"] = chains.steps
        if chains.steps and not branch.whole and self._made["enabled"]:
            self._made["enabled"] = False
            notes.changed(
                job.at("Actions"),
                "steps were left out, so the job is disabled",
                f"look at it, then: rota jobs enable {self._name}",
            )
        return chains

    def _add_rules(self) -> None:
        job, notes, place = self._job, self._notes, self._job.at("MaxConcurrency")
        limit = min(max(job.number("MaxConcurrency"), 0) or DEFAULT_CONCURRENCY, MOST_CONCURRENCY)
        self._made["overlap"] = "buffer_all"
        if limit == 1:
            notes.carried(place, "overlap: buffer_all, one run after the other")
        else:
            self._made["concurrency"] = {"limit": limit}
            notes.carried(place, f"overlap: buffer_all with concurrency: {{limit: {limit}}}")
            notes.changed(place, f"{limit} is the number of runs at once, everywhere; Cells counts steps, per process")
        if any("repeat" in trigger for trigger in self._made.get("triggers", ())):
            self._made["catch_up"] = {"policy": "skip"}
            notes.carried(job.at("Schedule"), "catch_up: {policy: skip}, as Cells does not catch up either")
        if job.flag("AutoStart"):
            notes.lost(job.at("AutoStart"), "saving a job does not start it", f"start it: rota jobs run {self._name}")
        if job.flag("AutoClean"):
            self._made["keep"] = {"runs": 1, "days": 1}
            notes.changed(
                job.at("AutoClean"),
                "its history is kept for a day and one run; the job itself stays",
                f"when it is done: rota jobs delete {self._name}",
            )
        timeout = job.text("Timeout")
        if timeout and (length := duration_of(timeout, job.at("Timeout"), notes)):
            self._made["timeout"] = length

    def _add_description(self, comments: list[str]) -> None:
        metadata, place = self._job.mapping("Metadata"), self._job.at("Metadata")
        lines = [several_lines(metadata.pop("doc", ""))]
        for name, title in (("Tags", "Tags"), ("GroupPath", "Group")):
            if text := one_line(metadata.pop(name, ""), 500):
                lines.append(f"{title} in Pydio Cells: {text}")
                self._notes.changed(f"{place}.{name}", "stands in the description")
        if comments:
            lines.append("\n".join(("Comments in Pydio Cells:", *comments)))
        for name in metadata:
            self._notes.changed(f"{place}.{one_line(name, 80)}", "is decoration; left out")
        text = several_lines("\n".join(line for line in lines if line))
        if text:
            self._made["description"] = text

    def _tell_rest(self) -> None:
        for name, said in KEPT_OTHERWISE.items():
            if self._job.has(name):
                self._notes.changed(self._job.at(name), said)
        others = {name.lower() for name in KEPT_OTHERWISE}
        for name in self._job.unread():
            if name.replace("_", "").lower() not in others:
                self._notes.lost(self._job.at(name), "has no counterpart")

    def _valid(self, missing: tuple[str, ...]) -> dict[str, Any] | None:
        """Return the definition in the order that people read, None with a notice if Rota would refuse it."""
        ordered = {key: self._made[key] for key in _ORDER if key in self._made}
        known: dict[str, ActorSpec] = {**self._actors, **{name: _AbsentActor(name) for name in missing}}
        try:
            parse_definition(ordered, source=self._id, actors=known)
        except InvalidDefinition as error:
            for problem in error.problems:
                self._notes.lost(self._job.at("Actions"), f"what it would be is not valid: {problem}", "write the job")
            return None
        return ordered


_ORDER = (
    "name",
    "label",
    "owner",
    "description",
    "enabled",
    "triggers",
    "params",
    "steps",
    "overlap",
    "concurrency",
    "catch_up",
    "keep",
    "timeout",
)

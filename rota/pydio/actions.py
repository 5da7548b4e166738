"""What each action of Pydio Cells becomes: one table, an action and the actor that does the same, or why there is none.

An action that has a counterpart is translated by a small function that is given its parameters and its entries, and
returns the step's actor, what stands under `with`, and the entries it passes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rota.pydio.nodes import Nodes, of_result, split_path
from rota.pydio.report import NotCarried, Notes
from rota.pydio.templates import fill_in

EACH = "${item}"


@dataclass(slots=True)
class Call:
    """One action with its parameters; those that nobody asked for are reported."""

    step: str
    place: str
    given: Mapping[str, str]
    params: Mapping[str, str]
    nodes: Nodes | None
    all_datasources: bool
    notes: Notes
    _read: set[str] = field(default_factory=set)

    def raw(self, name: str) -> str:
        """Return a parameter as it is written, empty if there is none."""
        self._read.add(name)
        return self.given.get(name, "").strip()

    def text(self, name: str) -> str:
        """Return a parameter with its templates as expressions."""
        return fill_in(self.raw(name), self.params)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a parameter that is true or false."""
        found = self.raw(name).lower()
        if found not in ("", "true", "false"):
            raise NotCarried(f"{name} is {found[:80]!r}, neither true nor false")
        return found == "true" if found else default

    def changed(self, name: str, said: str, todo: str = "") -> None:
        """Note that a parameter does not mean quite the same."""
        self.notes.changed(f"{self.place}.Parameters.{name}", said, todo)

    def entries(self) -> Nodes:
        """Return the entries to work on; NotCarried if none are known."""
        if self.nodes is None:
            raise NotCarried(
                "it is given no entries: neither an event, nor a list of paths, nor the step before has any",
                "write datasource and paths of the step",
            )
        return self.nodes

    def unread(self) -> list[str]:
        """Return the parameters with a value that nobody asked for."""
        return sorted(name for name in self.given.keys() - self._read if self.given[name].strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """What an action becomes; `passes_on` are the entries that the next steps are given."""

    actor: str
    with_: dict[str, Any]
    for_each: str | None = None
    passes_on: Nodes | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """Why an action has no counterpart, and what may be done instead."""

    reason: str
    todo: str = ""

    def error(self) -> NotCarried:
        """Return the same as what is raised."""
        return NotCarried(self.reason, self.todo)


PASS = Missing("does nothing but hand on what it is given; left out")
"""Stands for actions that may be left out without any loss to the steps after them."""


def _compress(call: Call) -> Translated:
    nodes = call.entries()
    with_: dict[str, Any] = {"datasource": nodes.datasource, "paths": nodes.paths}
    kind = call.raw("format")
    if kind and kind != "detect":
        with_["format"] = kind
    _add_target(call, with_, nodes.datasource)
    return Translated(actor="compress", with_=with_, passes_on=of_result(call.step, nodes.datasource))


def _extract(call: Call) -> Translated:
    nodes = call.entries()
    kind = call.raw("format")
    if kind and kind != "detect":
        call.changed("format", f"the format ({kind}) is found out from the archive itself")
    with_: dict[str, Any] = {"datasource": nodes.datasource, "path": nodes.single or EACH}
    _add_target(call, with_, nodes.datasource)
    if nodes.single:
        return Translated(actor="extract", with_=with_)
    if "${" in nodes.items:
        raise NotCarried("several of its paths hold templates", "write one step for each of them")
    call.notes.changed(call.place, "extracts every archive that it is given, where Cells takes the first only")
    return Translated(actor="extract", with_=with_, for_each=nodes.items)


def _add_target(call: Call, with_: dict[str, Any], datasource: str) -> None:
    target = call.raw("target")
    if not target:
        return
    other, with_["target"] = split_path(target, call.params)
    if other != datasource:
        raise NotCarried(
            f"its target is in the datasource {other}, its entries in {datasource}", "add a step with the actor copy"
        )


def _copy_or_move(call: Call) -> Translated:
    nodes = call.entries()
    actor = call.raw("type") or "copy"
    if actor not in ("copy", "move"):
        raise NotCarried(f"its type {actor[:80]!r} is neither copy nor move")
    datasource, target = split_path(call.raw("target"), call.params)
    if not call.flag("targetParent", default=True):
        raise NotCarried(
            "its target is the new path itself (targetParent is false), not the folder to put entries into",
            "write a step with the folder as target",
        )
    with_ = {"datasource": nodes.datasource, "paths": nodes.paths, "target": target}
    if datasource != nodes.datasource:
        with_["target_datasource"] = datasource
    if not call.flag("create", default=True):
        call.changed("create", "a target folder that is not there is made")
    if call.raw("recursive") == "false":
        raise NotCarried("it copies folders without what is in them (recursive is false)")
    call.notes.changed(
        call.place, "a name that is taken is dealt with as conflict says; Cells adds a number", "set conflict"
    )
    return Translated(actor=actor, with_=with_)


def _delete(call: Call) -> Translated:
    nodes = call.entries()
    if call.flag("childrenOnly", default=False):
        raise NotCarried(
            "it empties folders and keeps them (childrenOnly), which no actor does",
            "for a recycle bin use the actor purge, with datasource and older_than",
        )
    if call.flag("ignoreNonExisting", default=False):
        call.changed("ignoreNonExisting", "whether a path that is gone is an error is for the actor to say")
    return Translated(actor="delete", with_={"datasource": nodes.datasource, "paths": nodes.paths})


def _hash(call: Call) -> Translated:
    nodes = call.entries()
    with_: dict[str, Any] = {"datasource": nodes.datasource, "paths": nodes.paths}
    kind = call.raw("hashType")
    if kind and kind != "cells":
        with_["algorithm"] = kind
    else:
        call.changed("hashType", "the hash that Cells makes of its own is not made; the actor's default is")
    call.flag("forceRecompute", default=False)
    return Translated(actor="hash", with_=with_, passes_on=nodes)


_SYNC = re.compile(r"(?:[\w.]*\.)?data\.sync\.(?P<datasource>\{\{.*\}\}|[^.]+)")
_SEARCH = re.compile(r"(?:[\w.]*\.)?search")
_EVERY_DATASOURCE = re.compile(r"\{\{\s*\.DataSource\.Name\s*\}\}")


def _resync(call: Call) -> Translated:
    service, path = call.raw("service"), call.text("path").strip("/")
    if path.rpartition("/")[2] == "snapshot.db":
        raise NotCarried(
            "it dumps the index of a flat storage, which Rota does not need: the catalog is in its own database",
            "back up the database",
        )
    if _SEARCH.fullmatch(service):
        return Translated(actor="index", with_={"datasource": "*", "full": True})
    found = _SYNC.fullmatch(service)
    if found is None:
        raise NotCarried(f"the service {service[:100]!r} is neither the sync of a datasource nor the search")
    datasource = found["datasource"]
    if _EVERY_DATASOURCE.fullmatch(datasource) and call.all_datasources:
        datasource = "*"
    with_: dict[str, Any] = {"datasource": fill_in(datasource, call.params)}
    if path:
        with_["path"] = path
    if call.flag("dry-run", default=False):
        with_["dry_run"] = True
    return Translated(actor="sync", with_=with_)


def _prune(call: Call) -> Translated:
    number = call.raw("number") or "50"
    if not re.fullmatch(r"[1-9]\d{0,8}", number, re.ASCII):
        raise NotCarried(f"its number {number[:80]!r} is no number of runs")
    call.notes.changed(
        call.place,
        f"keeps {number} runs of every job, whatever their state; Cells never prunes those that failed",
        "set keep in a job that needs another number",
    )
    return Translated(actor="prune", with_={"runs": int(number)})


def _sleep(call: Call) -> Translated:
    timer = call.raw("timer") or "10"
    if not re.fullmatch(r"\d{1,9}", timer, re.ASCII):
        raise NotCarried(f"its timer {timer[:80]!r} is no number of seconds")
    return Translated(actor="sleep", with_={"seconds": int(timer)}, passes_on=call.nodes)


_MAIL = Missing("Rota sends no mail", "call a service that does, with the actor http")
_IDENTITY = Missing("Rota knows nothing of Cells' users and their rights", "leave it to Cells")
_USERS = Missing(
    "Rota knows nothing of Cells' users and their rights",
    "leave it to Cells, or publish user.removed for the job clean-removed-user",
)
_VERSIONS = Missing("Rota keeps no versions of files", "leave it to Cells, or to snapshots of the storage")
_IMAGES = Missing("Rota makes no thumbnails and reads no image data", "leave it to Cells, or write an actor")
_METADATA = Missing("Rota keeps no metadata of people's making", "leave it to Cells")
_COMMANDS = Missing("Rota runs no commands and no scripts of a definition", "write an actor: see docs/actors.md")

ACTIONS: Mapping[str, Callable[[Call], Translated] | Missing] = {
    "actions.archive.compress": _compress,
    "actions.archive.extract": _extract,
    "actions.tree.copymove": _copy_or_move,
    "actions.tree.delete": _delete,
    "actions.tree.cells-hash": _hash,
    "actions.cmd.resync": _resync,
    "actions.internal.prune-jobs": _prune,
    "actions.test.fake": _sleep,
    "actions.test.log-input": PASS,
    "actions.tree.meta": _METADATA,
    "actions.tree.snapshot": Missing("Rota dumps no trees", "ask the API for the entries of a datasource"),
    "actions.tree.datasource-attribute": _METADATA,
    "actions.tree.middleware-meta": _METADATA,
    "actions.cmd.rpc": Missing(
        "a service's internal call cannot be reached from outside of Cells",
        "if the service has an address for HTTP, call it with the actor http",
    ),
    "actions.cmd.wget": Missing(
        "no actor downloads into a datasource: http calls an address and keeps the answer", "write an actor"
    ),
    "actions.cmd.shell": _COMMANDS,
    "actions.cmd.capture": _COMMANDS,
    "actions.script": _COMMANDS,
    "actions.images.thumbnails": _IMAGES,
    "actions.images.exif": _IMAGES,
    "actions.images.clean": _IMAGES,
    "actions.idm.clean-user-data": _USERS,
    "actions.idm.clean-expired-acl": _IDENTITY,
    "actions.auth.prune.tokens": _IDENTITY,
    "actions.versioning.create": _VERSIONS,
    "actions.versioning.prune": _VERSIONS,
    "actions.versioning.on-delete": _VERSIONS,
    "broker.activity.actions.mail-digest": _MAIL,
    "actions.changes.archive": Missing("it belongs to a version of Cells that is gone", "drop the job"),
}
"""Every action that is known, with its translation or the reason why there is none."""

FAMILIES: Mapping[str, Missing] = {
    "actions.idm.": _IDENTITY,
    "actions.etl.": _IDENTITY,
    "actions.images.": _IMAGES,
    "actions.versioning.": _VERSIONS,
    "actions.cmd.": _COMMANDS,
    "actions.mail.": _MAIL,
}
"""The reason for actions that are not in the table, by how their names begin."""


def translation_of(action: str) -> Callable[[Call], Translated] | Missing:
    """Return what an action becomes, or why it becomes nothing."""
    family = (reason for beginning, reason in FAMILIES.items() if action.startswith(beginning))
    return ACTIONS.get(action) or next(family, Missing("the action is not known", "write an actor"))

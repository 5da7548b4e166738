"""What an action is given: the entries that its selector and filters let through, and what they reject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rota.pydio.filters import datasource_condition, entry_condition, joined, negated, some_entry, trigger_condition
from rota.pydio.nodes import Nodes, of_event, selected
from rota.pydio.reading import Record
from rota.pydio.report import NotCarried

SELECTORS = ("NodesSelector", "NodesFilter", "TriggerFilter", "DataSourceFilter", "DataSourceSelector")
_REFUSED = (
    "IdmFilter",
    "IdmSelector",
    "UsersFilter",
    "UsersSelector",
    "DataFilter",
    "DataSelector",
    "ContextMetaFilter",
    "ActionOutputFilter",
)
"""What asks for things that Rota does not know of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What comes before a step: the steps it needs, the entries it is given, and the conditions it waits for.

    `joins` says that the conditions tell by themselves how the needed steps must have ended.
    """

    needs: tuple[str, ...] = ()
    nodes: Nodes | None = None
    conditions: tuple[str, ...] = ()
    joins: bool = False
    all_datasources: bool = False

    def under(self, condition: str) -> Before:
        """Return the same with one more condition."""
        return replace(self, conditions=(*self.conditions, condition))

    def when(self) -> str | None:
        """Return the condition of a step that comes next, None if it is enough that all it needs succeeded."""
        if not self.conditions:
            return None
        ended = () if self.joins else tuple(f'steps.{needed}.state == "succeeded"' for needed in self.needs)
        return joined((*ended, *self.conditions))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What passes the filters of an action, and what does not; `rejected` is None if nothing is ever rejected."""

    accepted: Before
    rejected: Before | None = None
    asks_trigger: bool = False


def gate_of(action: Record, before: Before, params: Mapping[str, str]) -> Gate:
    """Return what the selectors and filters of an action make of what comes before it.

    NotCarried if one of them has no counterpart, because the action would be given too much without it.
    """
    for name in _REFUSED:
        selector = action.record(name)
        if selector is not None and not _asks_for_success(selector):
            raise NotCarried(f"its {name} has no counterpart", "write a condition as when:")
    accepted = _loaded(action, before, params)
    gates: list[Gate] = []
    for pass_through in (_by_trigger, _by_datasource, _by_entry):
        gate = pass_through(action, accepted)
        if gate is not None:
            gates.append(gate)
            accepted = gate.accepted
    if len(gates) > 1 and action.has("FailedFilterActions"):
        raise NotCarried("several filters together decide about FailedFilterActions", "write a step for each")
    return Gate(
        accepted=accepted,
        rejected=gates[0].rejected if gates else None,
        asks_trigger=any(gate.asks_trigger for gate in gates),
    )


def _loaded(action: Record, before: Before, params: Mapping[str, str]) -> Before:
    selector, datasources = action.record("NodesSelector"), action.record("DataSourceSelector")
    if selector is not None:
        before = replace(before, nodes=selected(selector, before.nodes, params))
    if datasources is not None:
        if not datasources.flag("All") or datasources.has("Query"):
            raise NotCarried("its DataSourceSelector has no counterpart", "write one step for each datasource")
        before = replace(before, all_datasources=True)
    return before


def _by_trigger(action: Record, before: Before) -> Gate | None:
    selector = action.record("TriggerFilter")
    asked = trigger_condition(selector) if selector is not None else ""
    return _gate(before, asked, asks_trigger=True) if asked else None


def _by_datasource(action: Record, before: Before) -> Gate | None:
    selector = action.record("DataSourceFilter")
    asked = datasource_condition(selector) if selector is not None else ""
    if not asked:
        return None
    _entries_of_event(before, "DataSourceFilter")
    return _gate(before, asked)


def _by_entry(action: Record, before: Before) -> Gate | None:
    """Divide the entries of the event into those that pass and the others."""
    selector = action.record("NodesFilter")
    asked = entry_condition(selector) if selector is not None else ""
    if not asked:
        return None
    known = _entries_of_event(before, "NodesFilter")
    passing, others = (joined((known, part)) for part in (asked, negated(asked)))
    return Gate(
        accepted=replace(before, nodes=of_event(passing)).under(some_entry(passing)),
        rejected=replace(before, nodes=of_event(others)).under(some_entry(others)),
    )


def _entries_of_event(before: Before, name: str) -> str:
    """Return what is asked already of the entries of the event; NotCarried if the entries are not from an event."""
    if before.nodes is None or before.nodes.condition is None:
        raise NotCarried(
            f"its {name} looks at entries that are not from an event", "let the job start by entry.* events"
        )
    return before.nodes.condition


def _asks_for_success(selector: Record) -> bool:
    """Say whether a filter asks only that the action before succeeded, without which no step is reached anyway."""
    query = selector.record("Query")
    asked = query.records("SubQueries") if query is not None else ()
    for each in asked:
        each.text("@type")
    return bool(asked) and all(each.flag("IsSuccess") and not list(each.unread()) for each in asked)


def _gate(before: Before, asked: str, *, asks_trigger: bool = False) -> Gate:
    return Gate(accepted=before.under(asked), rejected=before.under(negated(asked)), asks_trigger=asks_trigger)

"""Filters of Pydio Cells as CEL: what is asked of each entry of an event, of the trigger, and of an event as a whole.

A filter holds a query: subqueries joined by OR or AND, each a protobuf message named by `@type`. One field that has no
counterpart makes the whole filter one that cannot be carried over, because half a filter lets too much through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping

from rota.pydio.reading import Record
from rota.pydio.report import NotCarried

ENTRY = "e"
"""What conditions on entries call the entry at hand."""
TRIGGER_PARAM = "cells_trigger"
"""The run parameter that says which trigger started the run; declared where a filter asks for it."""

Condition = Callable[[Record, str], str]
"""Turns one field of a query into CEL."""

_DECORATION = ("Label", "Description", "Timeout")
_ENTRIES = "event.data.entries"


def entry_condition(selector: Record) -> str:
    """Return what a NodesFilter asks of each entry, empty if it asks nothing."""
    return _condition(selector, "tree.Query", _ENTRY_FIELDS)


def trigger_condition(selector: Record) -> str:
    """Return what a TriggerFilter asks of the run's parameters, empty if it asks nothing."""
    return _condition(selector, "jobs.TriggerFilterQuery", _TRIGGER_FIELDS)


def datasource_condition(selector: Record) -> str:
    """Return what a DataSourceFilter asks of an event, empty if it asks nothing."""
    return _condition(selector, "object.DataSourceSingleQuery", _DATASOURCE_FIELDS)


def some_entry(condition: str) -> str:
    """Return the condition on an event that some entry passes."""
    return f"{_ENTRIES}.exists({ENTRY}, {condition})"


def paths_of_entries(condition: str) -> str:
    """Return the list of the paths of those entries of an event that pass; all of them without a condition."""
    return f"{_ENTRIES}.map({ENTRY}, {condition + ', ' if condition else ''}{ENTRY}.path)"


def negated(condition: str) -> str:
    """Return the opposite."""
    return f"!({condition})"


def joined(conditions: Iterable[str]) -> str:
    """Return the condition that all of them hold, empty for none."""
    found = list(dict.fromkeys(condition for condition in conditions if condition))
    return found[0] if len(found) == 1 else " && ".join(f"({condition})" for condition in found)


def quoted(text: str) -> str:
    """Return a text as CEL writes it; NotCarried if Cells would have filled in a template there."""
    if "{{" in text:
        raise NotCarried(f"it holds a template: {text[:100]!r}", "write the condition, such as params.x")
    return json.dumps(text, ensure_ascii=False)


def _condition(selector: Record, kind: str, fields: Mapping[str, Condition]) -> str:
    _read_selector(selector)
    query = selector.record("Query")
    if query is None:
        return ""
    operator = " && " if query.text("Operation").upper() in ("AND", "1") else " || "
    parts = [_subquery(subquery, kind, fields) for subquery in query.records("SubQueries")]
    for name in query.unread():
        raise NotCarried(f"its query uses {name}, which has no counterpart")
    return parts[0] if len(parts) == 1 else operator.join(f"({part})" for part in parts)


def _read_selector(selector: Record) -> None:
    for name in _DECORATION:
        selector.text(name)
    for name in ("All", "Collect", "FanOutInput", "ClearInput"):
        selector.flag(name)
    selector.text("Type")
    for name in selector.unread():
        if name.lower() != "query":
            raise NotCarried(f"{name} has no counterpart")


def _subquery(query: Record, kind: str, fields: Mapping[str, Condition]) -> str:
    named = query.text("@type").rpartition("/")[2]
    if named and named != kind:
        raise NotCarried(f"it asks for {named}, which has no counterpart")
    opposite = query.flag("Not")
    parts = [condition(query, name) for name, condition in fields.items() if query.has(name)]
    for name in query.unread():
        raise NotCarried(f"it asks for {name}, which has no counterpart")
    if not parts:
        raise NotCarried("it holds a query that asks for nothing")
    return negated(joined(parts)) if opposite else joined(parts)


def _extension(query: Record, name: str) -> str:
    endings = [part.strip().lstrip(".") for part in query.text(name).split(",")]
    if not all(re.fullmatch(r"\w{1,20}", ending, re.ASCII) for ending in endings):
        raise NotCarried(f"the extensions {query.text(name)[:100]!r} are not plain")
    # A regular expression that ignores case takes ten times as long over an event of 500 entries.
    spelt = dict.fromkeys(way for ending in endings for way in (ending.lower(), ending.upper(), ending.capitalize()))
    return " || ".join(f"{ENTRY}.path.endsWith({quoted('.' + ending)})" for ending in spelt)


def _size(operator: str) -> Condition:
    return lambda query, name: f"{ENTRY}.size {operator} {query.number(name)}"


def _kind(query: Record, name: str) -> str:
    kind = {"LEAF": "file", "1": "file", "COLLECTION": "folder", "2": "folder"}.get(query.text(name))
    if kind is None:
        raise NotCarried(f"the type {query.text(name)[:100]!r} has no counterpart")
    return f"{ENTRY}.kind == {quoted(kind)}"


def _below(query: Record, name: str) -> str:
    return " || ".join(f"({_below_one(prefix)})" for prefix in query.texts(name))


def _below_one(prefix: str) -> str:
    datasource, _, path = prefix.strip("/").partition("/")
    here = f"event.data.datasource == {quoted(datasource)}"
    if not path:
        return here
    return f"{here} && ({ENTRY}.path == {quoted(path)} || {ENTRY}.path.startsWith({quoted(path + '/')}))"


def _event_of_entries(selector: Record) -> str:
    condition = entry_condition(selector)
    return some_entry(condition) if condition else ""


def _of_identities(_: Record) -> str:
    raise NotCarried("it asks for users, roles or workspaces, which Rota does not know")


def _of_requests(_: Record) -> str:
    raise NotCarried("it asks for the request and its user, which events do not tell")


def _triggered_by(test: str) -> Condition:
    return lambda query, name: f"params.{TRIGGER_PARAM}{test}" if query.flag(name) else "true"


def _triggered_by_hook(query: Record, name: str) -> str:
    return f"params.{TRIGGER_PARAM} == {quoted('hook.' + query.text(name))}"


def _triggered_by_event(query: Record, name: str) -> str:
    return f"params.{TRIGGER_PARAM} in {json.dumps(query.texts(name), ensure_ascii=False)}"


def _named(query: Record, name: str) -> str:
    return f"event.data.datasource == {quoted(query.text(name))}"


_ENTRY_FIELDS: Mapping[str, Condition] = {
    "Extension": _extension,
    "MinSize": _size(">="),
    "MaxSize": _size("<="),
    "Type": _kind,
    "PathPrefix": _below,
}
_TRIGGER_FIELDS: Mapping[str, Condition] = {
    "IsSchedule": _triggered_by(' == "schedule"'),
    "IsManual": _triggered_by(' == "manual"'),
    "IsApiHook": _triggered_by('.startsWith("hook.")'),
    "ApiHookSlug": _triggered_by_hook,
    "EventNames": _triggered_by_event,
}
_DATASOURCE_FIELDS: Mapping[str, Condition] = {"Name": _named}

JOB_FILTERS: Mapping[str, Callable[[Record], str]] = {
    "NodeEventFilter": _event_of_entries,
    "DataSourceFilter": datasource_condition,
    "IdmFilter": _of_identities,
    "UserEventFilter": _of_identities,
    "ContextMetaFilter": _of_requests,
}
"""What gates the events of a job, with what makes it a condition on the event."""

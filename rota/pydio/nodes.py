"""Which entries a step works on: those of the event, those that were listed, or what the step before has made.

Cells passes nodes from action to action; a path there begins with its datasource. Here a step names both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rota.pydio.filters import paths_of_entries, quoted
from rota.pydio.reading import Record
from rota.pydio.report import NotCarried
from rota.pydio.templates import fill_in

_TOLD = ("Label", "Description", "Timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """Where a step finds its entries, all of one datasource.

    `paths` is what stands under `paths` in a step; `items` is the same as a CEL list, for a step of each entry.
    `condition` is what is asked of the entries of the event; None if they are not from the event.
    """

    datasource: str
    paths: Any
    items: str
    single: str | None = None
    condition: str | None = None


def of_event(condition: str = "") -> Nodes:
    """Return the entries of the event that pass a condition."""
    items = paths_of_entries(condition)
    return Nodes(datasource="${event.data.datasource}", paths=f"${{{items}}}", items=items, condition=condition)


def of_paths(paths: tuple[str, ...], params: Mapping[str, str]) -> Nodes:
    """Return entries that are listed by path; NotCarried if they are not all in one datasource."""
    split = [split_path(path, params) for path in paths]
    datasources = {datasource for datasource, _ in split}
    if len(datasources) > 1:
        raise NotCarried("its paths are in several datasources", "write one step for each of them")
    inside = [path for _, path in split]
    items = f"[{', '.join(quoted(path) for path in inside)}]"
    return Nodes(datasource=datasources.pop(), paths=inside, items=items, single=inside[0] if len(split) == 1 else None)


def of_result(step: str, datasource: str) -> Nodes:
    """Return the one entry that a step has made."""
    path = f"steps.{step}.result.path"
    return Nodes(datasource=datasource, paths=[f"${{{path}}}"], items=f"[{path}]", single=f"${{{path}}}")


def split_path(path: str, params: Mapping[str, str]) -> tuple[str, str]:
    """Return datasource and path within it; NotCarried if it does not begin with the name of a datasource."""
    datasource, _, inside = path.strip().strip("/").partition("/")
    if not datasource or "{" in datasource:
        raise NotCarried(
            f"{path[:100]!r} does not begin with the name of a datasource", "write datasource and path of the step"
        )
    return datasource, fill_in(inside, params) or "/"


def selected(selector: Record, given: Nodes | None, params: Mapping[str, str]) -> Nodes | None:
    """Return the entries that a NodesSelector loads; NotCarried if it searches for them."""
    for name in _TOLD:
        selector.text(name)
    paths = selector.texts("Pathes") or selector.texts("Paths")
    iterates, clears = selector.flag("FanOutInput"), selector.flag("ClearInput")
    selector.flag("Collect")  # all in one run or one run for each: the actors take a list, or the step has for_each
    if selector.flag("All") or selector.has("Query"):
        raise NotCarried(
            "it searches all datasources for entries, which no step does here",
            "list the paths, or let the job start by entry.* events",
        )
    for name in selector.unread():
        raise NotCarried(f"{name} has no counterpart")
    if paths:
        return of_paths(paths, params)
    if clears and not iterates:
        return None
    return given

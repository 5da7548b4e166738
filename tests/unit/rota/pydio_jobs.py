"""Jobs of Pydio Cells for tests, and the actors that Rota will have, with the parameters that the design promises."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import ConfigDict, create_model

from rota.definitions import ActorSpec
from rota.pydio.conversion import convert
from rota.pydio.reading import read_export
from rota.pydio.report import Converted

FOLDER = Path(__file__).resolve().parents[2] / "data" / "pydio"
"""One file for each job that Cells brings or makes."""

_PARAMS = {
    "sync": "datasource path dry_run hash",
    "index": "datasource full",
    "purge": "datasource older_than max_size max_items user dry_run",
    "compress": "datasource paths format target level password",
    "extract": "datasource path target members conflict password",
    "copy": "datasource paths target target_datasource conflict",
    "move": "datasource paths target target_datasource conflict",
    "delete": "datasource paths",
    "hash": "datasource paths algorithm",
    "prune": "runs days",
    "http": "url method headers",
    "sleep": "seconds",
}


def _actor(name: str, params: str) -> Any:
    fields: dict[str, Any] = dict.fromkeys(params.split(), (Any, None))
    model = create_model(
        f"{name.title()}Params", __config__=ConfigDict(extra="forbid", protected_namespaces=()), **fields
    )
    return SimpleNamespace(name=name, queue="default", params=model)


ACTORS: dict[str, ActorSpec] = {name: _actor(name, params) for name, params in _PARAMS.items()}


def query(kind: str, *subqueries: dict[str, Any], operation: str = "OR") -> dict[str, Any]:
    """A filter that holds queries of one kind."""
    listed = [{"@type": f"type.googleapis.com/{kind}", **subquery} for subquery in subqueries]
    return {"Query": {"SubQueries": listed, "Operation": operation}}


def sleep(**fields: Any) -> dict[str, Any]:
    """An action that needs nothing and has a counterpart."""
    return {"ID": "actions.test.fake", "Parameters": {"timer": "1"}, **fields}


def converted(actors: dict[str, ActorSpec] = ACTORS, **fields: Any) -> Converted:
    """What becomes of one job; name what the test is about."""
    job = {"ID": "job", "Owner": "ada", "MaxConcurrency": 1, "Actions": [sleep()], **fields}
    (found,) = convert(read_export(json.dumps(job)), actors)
    return found


def definition(**fields: Any) -> dict[str, Any]:
    """The definition of one job."""
    found = converted(**fields).definition
    assert found is not None
    return found


def told(job: Converted, kind: str) -> dict[str, str]:
    """What the report says of one kind, by place; several lines about a place are joined."""
    found: dict[str, str] = {}
    for notice in job.notices:
        if notice.kind == kind:
            found[notice.place] = "; ".join(part for part in (found.get(notice.place), notice.said) if part)
    return found

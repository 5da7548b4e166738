"""The jobs that make, unpack, list and test archives: whose runs they are, and how much of it somebody may start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.datasources.credentials import is_reference
from console.api.identity import Who
from console.api.parts import Parts
from rota.errors import InvalidDefinition, Problem
from scheduler.admission.quotas import Quota

JOBS = {
    "compress": "compress-entries",
    "extract": "extract-archive",
    "list-archive": "list-archive",
    "test-archive": "test-archive",
}
"""The job of each kind of work."""
PASSWORD = "password"  # noqa: S105 -- the name of a parameter

_NAMES = frozenset(JOBS.values())
#: Those that write what counts as bytes of a person.
_SIZED = frozenset({JOBS["compress"], JOBS["extract"]})


def quota_of(parts: Parts, who: Who, job: str) -> Quota | None:
    """Return what bounds the runs of this job that somebody starts; None for who works on the whole installation."""
    if not who.own_only or job not in _NAMES:
        return None
    settings = parts.settings
    return Quota(
        owner=who.name,
        jobs=_NAMES,
        sized=_SIZED,
        most_runs=settings.user_open_runs,
        most_bytes=settings.user_bytes,
    )


def typed_secrets(job: str, params: Mapping[str, Any]) -> dict[str, str]:
    """Return those parameters of a run that hold a secret itself, where a reference to one belongs.

    Raises InvalidDefinition for what is no text: whoever finds that later would quote it.
    """
    given = params.get(PASSWORD) if job in _NAMES else None
    if given is not None and not isinstance(given, str):
        raise InvalidDefinition([Problem(f"params.{PASSWORD}", "must be text")], source=f"parameters of {job}")
    return {PASSWORD: given} if given and not is_reference(given) else {}

"""What a page offers to whom: read from the one table, so that no button leads to a refusal."""

from __future__ import annotations

from console.api.identity import Who
from console.api.permissions import API, rule_of

_ROUTES = {"operate": f"{API}/jobs:enable", "act": f"{API}/jobs/{{name}}/run", "define": f"{API}/jobs"}


def may_of(who: Who | None) -> dict[str, bool]:
    """Return what somebody may do: operate the fleet, act on what is theirs, define, look at all."""
    role = "" if who is None else who.role
    may = {word: role in rule_of("POST", path).roles for word, path in _ROUTES.items()}
    return {**may, "look": role in rule_of("GET", f"{API}/workers").roles}

"""Who may do what: one row per route, and a route without a row cannot be built.

The letters of a row stand for the roles viewer, user, publisher, operator and admin, in this order:

    y  yes
    o  only what is theirs: their own jobs and runs, the files in their home; anything else does not exist for them
    -  no

`PUBLIC` routes need no sign-in at all. `HOOK` routes are closed to everybody, signed in or not, but the holder of the
hook's own token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ROLES = ("viewer", "user", "publisher", "operator", "admin")
PUBLIC = "public"
HOOK = "hook"

_READ = "y--yy"  # looks at the whole installation
_READ_OWN = "yo-yy"
_ACT_OWN = "-o-yy"
_OPERATE = "---yy"
_DEFINE = "----y"
_PUBLISH = "--yyy"
_SIGNED_IN = "yyyyy"

API = "/api/v1"

PERMISSIONS: dict[str, str] = {
    # Jobs
    f"GET {API}/jobs": _READ_OWN,
    f"POST {API}/jobs": _DEFINE,
    f"POST {API}/jobs:apply": _DEFINE,
    f"POST {API}/jobs:preview": _DEFINE,
    f"POST {API}/jobs:enable": _OPERATE,
    f"POST {API}/jobs:disable": _OPERATE,
    f"GET {API}/jobs/{{name}}": _READ_OWN,
    f"PUT {API}/jobs/{{name}}": _DEFINE,
    f"DELETE {API}/jobs/{{name}}": _DEFINE,
    f"POST {API}/jobs/{{name}}/run": _ACT_OWN,
    f"POST {API}/jobs/{{name}}/enable": _OPERATE,
    f"POST {API}/jobs/{{name}}/disable": _OPERATE,
    f"GET {API}/jobs/{{name}}/upcoming": _READ_OWN,
    f"GET {API}/jobs/{{name}}/explain": _READ_OWN,
    f"POST {API}/jobs/{{name}}/backfill": _OPERATE,
    f"GET {API}/upcoming": _READ_OWN,
    f"GET {API}/pause": _SIGNED_IN,
    f"PUT {API}/pause": _OPERATE,
    f"DELETE {API}/pause": _OPERATE,
    f"GET {API}/jobs/{{name}}/versions": _READ_OWN,
    f"GET {API}/jobs/{{name}}/versions/{{version}}": _READ_OWN,
    f"DELETE {API}/jobs/{{name}}/runs": _OPERATE,
    # Runs
    f"GET {API}/runs": _READ_OWN,
    f"GET {API}/runs/{{run_id}}": _READ_OWN,
    f"GET {API}/runs/{{run_id}}/log": _READ_OWN,
    f"POST {API}/runs/{{run_id}}/cancel": _ACT_OWN,
    f"POST {API}/runs/{{run_id}}/pause": _ACT_OWN,
    f"POST {API}/runs/{{run_id}}/resume": _ACT_OWN,
    f"POST {API}/runs/{{run_id}}/retry": _ACT_OWN,
    # Events
    f"POST {API}/events": _PUBLISH,
    f"GET {API}/events": _READ,
    f"GET {API}/events/lag": _READ,
    # Hooks
    f"GET {API}/hooks": _DEFINE,
    f"POST {API}/hooks": _DEFINE,
    f"DELETE {API}/hooks/{{slug}}": _DEFINE,
    f"POST {API}/hooks/{{slug}}/rotate": _DEFINE,
    f"POST {API}/hooks/{{slug}}/enable": _DEFINE,
    f"POST {API}/hooks/{{slug}}/disable": _DEFINE,
    f"POST {API}/hooks/{{slug}}": HOOK,
    # Datasources
    f"GET {API}/datasources": _READ,
    f"POST {API}/datasources": _DEFINE,
    f"GET {API}/datasources/{{name}}": _READ,
    f"PUT {API}/datasources/{{name}}": _DEFINE,
    f"DELETE {API}/datasources/{{name}}": _DEFINE,
    f"DELETE {API}/datasources/{{name}}/marker": _DEFINE,
    f"GET {API}/datasources/{{name}}/entries": _READ_OWN,
    f"GET {API}/datasources/{{name}}/unread": _READ,
    f"POST {API}/datasources/{{name}}/sync": _OPERATE,
    f"POST {API}/datasources/{{name}}/index": _OPERATE,
    f"POST {API}/datasources/{{name}}/check-index": _OPERATE,
    f"POST {API}/datasources/{{name}}/changed": _PUBLISH,
    f"POST {API}/datasources/{{name}}/test": _OPERATE,
    f"POST {API}/datasources/{{name}}/confirm": _OPERATE,
    f"POST {API}/datasources/{{name}}/enable": _OPERATE,
    f"POST {API}/datasources/{{name}}/disable": _OPERATE,
    # Work on their files
    f"POST {API}/datasources/{{name}}/delete": _OPERATE,
    f"POST {API}/datasources/{{name}}/delete-for-good": _DEFINE,
    f"POST {API}/datasources/{{name}}/copy": _OPERATE,
    f"POST {API}/datasources/{{name}}/move": _OPERATE,
    f"POST {API}/datasources/{{name}}/folders": _OPERATE,
    f"POST {API}/datasources/{{name}}/rename": _OPERATE,
    f"POST {API}/datasources/{{name}}/hash": _OPERATE,
    f"POST {API}/datasources/{{name}}/verify": _OPERATE,
    # Archives and downloads; what is theirs is what lies in their home
    f"POST {API}/datasources/{{name}}/compress": _ACT_OWN,
    f"POST {API}/datasources/{{name}}/extract": _ACT_OWN,
    f"POST {API}/datasources/{{name}}/list-archive": _ACT_OWN,
    f"POST {API}/datasources/{{name}}/test-archive": _ACT_OWN,
    f"GET {API}/datasources/{{name}}/content": _ACT_OWN,
    f"HEAD {API}/datasources/{{name}}/content": _ACT_OWN,
    # Their bins. What cannot be taken back, and what must not be, is for those who define.
    f"GET {API}/datasources/{{name}}/bin": _READ,
    f"GET {API}/datasources/{{name}}/bin/next": _READ,
    f"GET {API}/datasources/{{name}}/bin/{{item}}": _READ,
    f"POST {API}/datasources/{{name}}/bin/restore": _OPERATE,
    f"POST {API}/datasources/{{name}}/bin/dry-run": _OPERATE,
    f"POST {API}/datasources/{{name}}/bin/delete": _DEFINE,
    f"POST {API}/datasources/{{name}}/bin/purge": _DEFINE,
    f"POST {API}/datasources/{{name}}/bin/confirm": _DEFINE,
    f"POST {API}/datasources/{{name}}/bin/hold": _DEFINE,
    f"POST {API}/datasources/{{name}}/bin/release": _DEFINE,
    # The search shows what is in datasources, to those who see them
    f"GET {API}/search": _READ,
    # The fleet
    f"GET {API}/queues": _READ,
    f"GET {API}/workers": _READ,
    f"GET {API}/dead": _READ,
    f"GET {API}/dead/{{letter_id}}": _READ,
    f"POST {API}/dead/{{letter_id}}/redrive": _OPERATE,
    f"DELETE {API}/dead/{{letter_id}}": _OPERATE,
    f"GET {API}/actors": _READ,
    # Signing in. A link carries the role of whoever asks for it.
    f"POST {API}/sign-ins": _SIGNED_IN,
    "GET /login": PUBLIC,
    "POST /login": PUBLIC,
    "POST /logout": PUBLIC,
    # What describes the console itself
    "GET /api/openapi.json": PUBLIC,
    "GET /health/live": PUBLIC,
    "GET /health/ready": PUBLIC,
    "GET /metrics": PUBLIC,
    "GET /static/{version}/{file}": PUBLIC,
    "GET /favicon.ico": PUBLIC,
    # Pages, and their forms
    "GET /": _READ_OWN,
    "GET /jobs": _READ_OWN,
    "POST /jobs": _ACT_OWN,
    "GET /jobs/{name}": _READ_OWN,
    "POST /jobs/{name}/restore": _DEFINE,
    "GET /jobs/{name}/backfill": _OPERATE,
    "POST /jobs/{name}/backfill": _OPERATE,
    "GET /upcoming": _READ_OWN,
    "POST /pause": _OPERATE,
    "GET /runs": _READ_OWN,
    "GET /runs/{run_id}": _READ_OWN,
    "POST /runs/{run_id}": _ACT_OWN,
    "GET /hooks": _DEFINE,
    "POST /hooks": _DEFINE,
    "GET /datasources": _READ_OWN,
    "GET /datasources:add": _DEFINE,
    "POST /datasources:add": _DEFINE,
    "GET /datasources/{name}": _READ_OWN,
    "POST /datasources/{name}": _OPERATE,
    "GET /datasources/{name}/unread": _READ,
    "GET /datasources/{name}/bin": _READ,
    "POST /datasources/{name}/bin": _OPERATE,
    "POST /datasources/{name}/bin/purge": _DEFINE,
    "GET /datasources/{name}/edit": _DEFINE,
    "POST /datasources/{name}/edit": _DEFINE,
    "POST /datasources/{name}/compress": _ACT_OWN,
    "GET /datasources/{name}/extract": _ACT_OWN,
    "POST /datasources/{name}/extract": _ACT_OWN,
    "POST /datasources/{name}/delete": _OPERATE,
    "POST /datasources/{name}/remove": _DEFINE,
    "GET /search": _READ,
    "GET /workers": _READ,
    "GET /dead": _READ,
    "POST /dead": _OPERATE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a row says; with `by_hook` the endpoint itself asks for the hook's token, and nobody signs in."""

    public: bool
    roles: frozenset[str]
    own_only: frozenset[str]
    by_hook: bool = False


def rule_of(method: str, path: str) -> Rule:
    """Return the rule of a route. Raises KeyError when it has no row: then nobody may use it."""
    row = PERMISSIONS[f"{method} {path}"]
    if row == PUBLIC:
        return Rule(public=True, roles=frozenset(ROLES), own_only=frozenset())
    if row == HOOK:
        return Rule(public=False, roles=frozenset(), own_only=frozenset(), by_hook=True)
    letters = dict(zip(ROLES, row, strict=True))
    return Rule(
        public=False,
        roles=frozenset(role for role, letter in letters.items() if letter != "-"),
        own_only=frozenset(role for role, letter in letters.items() if letter == "o"),
    )


def takes_admin(job: str, params: Mapping[str, Any]) -> bool:
    """Say whether a run of this job with these parameters does what only the role admin may do.

    The routes about bins ask for that role; whoever may start jobs must not get there by another way.
    """
    if job in {"purge-bin", "purge-bins"}:
        return params.get("dry_run") is not True
    if job == "delete-entries":
        return params.get("permanently", False) is not False
    return job == "clean-removed-user"

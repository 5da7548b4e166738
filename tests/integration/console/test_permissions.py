"""Walks the table: every route, every role."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from console.api.permissions import HOOK, PERMISSIONS, PUBLIC, ROLES, rule_of
from console.api.routing import GuardedRoute, new_router
from tests.integration.console.serving import Console


def routes_of(app: FastAPI) -> set[str]:
    """All routes that the application has, found in its routers as they are."""
    found: set[str] = set()
    pending = list(app.routes)
    while pending:
        route = pending.pop()
        inner = getattr(route, "original_router", None)
        if inner is not None:
            pending.extend(inner.routes)
            continue
        assert isinstance(route, APIRoute), f"{route} is not guarded"
        assert isinstance(route, GuardedRoute)
        found |= {f"{method} {route.path_format}" for method in route.methods or ()}
    return found


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    from console.api.app import create_app

    assert routes_of(create_app(None)) == set(PERMISSIONS)  # type: ignore[arg-type]


def test_route_without_a_row_cannot_be_built() -> None:
    router = new_router(prefix="")

    with pytest.raises(LookupError, match="GET /secret"):
        router.get("/secret")(lambda: None)


def test_every_role_meets_what_the_table_says(console: Console) -> None:
    clients = {role: console.as_(role) for role in ROLES}
    stranger = console.anyone()

    for row, letters in PERMISSIONS.items():
        method, _, path = row.partition(" ")
        path = path.format(name="x", run_id="x", letter_id="x", version="x", file="x", slug="x", item="x")
        refused = stranger.request(method, path).status_code
        assert (refused == 401) is (letters != PUBLIC or path == "/login" and method == "POST"), row
        for role, client in clients.items():
            status = client.request(method, path).status_code
            if letters == HOOK:
                assert status == 401, (row, role)
                continue
            assert status not in (401, 500) or path == "/login", (row, role)
            assert (status == 403) is (role not in rule_of(method, path_of(row)).roles), (row, role, status)


def path_of(row: str) -> str:
    return row.partition(" ")[2]


def test_user_sees_and_runs_only_their_own(console: Console) -> None:
    console.define(name="mine", owner="eve")
    console.define(name="theirs", owner="ada")
    eve, admin = console.as_("user", name="eve"), console.as_("admin")
    foreign = admin.post("/api/v1/jobs/theirs/run").json()["run"]

    assert [job["name"] for job in eve.get("/api/v1/jobs").json()["items"]] == ["mine"]
    assert [job["name"] for job in eve.get("/api/v1/jobs", params={"owner": "ada"}).json()["items"]] == ["mine"]
    assert eve.get("/api/v1/jobs/theirs").status_code == 404
    assert eve.post("/api/v1/jobs/theirs/run").status_code == 404
    own = eve.post("/api/v1/jobs/mine/run").json()["run"]
    assert [run["id"] for run in eve.get("/api/v1/runs").json()["items"]] == [own]
    for path in ("", "/log"):
        assert eve.get(f"/api/v1/runs/{foreign}{path}").status_code == 404
    for deed in ("cancel", "pause", "resume", "retry"):
        assert eve.post(f"/api/v1/runs/{foreign}/{deed}").status_code == 404
    assert eve.post(f"/api/v1/runs/{own}/cancel").status_code == 202
    assert eve.get(f"/runs/{foreign}", headers={"accept": "text/html"}).status_code == 404


def test_user_may_not_switch_jobs_by_the_form_of_the_page(console: Console) -> None:
    console.define(name="mine", owner="eve")

    assert console.as_("user", name="eve").post("/jobs", data={"disable": "mine"}).status_code == 403


def test_token_of_a_locked_out_user_or_an_expired_one_is_worth_nothing(console: Console) -> None:
    from console.api.sign_in import new_token
    from store.queries import users
    from store.records import UserRecord

    client = console.as_("viewer")
    assert client.get("/api/v1/jobs").status_code == 200
    expired = new_token(console.parts, user="the-viewer", role="viewer", label="", purpose="api", lifetime_ms=0)
    with console.parts.store.writing() as conn:
        users.save(conn, UserRecord(name="the-viewer", label="", role="viewer", created_at=0, enabled=False))

    assert client.get("/api/v1/jobs").status_code == 401
    assert bearer(console, expired).get("/api/v1/jobs").status_code == 401
    assert bearer(console, "nonsense").get("/api/v1/jobs").status_code == 401


def bearer(console: Console, token: str) -> httpx.Client:
    return console.anyone(headers={"Authorization": f"Bearer {token}"})

"""Hooks: addresses for services that cannot sign in, opened by a token of their own."""

from __future__ import annotations

import json
import logging
from typing import Any

import httpx
import pytest

from console.exits import ExitCode
from rota.events import Event
from rota.times import MINUTE_MS
from store.queries import audit, hooks
from tests.integration.console.conftest import Run
from tests.integration.console.serving import Console
from tests.integration.scheduler.conftest import World

PATH = "/api/v1/hooks/shop"


@pytest.fixture
def token(admin: httpx.Client) -> str:
    """The token of the hook `shop`."""
    answer = admin.post("/api/v1/hooks", json={"slug": "shop", "label": "The web shop"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


@pytest.fixture
def shop(console: Console, token: str) -> httpx.Client:
    """The service that knows the token."""
    return console.anyone(headers={"Authorization": f"Bearer {token}"})


def published(console: Console) -> list[Event]:
    return [event for _, event, _ in console.parts.bus.events.read(block_ms=1) if isinstance(event, Event)]


def test_hook_publishes_the_body_as_its_event(console: Console, shop: httpx.Client) -> None:
    answer = shop.post(PATH, json={"order": 7}, headers={"Idempotency-Key": "order-7"})

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "ids": ["order-7"], "errors": []})
    (event,) = published(console)
    assert (event.type, event.source, event.id, event.data) == ("hook.shop", "/hooks/shop", "order-7", {"order": 7})
    assert event.extensions == {}


def test_delivery_starts_one_run_with_a_field_of_the_body_however_often_it_is_sent(
    console: Console, shop: httpx.Client
) -> None:
    world = World(console.parts.store, console.parts.bus)
    step = {"id": "one", "actor": "sleep", "with": {"seconds": "${event.data.order}"}}
    console.define(name="tidy", triggers=[{"event": "hook.shop"}], steps=[step], overlap="allow_all")

    for order in (7, 7, 8):
        assert shop.post(PATH, json={"order": order}, headers={"webhook-id": f"order-{order}"}).status_code == 202
    world.duties.events.step()

    runs = sorted(world.runs(), key=lambda run: run.id)
    assert [run.cause.event and run.cause.event["id"] for run in runs] == ["order-7", "order-8"]
    given = {run.id: world.detail(run.id).tasks[0].params for run in runs}
    assert list(given.values()) == [{"seconds": 7}, {"seconds": 8}]


@pytest.mark.parametrize("header", ["Idempotency-Key", "webhook-id", "X-GitHub-Delivery", "X-Gitlab-Event-UUID"])
def test_id_is_what_the_service_calls_the_delivery(console: Console, shop: httpx.Client, header: str) -> None:
    shop.post(PATH, json={}, headers={header: "d-1"})

    assert [event.id for event in published(console)] == ["d-1"]


def test_delivery_without_an_id_gets_one_of_its_own(console: Console, shop: httpx.Client) -> None:
    ids = [shop.post(PATH).json()["ids"][0] for _ in range(2)]

    assert ids[0] != ids[1]
    assert [(event.id, event.data) for event in published(console)] == [(ids[0], None), (ids[1], None)]


@pytest.mark.parametrize(
    ("kind", "body", "data"),
    [
        ("application/json", b'{"a": [1, null]}', {"a": [1, None]}),
        ("application/vnd.shop+json", b"[1]", [1]),
        ("", b'{"a": 1}', {"a": 1}),
        ("text/plain; charset=utf-8", "é".encode(), "é"),
        ("application/x-www-form-urlencoded", b"a=1&b=2&b=3&c=", {"a": "1", "b": ["2", "3"], "c": ""}),
    ],
)
def test_data_is_what_the_body_says_it_is(
    console: Console, shop: httpx.Client, kind: str, body: bytes, data: Any
) -> None:
    assert shop.post(PATH, content=body, headers={"Content-Type": kind}).status_code == 202

    assert [event.data for event in published(console)] == [data]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b'{"a":', 400),
        ("text/plain", b"\xff", 400),
        ("application/x-www-form-urlencoded", b"a=%ff", 400),
        ("application/x-www-form-urlencoded", b"a&" * 2000, 400),
        ("image/png", b"x", 415),
        ("text/plain", b"x" * 65_537, 413),
        ("text/plain", b"x" * 65_530, 422),
        ("application/json", b'"\\u0000"', 422),
    ],
)
def test_what_is_no_event_is_refused(console: Console, shop: httpx.Client, kind: str, body: bytes, status: int) -> None:
    answer = shop.post(PATH, content=body, headers={"Content-Type": kind})

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert published(console) == []


def test_only_the_kind_of_event_is_taken_from_the_headers(console: Console, token: str) -> None:
    service = console.anyone(headers={"X-Rota-Token": token})

    answer = service.post(PATH, json={}, headers={"X-GitHub-Event": "push", "X-Hub-Signature": "s", "Cookie": "c=1"})

    assert answer.status_code == 202
    (event,) = published(console)
    assert event.extensions == {"hookevent": "push"}


def test_wrong_token_and_unknown_hook_are_told_the_same(console: Console, token: str, admin: httpx.Client) -> None:
    other = admin.post("/api/v1/hooks", json={"slug": "other"}).json()["token"]
    refused = []
    for path, headers in (
        (PATH, {"Authorization": "Bearer wrong"}),
        (PATH, {"Authorization": f"Bearer {other}"}),
        (PATH, {"Authorization": "Basic c2hvcDpwdw=="}),
        (PATH, {}),
        ("/api/v1/hooks/nothing", {"Authorization": f"Bearer {token}"}),
        ("/api/v1/hooks/nothing", {}),
    ):
        answer = console.anyone().post(path, json={"order": 7}, headers=headers)
        assert answer.status_code == 401, (path, headers)
        assert answer.headers["www-authenticate"] == "Bearer"
        refused.append({name: value for name, value in answer.json().items() if name != "instance"})

    assert all(each == refused[0] for each in refused)
    assert admin.post(PATH, json={}).status_code == 401
    assert published(console) == []


def test_token_of_a_hook_opens_nothing_else(shop: httpx.Client) -> None:
    assert shop.get("/api/v1/jobs").status_code == 401
    assert shop.get("/api/v1/hooks").status_code == 401
    assert shop.post("/api/v1/events", json={}).status_code == 401
    assert shop.post(f"{PATH}/rotate").status_code == 401


def test_disabled_hook_refuses_until_it_is_enabled(console: Console, shop: httpx.Client, admin: httpx.Client) -> None:
    assert admin.post(f"{PATH}/disable").json()["enabled"] is False
    assert shop.post(PATH, json={}).status_code == 403
    assert console.anyone(headers={"X-Rota-Token": "wrong"}).post(PATH).status_code == 401
    assert published(console) == []

    assert admin.post(f"{PATH}/enable").json()["enabled"] is True
    assert shop.post(PATH, json={}).status_code == 202


def test_new_token_replaces_the_old_one(console: Console, shop: httpx.Client, admin: httpx.Client) -> None:
    new = admin.post(f"{PATH}/rotate").json()["token"]

    assert shop.post(PATH).status_code == 401
    assert console.anyone(headers={"X-Rota-Token": new}).post(PATH).status_code == 202


def test_deleted_hook_takes_nothing(shop: httpx.Client, admin: httpx.Client) -> None:
    assert admin.delete(PATH).status_code == 204

    assert shop.post(PATH).status_code == 401
    assert admin.delete(PATH).status_code == 404


@pytest.mark.parametrize("deed", ["rotate", "enable", "disable"])
def test_hook_that_is_not_there_cannot_be_changed(admin: httpx.Client, deed: str) -> None:
    assert admin.post(f"{PATH}/{deed}").status_code == 404


def test_second_hook_of_a_name_is_refused(shop: httpx.Client, admin: httpx.Client) -> None:
    assert admin.post("/api/v1/hooks", json={"slug": "shop"}).status_code == 409
    assert shop.post(PATH).status_code == 202


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "slug"),
        ({"slug": "A b"}, "slug"),
        ({"slug": "a/b"}, "slug"),
        ({"slug": 3}, "slug"),
        ({"slug": "a", "label": "x" * 201}, "label"),
        ({"slug": "a", "token": "mine"}, "token"),
    ],
)
def test_bad_hook_is_refused_with_its_place(admin: httpx.Client, body: dict[str, Any], path: str) -> None:
    answer = admin.post("/api/v1/hooks", json=body)

    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_token_is_shown_once_and_kept_nowhere(
    console: Console, admin: httpx.Client, shop: httpx.Client, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shop.post(PATH, json={})
    console.anyone(headers={"X-Rota-Token": token[:-1]}).post(PATH, json={})

    listed = admin.get("/api/v1/hooks")
    with console.parts.store.reading() as conn:
        rows = conn.exec_driver_sql("SELECT * FROM hooks").fetchall()
        deeds = audit.list_deeds(conn).items

    assert rows
    for text in (listed.text, repr(rows), repr(deeds), caplog.text, repr([r.__dict__ for r in caplog.records])):
        assert token not in text


def test_deeds_are_in_the_audit(console: Console, token: str, admin: httpx.Client) -> None:
    for path in ("disable", "enable", "rotate"):
        admin.post(f"{PATH}/{path}")
    admin.delete(PATH)

    with console.parts.store.reading() as conn:
        deeds = audit.list_deeds(conn, target="hook:shop").items
    assert [deed.action for deed in deeds] == [
        "hook.delete",
        "hook.rotate",
        "hook.enable",
        "hook.disable",
        "hook.add",
    ]
    assert {deed.who for deed in deeds} == {"the-admin"}


def test_last_use_is_kept_to_the_minute(console: Console, shop: httpx.Client, admin: httpx.Client) -> None:
    assert admin.get("/api/v1/hooks").json()["items"][0]["used_at"] is None
    shop.post(PATH)
    with console.parts.store.reading() as conn:
        used = hooks.get(conn, "shop").used_at
    assert used is not None

    for later, kept in ((MINUTE_MS - 1, used), (MINUTE_MS, used + MINUTE_MS)):
        with console.parts.store.writing() as conn:
            hooks.touch(conn, "shop", at=used + later)
        with console.parts.store.reading() as conn:
            assert hooks.get(conn, "shop").used_at == kept


def test_command_makes_lists_and_deletes_hooks(console: Console, rota: Run) -> None:
    code, out, err = rota("hooks", "add", "shop", "--label", "The web shop")
    assert code == 0
    assert f"{console.url}{PATH}" in err
    token = out.strip()
    assert console.anyone(headers={"X-Rota-Token": token}).post(PATH).status_code == 202

    listed = rota("hooks", "list")[1]
    assert "The web shop" in listed
    assert "hook.shop" in listed
    assert token not in listed
    renewed = json.loads(rota("hooks", "rotate", "shop", "--json")[1])
    assert renewed["token"] != token
    assert renewed["url"] == f"{console.url}{PATH}"
    assert rota("hooks", "disable", "shop") == (0, "", "shop: disabled\n")
    assert "disabled" in rota("hooks", "list")[1]
    assert rota("hooks", "enable", "shop")[0] == 0
    assert rota("hooks", "delete", "shop") == (0, "", "shop: deleted\n")
    assert rota("hooks", "delete", "shop")[0] == ExitCode.NOT_FOUND
    assert json.loads(rota("hooks", "list", "--json")[1]) == []

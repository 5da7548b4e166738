"""`/datasources/{name}/bin`: what is in a bin, when it leaves, and what must stay; on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from console.api import bin_next
from rota.settings import Settings, load_settings
from rota.times import rfc3339
from store.queries import audit, jobs
from tests.integration.console.bins import DAY, DOUBT, LAST, bin_item, recycle, remember
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source, bring_jobs

BIN = "/api/v1/datasources/docs/bin"


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    """The settings of a console on each of the databases."""
    return load_settings({"state_dir": tmp_path, "database_url": database_url, "redis_url": redis_url})


def ids(client: httpx.Client, **query: Any) -> list[str]:
    answer = client.get(BIN, params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def deeds(console: Console) -> list[tuple[str, str, Any]]:
    with console.parts.store.reading() as conn:
        return [(deed.who, deed.action, deed.detail) for deed in audit.list_deeds(conn).items if "bin." in deed.action]


# --- Lists ----------------------------------------------------------------------------------------------------------------


def test_item_is_told_with_all_that_is_known_of_it(console: Console, admin: httpx.Client) -> None:
    add_source(console, rules={"bin": {"keep": "P30D", "hold": ["*.pdf"]}})
    recycle(
        console,
        bin_item("1", "photos/summer", kind="folder", items=3, bytes=2_000, at=5 * DAY, bin="user:anna", run="r"),
        bin_item("2", b"caf\xe9", at=4 * DAY, deleted_by=None, origin="found"),
        bin_item("3", "a.pdf", at=3 * DAY, hold="a case", claimed_by="t", claimed_for="restore"),
    )

    first, second, third = admin.get(BIN).json()["items"]

    assert first == {
        "id": "1", "path": "photos/summer", "raw": None, "name": "summer", "kind": "folder", "size": 2_000, "items": 3,
        "deleted_at": rfc3339(5 * DAY), "deleted_by": "anna", "bin": "user:anna", "origin": "deleted", "hold": None,
        "hold_pattern": None, "keep_until": None, "due_at": rfc3339(35 * DAY), "leaving": None, "run": "r",
    }  # fmt: skip
    assert (second["path"], second["raw"], second["origin"]) == ("caf\ufffd", "Y2Fm6Q", "found")
    assert (third["hold"], third["hold_pattern"], third["due_at"], third["leaving"]) == (
        "a case", "*.pdf", None, "restore",
    )  # fmt: skip
    assert admin.get(f"{BIN}/3").json() == third


def test_list_goes_on_page_by_page(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    recycle(console, *(bin_item(str(n), at=n // 2) for n in range(5)))

    first = admin.get(BIN, params={"limit": 2})
    second = admin.get(first.links["next"]["url"])
    third = admin.get(BIN, params={"limit": 2, "cursor": second.json()["next"]})

    listed = [[item["id"] for item in answer.json()["items"]] for answer in (first, second, third)]
    assert listed == [["4", "3"], ["2", "1"], ["0"]]
    assert third.json()["next"] is None
    assert admin.get(BIN, params={"cursor": "eA"}).status_code == 409


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "REPORT"}, ["3", "1"]),
        ({"q": "strasse"}, ["2"]),
        ({"q": "2026/Re"}, ["1"]),
        ({"q": "%"}, []),
        ({"q": "cafe\u0301"}, ["4"]),
        ({"user": "bob"}, ["3"]),
        ({"folder": "/2026/"}, ["2", "1"]),
        ({"since": rfc3339(2 * DAY)}, ["4", "3", "2"]),
        ({"until": rfc3339(2 * DAY)}, ["1"]),
        ({"since": rfc3339(2 * DAY), "until": rfc3339(3 * DAY)}, ["2"]),
        ({"held": True}, ["4", "2"]),
        ({"held": False}, ["3", "1"]),
        ({"held": True, "q": "stra"}, ["2"]),
        ({"bin": "user:bob"}, ["3"]),
        ({"bin": ""}, ["4", "2", "1"]),
    ],
)
def test_filters_leave_what_they_say(
    console: Console, admin: httpx.Client, query: dict[str, Any], found: list[str]
) -> None:
    add_source(console, rules={"bin": {"hold": ["Caf*"]}})
    recycle(
        console,
        bin_item("1", "2026/report.pdf", at=DAY),
        bin_item("2", "2026/Stra\N{LATIN SMALL LETTER SHARP S}e", at=2 * DAY, hold="why"),
        bin_item("3", "other/Reports", at=3 * DAY, deleted_by="bob", bin="user:bob"),
        bin_item("4", "Caf\u00e9", at=4 * DAY),
    )

    assert ids(admin, **query) == found


def test_what_is_asked_wrongly_is_said(console: Console, admin: httpx.Client) -> None:
    add_source(console)

    assert admin.get(BIN, params={"since": "yesterday"}).json()["errors"][0]["parameter"] == "since"
    assert admin.get(BIN, params={"held": "maybe"}).status_code == 422
    assert admin.get(f"{BIN}/nothing").status_code == 404
    assert admin.get("/api/v1/datasources/nothing/bin").status_code == 404


@pytest.mark.parametrize(
    ("rules", "fields", "due"),
    [
        ({}, {}, 40),
        ({"keep": None}, {}, None),
        ({"parts": [{"folder": "a", "keep": "P1D"}]}, {}, 11),
        ({"parts": [{"folder": "b", "keep": "P1D"}]}, {}, 40),
        ({"parts": [{"user": "anna"}]}, {}, None),
        ({}, {"keep_until": 99 * DAY}, 99),
        ({}, {"keep_until": 99 * DAY, "hold": "why"}, None),
        ({"hold": ["a/"]}, {}, None),
    ],
)
def test_item_tells_when_its_age_lets_it_go(
    console: Console, admin: httpx.Client, *, rules: dict[str, Any], fields: dict[str, Any], due: int | None
) -> None:
    add_source(console, rules={"bin": rules})
    recycle(console, bin_item("1", "a/x", at=10 * DAY, **fields))

    assert admin.get(f"{BIN}/1").json()["due_at"] == (None if due is None else rfc3339(due * DAY))


def test_datasource_tells_how_much_is_in_its_bin(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    add_source(console, "other")
    recycle(console, bin_item("1"), bin_item("2", hold="why"))
    remember(console, last_purge=LAST, doubt=DOUBT)

    found = admin.get("/api/v1/datasources/docs").json()

    assert found["recycled"] == {
        "items": 2, "bytes": 2_000, "held": 1, "last_purge": {**LAST, "at": "1970-01-01T00:00:00.001Z"},
        "doubt": {**DOUBT, "at": "1970-01-01T00:00:00.001Z"},
    }  # fmt: skip
    assert found["bin"]["keep"] == "P30D"
    listed = {item["name"]: item["recycled"] for item in admin.get("/api/v1/datasources").json()["items"]}
    assert listed["docs"] == found["recycled"]
    assert (listed["other"]["items"], listed["other"]["doubt"]) == (0, None)


def test_what_was_read_can_be_saved_although_the_bin_went_on(console: Console, admin: httpx.Client) -> None:
    admin.post("/api/v1/datasources", json={"name": "docs", "root": "/srv/docs", "bin": {"keep": None}, "homes": "u"})
    read = admin.get("/api/v1/datasources/docs")
    recycle(console, bin_item("1"))

    saved = admin.put("/api/v1/datasources/docs", json=read.json(), headers={"If-Match": read.headers["etag"]})

    assert saved.status_code == 200, saved.text
    assert (saved.json()["bin"]["keep"], saved.json()["homes"]) == (None, "u")


def test_datasource_is_removed_with_what_is_known_of_its_bin(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    recycle(console, bin_item("1"))

    assert admin.delete("/api/v1/datasources/docs").status_code == 204
    add_source(console)
    assert ids(admin) == []


# --- The next purge -------------------------------------------------------------------------------------------------------


def test_next_purge_is_told_with_what_it_would_take(console: Console, admin: httpx.Client) -> None:
    now = console.parts.clock.now_ms()
    add_source(console, rules={"bin": {"keep": "P30D", "max_items": 3, "hold": ["held"]}})
    recycle(
        console,
        bin_item("old", at=now - 31 * DAY, bytes=7),
        bin_item("held", at=now - 40 * DAY),
        bin_item("later", at=now - 40 * DAY, keep_until=now + 90 * DAY),
        *(bin_item(f"new-{n}", at=now - DAY + n) for n in range(3)),
    )
    remember(console, last_purge={**LAST, "whole_at": now - DAY})

    found = admin.get(f"{BIN}/next").json()

    assert (found["items"], found["bytes"]) == (3, 2_007)
    assert found["reasons"] == {"age": 1, "count": 2}
    assert found["kept"] == {"held": 1, "waiting": 1, "young": 1}
    assert [item["id"] for item in found["first"]] == ["old", "new-0", "new-1"]
    assert found["held_back"] == []


def test_next_purge_tells_what_it_would_ask_about(console: Console, admin: httpx.Client) -> None:
    now = console.parts.clock.now_ms()
    add_source(console, rules={"bin": {"max_items": 1}})
    recycle(console, *(bin_item(str(n), at=now - DAY + n) for n in range(30)))

    found = admin.get(f"{BIN}/next").json()

    assert (found["items"], found["kept"]) == (0, {"doubtful": 29, "young": 1})
    (held_back,) = found["held_back"]
    assert (held_back["items"], held_back["bytes"], held_back["bin"]) == (29, 29_000, "")
    assert "29 of the 30 items" in held_back["reason"]


def test_next_purge_is_when_its_job_is_due(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    assert admin.get(f"{BIN}/next").json()["at"] is None
    console.define(name="purge-bins", triggers=[{"cron": "0 3 * * *"}])
    due = admin.get("/api/v1/jobs/purge-bins").json()["next_due"]

    assert admin.get(f"{BIN}/next").json()["at"] == due
    with console.parts.store.writing() as conn:
        jobs.set_enabled(conn, ["purge-bins"], enabled=False, at=1)
    assert admin.get(f"{BIN}/next").json()["at"] is None


def test_bin_that_is_too_large_to_look_through_says_so(
    console: Console, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_source(console)
    recycle(console, bin_item("1"), bin_item("2"))
    monkeypatch.setattr(bin_next, "MOST_PLANNED", 1)

    answer = admin.get(f"{BIN}/next")

    assert answer.status_code == 409
    assert "start a dry run" in answer.json()["detail"]


# --- Holds ----------------------------------------------------------------------------------------------------------------


def test_items_are_held_and_released_by_whom_and_why(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    recycle(console, bin_item("1"), bin_item("2"))

    held = admin.post(f"{BIN}/hold", json={"items": ["1", "2"], "reason": "case 17"})
    again = admin.post(f"{BIN}/hold", json={"items": ["1"], "reason": "case 17"})
    released = admin.post(f"{BIN}/release", json={"items": ["1"]})

    assert [answer.json() for answer in (held, again, released)] == [
        {"changed": ["1", "2"]}, {"changed": []}, {"changed": ["1"]},
    ]  # fmt: skip
    assert [item["hold"] for item in admin.get(BIN).json()["items"]] == ["case 17", None]
    assert deeds(console) == [
        ("the-admin", "bin.release", {"items": ["1"]}),
        ("the-admin", "bin.hold", {"items": ["1", "2"], "reason": "case 17"}),
    ]


@pytest.mark.parametrize(
    ("verb", "body", "status", "path"),
    [
        ("hold", {"items": ["1"]}, 422, "reason"),
        ("hold", {"items": ["1"], "reason": ""}, 422, "reason"),
        ("hold", {"items": [], "reason": "x"}, 422, "items"),
        ("hold", {"items": ["nothing"], "reason": "x"}, 404, None),
        ("hold", {"items": ["2"], "reason": "x"}, 409, None),
        ("release", {"items": "1"}, 422, "items"),
        ("release", {"items": ["x"] * 501}, 422, "items"),
    ],
)
def test_what_cannot_be_held_is_refused_as_a_whole(
    console: Console, admin: httpx.Client, *, verb: str, body: dict[str, Any], status: int, path: str | None
) -> None:
    add_source(console)
    recycle(console, bin_item("1"), bin_item("2", claimed_by="task", claimed_for="purge"))

    answer = admin.post(f"{BIN}/{verb}", json=body)

    assert answer.status_code == status, answer.text
    assert [error["path"] for error in answer.json().get("errors", [])] == ([] if path is None else [path])
    assert deeds(console) == []


def test_document_tells_the_shapes(console: Console, admin: httpx.Client) -> None:
    bring_jobs(console)
    document = admin.get("/api/openapi.json").json()

    for name in ("BinItem", "NextPurge", "HeldBack", "Recycled"):
        assert name in document["components"]["schemas"]
    listing = document["paths"]["/api/v1/datasources/{name}/bin"]["get"]
    assert {each["name"] for each in listing["parameters"]} >= {"q", "user", "folder", "since", "until", "held", "bin"}
    assert document["components"]["schemas"]["Datasource"]["properties"]["recycled"]["$ref"].endswith("/Recycled")

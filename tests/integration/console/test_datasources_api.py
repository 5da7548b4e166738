"""`/datasources`: what people define, what the catalog has, and what can be started."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from console.api.schema import make_document
from store.queries import audit
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source, bring_jobs, fill

API = "/api/v1/datasources"
DOUBT = {"run": "r", "at": 1, "path": "", "reason": "3 of 4 entries are gone", "deleted": 3, "known": 4, "examples": []}


def deeds(console: Console) -> list[str]:
    with console.parts.store.reading() as conn:
        return [deed.action for deed in reversed(audit.list_deeds(conn).items)]


def params_of(admin: httpx.Client, answer: httpx.Response) -> Any:
    assert answer.status_code == 202, answer.text
    return admin.get(answer.headers["location"]).json()["params"]


# --- Definitions ----------------------------------------------------------------------------------------------------------


def test_datasource_is_added_once_and_listed(admin: httpx.Client) -> None:
    answer = admin.post(API, json={"name": "docs", "root": "/srv/docs/"})

    assert (answer.status_code, answer.headers["location"]) == (201, f"{API}/docs")
    assert admin.post(API, json={"name": "docs", "root": "/other"}).status_code == 409
    (item,) = admin.get(API).json()["items"]
    assert (item["root"], item["kind"], item["entries"], item["last_sync"]) == ("/srv/docs", "local", 0, None)
    assert (item["state"], item["max_deleted"], item["options"]) == ("never synced", 0.5, {"processes": 2})


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"name": "Bad Name", "root": "/x"}, ["name"]),
        ({"name": "a", "root": "relative"}, ["root"]),
        ({"name": "a", "root": "/x", "kind": "tape"}, ["kind"]),
        ({"name": "a", "root": "/x", "colour": 1}, ["colour"]),
        ({"root": "/x", "max_deleted": 2, "include": ["/"]}, ["include[0]", "max_deleted", "name"]),
        (
            {"name": "a", "kind": "s3", "root": "s3://b", "options": {"access_key_id": "AKIA123", "retries": 99}},
            ["options.access_key_id", "options.retries"],
        ),
        ({"name": "a", "kind": "sftp", "root": "sftp://h/x"}, ["options.host_key"]),
    ],
)
def test_bad_datasource_is_refused_with_every_field(
    admin: httpx.Client, body: dict[str, Any], paths: list[str]
) -> None:
    answer = admin.post(API, json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert sorted(error["path"] for error in answer.json()["errors"]) == paths
    assert "AKIA123" not in answer.text


def test_what_was_read_can_be_saved_and_says_what_changed(console: Console, admin: httpx.Client) -> None:
    add_source(console, marker="m")
    read = admin.get(f"{API}/docs")

    same = admin.put(f"{API}/docs", json=read.json(), headers={"If-Match": read.headers["etag"]})
    tag = same.headers["etag"]
    other = admin.put(
        f"{API}/docs", json=same.json() | {"exclude": ["*.tmp"], "queue": "far"}, headers={"If-Match": tag}
    )

    assert (same.status_code, other.status_code) == (200, 200)
    assert (other.json()["exclude"], other.json()["queue"], other.json()["marked"]) == (["*.tmp"], "far", True)
    assert other.headers["etag"] != tag
    with console.parts.store.reading() as conn:
        newest = audit.list_deeds(conn).items[0]
    assert (newest.action, newest.detail) == ("datasource.change", {"changed": ["exclude", "queue"]})


def test_nobody_overwrites_the_change_of_somebody_else(admin: httpx.Client) -> None:
    body = {"name": "docs", "root": "/srv/docs"}
    tag = admin.put(f"{API}/docs", json=body).headers["etag"]
    admin.put(f"{API}/docs", json=body | {"label": "New"}, headers={"If-Match": tag})

    def put(**headers: str) -> int:
        return admin.put(
            f"{API}/docs", json=body, headers={n.replace("_", "-"): v for n, v in headers.items()}
        ).status_code

    assert put() == 428
    assert put(If_Match=tag) == 412
    assert put(If_Match="*") == 200
    assert admin.put(f"{API}/gone", json=body | {"name": "gone"}, headers={"If-Match": tag}).status_code == 412
    assert admin.put(f"{API}/other", json=body).json()["errors"][0]["path"] == "name"


def test_datasource_is_switched_and_removed_with_its_catalog(console: Console, admin: httpx.Client) -> None:
    admin.post(API, json={"name": "docs", "root": "/srv/docs"})
    fill(console, "docs", {b"": {b"a": 1}})

    assert admin.post(f"{API}/docs/disable").json()["state"] == "switched off"
    assert admin.post(f"{API}/docs/disable").status_code == 200
    assert admin.post(f"{API}/docs/enable").json()["enabled"] is True
    assert admin.delete(f"{API}/docs").status_code == 204
    for answer in (admin.get(f"{API}/docs"), admin.delete(f"{API}/docs"), admin.post(f"{API}/docs/enable")):
        assert answer.status_code == 404
    assert admin.get(f"{API}/docs/entries").status_code == 404
    assert [deed for deed in deeds(console) if deed.startswith("datasource.")] == [
        "datasource.add", "datasource.disable", "datasource.enable", "datasource.disable", "datasource.delete",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("left", "state"),
    [
        ({}, "never synced"),
        ({"last_sync": {"at": 1}}, "ok"),
        ({"last_sync": {"at": 1}, "doubt": DOUBT}, "needs confirmation"),
        ({"doubt": DOUBT, "unreachable": {"since": 1, "reason": "gone"}}, "unreachable"),
        ({"doubt": DOUBT, "enabled": False}, "switched off"),
    ],
)
def test_state_is_one_word_for_people(console: Console, admin: httpx.Client, left: dict[str, Any], state: str) -> None:
    add_source(console, **left)

    assert admin.get(f"{API}/docs").json()["state"] == state


def test_what_syncs_left_behind_is_told_with_times_as_text(console: Console, admin: httpx.Client) -> None:
    add_source(
        console,
        doubt=DOUBT,
        last_sync={"run": "r", "at": 0, "created": 3},
        unreachable={"since": 0, "at": 1000, "reason": "no route"},
    )

    found = admin.get(f"{API}/docs").json()

    assert found["last_sync"] == {"run": "r", "at": "1970-01-01T00:00:00.000Z", "created": 3}
    assert (found["doubt"]["deleted"], found["doubt"]["at"]) == (3, "1970-01-01T00:00:00.001Z")
    assert found["unreachable"]["since"] == "1970-01-01T00:00:00.000Z"


def test_document_describes_the_options_of_every_kind() -> None:
    from console.api.app import create_app

    schemas = make_document(create_app(None))["components"]["schemas"]  # type: ignore[arg-type]

    options = schemas["DatasourceDefinition"]["properties"]["options"]["anyOf"]
    assert [each["title"] for each in options] == ["local", "s3", "gcs", "azure", "sftp", "webdav", "fsspec"]
    assert "host_key" in options[4]["properties"]
    assert {"state", "doubt", "unreachable"} <= set(schemas["Datasource"]["properties"])


# --- Entries --------------------------------------------------------------------------------------------------------------


def test_entries_are_listed_by_folder_and_page(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    fill(console, "docs", {b"": {}, b"a": {b"%d.txt" % n: 4 for n in range(3)}})

    def paths(**query: str) -> tuple[list[str], str]:
        page = admin.get(f"{API}/docs/entries", params=query).json()
        return [entry["path"] for entry in page["items"]], page["next"]

    assert paths() == (["a"], None)
    first, cursor = paths(path="a", limit="2")
    assert first == ["a/0.txt", "a/1.txt"]
    assert paths(path="/a/", limit="2", cursor=cursor) == (["a/2.txt"], None)
    entry = admin.get(f"{API}/docs/entries", params={"path": "a"}).json()["items"][0]
    assert entry == {
        "path": "a/0.txt", "kind": "file", "size": 4, "modified": "2027-01-15T08:00:00.000Z", "etag": None,
        "hash": None, "entries": None, "raw": None,
    }  # fmt: skip
    assert admin.get(f"{API}/docs").json()["bytes"] == 12
    assert admin.get(f"{API}/docs/entries", params={"path": "b"}).status_code == 404


def test_folders_come_with_the_sum_of_everything_below(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    fill(console, "docs", {b"": {b"top": 1}, b"a": {b"x": 10}, b"a-b": {b"y": 7}, b"a/b": {b"z": 100}, b"a/b/c": {}})

    items = admin.get(f"{API}/docs/entries").json()["items"]

    assert [(item["path"], item["size"], item["entries"]) for item in items] == [
        ("a", 110, 4), ("a-b", 7, 1), ("top", 1, None),
    ]  # fmt: skip


def test_folder_whose_name_is_not_utf8_is_reached_by_its_raw_path(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    fill(console, "docs", {b"": {}, b"caf\xe9": {b"\xff.txt": 5}})

    (folder,) = admin.get(f"{API}/docs/entries").json()["items"]
    (file,) = admin.get(f"{API}/docs/entries", params={"raw": folder["raw"]}).json()["items"]

    assert (folder["path"], file["path"], file["size"]) == ("caf\ufffd", "caf\ufffd/\ufffd.txt", 5)
    assert admin.get(f"{API}/docs/entries", params={"raw": "no base64!"}).json()["errors"][0]["parameter"] == "raw"


# --- Work -----------------------------------------------------------------------------------------------------------------


def test_sync_runs_the_sync_job_for_the_datasource(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    assert admin.post(f"{API}/docs/sync").status_code == 404  # no scheduler has brought the job yet
    bring_jobs(console)

    plain = params_of(admin, admin.post(f"{API}/docs/sync"))
    add_source(console, "other")
    wish = {"paths": ["a", "b/c"], "hash": True, "dry_run": True}
    closer = params_of(admin, admin.post(f"{API}/other/sync", json=wish))

    assert (plain["datasource"], plain["dry_run"]) == ("docs", False)
    assert {"datasource": "other", **wish}.items() <= closer.items()
    assert admin.post(f"{API}/nowhere/sync").status_code == 404


@pytest.mark.parametrize(
    ("verb", "body", "path"),
    [
        ("sync", {"dry_run": "yes"}, "dry_run"),
        ("sync", {"colour": 1}, "colour"),
        ("sync", {"paths": "a"}, "paths"),
        ("test", {"mark": 1}, "mark"),
        ("confirm", {}, "deleted"),
        ("confirm", {"deleted": 0}, "deleted"),
    ],
)
def test_bad_wish_is_refused_by_field(
    console: Console, admin: httpx.Client, verb: str, body: dict[str, Any], path: str
) -> None:
    add_source(console)
    bring_jobs(console)

    answer = admin.post(f"{API}/docs/{verb}", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)


def test_edited_sync_job_that_lost_a_parameter_is_named(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    console.define(
        name="sync-datasource",
        owner="system",
        params={"datasource": {"type": "string", "default": "*"}},
        steps=[{"id": "sync", "actor": "sync", "with": {"datasource": "${params.datasource}"}}],
    )

    assert params_of(admin, admin.post(f"{API}/docs/sync")) == {"datasource": "docs"}
    refused = admin.post(f"{API}/docs/sync", json={"dry_run": True})
    assert (refused.status_code, "takes no dry_run any more" in refused.json()["detail"]) == (409, True)


def test_connection_is_tested_by_a_run(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    bring_jobs(console)

    plain = admin.post(f"{API}/docs/test", headers={"Idempotency-Key": "k"})
    again = admin.post(f"{API}/docs/test", headers={"Idempotency-Key": "k"})

    assert params_of(admin, plain) == {"datasource": "docs", "mark": False}
    assert again.json()["run"] == plain.json()["run"]
    assert params_of(admin, admin.post(f"{API}/docs/test", json={"mark": True}))["mark"] is True


def test_deletions_are_confirmed_only_as_many_as_were_looked_at(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    bring_jobs(console)
    assert admin.post(f"{API}/docs/confirm", json={"deleted": 3}).status_code == 409
    add_source(console, "other", doubt={**DOUBT, "path": "a/b"})

    wrong = admin.post(f"{API}/other/confirm", json={"deleted": 2})
    right = admin.post(f"{API}/other/confirm", json={"deleted": 3})

    assert (wrong.status_code, "3 deletions of other wait by now, not 2" in wrong.json()["detail"]) == (409, True)
    assert {"datasource": "other", "path": "a/b", "confirmed_deletions": 3}.items() <= params_of(admin, right).items()
    assert "datasource.confirm" in deeds(console)


def test_operator_works_with_datasources_and_does_not_define_them(console: Console) -> None:
    add_source(console, doubt=DOUBT)
    bring_jobs(console)
    operator = console.as_("operator")

    assert operator.post(f"{API}/docs/confirm", json={"deleted": 3}).status_code == 202
    assert operator.post(f"{API}/docs/test").status_code == 202
    assert operator.post(f"{API}/docs/disable").status_code == 200
    assert operator.put(f"{API}/docs", json={"root": "/x"}, headers={"If-Match": "*"}).status_code == 403
    assert operator.delete(f"{API}/docs").status_code == 403

from __future__ import annotations

import httpx
import pytest

from bus.connection import Bus
from rota.messages import TaskMessage
from store.queries import catalog
from store.records import EntryChange, FolderChange
from tests.integration.console.serving import Console


def test_queue_tells_what_waits_and_for_how_long(console: Console, admin: httpx.Client) -> None:
    console.define(name="nap", overlap="allow_all", priority="high")
    for _ in range(3):
        admin.post("/api/v1/jobs/nap/run")

    (queue,) = admin.get("/api/v1/queues").json()["items"]

    assert (queue["name"], queue["waiting"], queue["levels"]["high"]) == ("default", 3, 3)
    assert queue["oldest_seconds"] >= 0


def test_no_workers_is_an_empty_list(admin: httpx.Client) -> None:
    assert admin.get("/api/v1/workers").json() == {"items": [], "next": None}


@pytest.fixture
def letter(console: Console) -> str:
    """A message that was set aside, as a message from the future or a stranger would be."""
    return set_aside(console.parts.bus)


def set_aside(bus: Bus) -> str:
    message = TaskMessage(task="t-1", run="r-1", job="nap", step="a", actor="nobody", queue="default")
    bus.sender.send([message])
    bus.client.zadd(bus.keys.dead, {"t-1": 1_800_000_000_000})
    stored = bus.client.hget(bus.keys.messages, "t-1")
    bus.client.hset(bus.keys.dead_letters, "t-1", b"2\nthere is no actor nobody\n" + stored)
    bus.client.hdel(bus.keys.messages, "t-1")
    bus.client.delete(bus.keys.queue("default", "normal"))
    return "t-1"


def test_dead_letter_is_shown_with_its_reason_and_bytes(admin: httpx.Client, letter: str) -> None:
    (item,) = admin.get("/api/v1/dead").json()["items"]

    assert (item["id"], item["reason"], item["crashes"], item["queue"]) == (
        letter,
        "there is no actor nobody",
        2,
        "default",
    )
    assert item["run"] == "r-1"
    assert '"nobody"' in admin.get(f"/api/v1/dead/{letter}").json()["body"]


def test_dead_letter_is_sent_again_or_dropped(console: Console, admin: httpx.Client, letter: str) -> None:
    assert admin.post(f"/api/v1/dead/{letter}/redrive").status_code == 204
    assert console.parts.bus.sender.known([letter]) == {letter}
    assert admin.post(f"/api/v1/dead/{letter}/redrive").status_code == 404
    console.parts.bus.client.flushall()
    set_aside(console.parts.bus)

    assert admin.delete(f"/api/v1/dead/{letter}").status_code == 204
    assert admin.get("/api/v1/dead").json()["items"] == []


def test_actor_documents_its_parameters(admin: httpx.Client) -> None:
    actors = {actor["name"]: actor for actor in admin.get("/api/v1/actors").json()["items"]}

    assert actors["sleep"]["params"]["properties"]["seconds"]["maximum"] == 86_400
    assert actors["sleep"]["description"] == "Wait for some seconds."
    assert {"sync", "http"} <= set(actors)


def test_datasource_is_added_once_and_listed(admin: httpx.Client) -> None:
    answer = admin.post("/api/v1/datasources", json={"name": "docs", "root": "/srv/docs/"})

    assert (answer.status_code, answer.headers["location"]) == (201, "/api/v1/datasources/docs")
    assert admin.post("/api/v1/datasources", json={"name": "docs", "root": "/other"}).status_code == 409
    (item,) = admin.get("/api/v1/datasources").json()["items"]
    assert (item["root"], item["kind"], item["entries"], item["last_sync"]) == ("/srv/docs", "local", 0, None)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "Bad Name", "root": "/x"}, "name"),
        ({"name": "a", "root": "relative"}, "root"),
        ({"name": "a", "root": "/x", "kind": "tape"}, "kind"),
        ({"name": "a", "root": "/x", "colour": 1}, "colour"),
        ({"root": "/x"}, "name"),
    ],
)
def test_bad_datasource_is_refused_by_field(admin: httpx.Client, body: dict[str, object], path: str) -> None:
    answer = admin.post("/api/v1/datasources", json=body)

    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_entries_are_listed_by_folder_and_page(console: Console, admin: httpx.Client) -> None:
    admin.post("/api/v1/datasources", json={"name": "docs", "root": "/srv/docs"})
    with console.parts.store.writing() as conn:
        catalog.apply_changes(
            conn,
            "docs",
            run="r",
            changed_folders=[
                FolderChange(path=b"", digest=b"0" * 8, entry_count=1),
                FolderChange(path=b"a", digest=b"0" * 8, entry_count=3, bytes=12),
            ],
            changed_entries=[
                EntryChange(folder=b"", name=b"a", kind="folder", size=0, modified_ns=0),
                *(
                    EntryChange(folder=b"a", name=b"%d.txt" % n, kind="file", size=4, modified_ns=1_800_000_000 * 10**9)
                    for n in range(3)
                ),
            ],
        )

    def paths(**query: str) -> tuple[list[str], str]:
        page = admin.get("/api/v1/datasources/docs/entries", params=query).json()
        return [entry["path"] for entry in page["items"]], page["next"]

    assert paths() == (["a"], None)
    first, cursor = paths(path="a", limit="2")
    assert first == ["a/0.txt", "a/1.txt"]
    assert paths(path="/a/", limit="2", cursor=cursor) == (["a/2.txt"], None)
    entry = admin.get("/api/v1/datasources/docs/entries", params={"path": "a"}).json()["items"][0]
    assert (entry["kind"], entry["size"], entry["modified"], entry["etag"]) == (
        "file",
        4,
        "2027-01-15T08:00:00.000Z",
        None,
    )
    assert admin.get("/api/v1/datasources/docs").json()["bytes"] == 12
    assert admin.get("/api/v1/datasources/docs/entries", params={"path": "b"}).status_code == 404
    assert admin.delete("/api/v1/datasources/docs").status_code == 204
    assert admin.get("/api/v1/datasources/docs").status_code == 404


def test_sync_runs_the_sync_job_for_the_datasource(console: Console, admin: httpx.Client) -> None:
    admin.post("/api/v1/datasources", json={"name": "docs", "root": "/srv/docs"})
    assert admin.post("/api/v1/datasources/docs/sync").status_code == 404  # no scheduler has brought the job yet
    console.define(
        name="sync-datasources",
        owner="system",
        params={"datasource": {"type": "string", "default": "*"}},
        steps=[{"id": "sync", "actor": "sync", "with": {"datasource": "${params.datasource}"}}],
    )

    answer = admin.post("/api/v1/datasources/docs/sync")

    assert answer.status_code == 202
    assert admin.get(answer.headers["location"]).json()["params"] == {"datasource": "docs"}
    assert admin.post("/api/v1/datasources/other/sync").status_code == 404

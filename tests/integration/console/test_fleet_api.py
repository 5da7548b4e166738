from __future__ import annotations

import httpx
import pytest

from bus.connection import Bus
from rota.messages import TaskMessage
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

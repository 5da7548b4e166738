"""Saying that something changed: by paths, and as S3 services do."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rota.changes import MOST_PATHS
from rota.events import Event
from store.queries import datasources
from store.records import DatasourceRecord
from tests.integration.console.serving import Console

FILES = "/api/v1/datasources/files/changed"
BUCKET = "/api/v1/datasources/bucket/changed"


@pytest.fixture(autouse=True)
def known(console: Console) -> None:
    rules = {"exclude": ["*.tmp", "cache/"]}
    with console.parts.store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name="files", kind="local", root="/files"), at=1)
        record = DatasourceRecord(name="bucket", kind="s3", root="s3://media/library/", rules=rules)
        datasources.save(conn, record, at=1)
        datasources.save(conn, DatasourceRecord(name="whole", kind="s3", root="s3://media"), at=1)


@pytest.fixture
def publisher(console: Console) -> httpx.Client:
    """A service that may publish and nothing else."""
    return console.as_("publisher")


def published(console: Console) -> list[Event]:
    return [event for _, event, _ in console.parts.bus.events.read(block_ms=1) if isinstance(event, Event)]


def told(console: Console) -> list[str]:
    return [path for event in published(console) for path in event.data["paths"]]


def notification(*keys: str, bucket: str = "media") -> dict[str, Any]:
    return {
        "EventName": "s3:ObjectCreated:Put",
        "Records": [
            {"eventName": "s3:ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 3}}}
            for key in keys
        ],
    }


def test_paths_become_an_event_about_the_datasource(console: Console, publisher: httpx.Client) -> None:
    answer = publisher.post(FILES, json={"paths": ["a/b.txt", "Ünïcode/é/", "a/c.txt"]})

    assert answer.status_code == 202
    (event,) = published(console)
    assert answer.json() == {"accepted": 3, "ids": [event.id], "errors": []}
    assert (event.type, event.source, event.subject) == ("storage.changed", "/datasources/files/changed", "files")
    assert event.data == {"datasource": "files", "paths": ["a/b.txt", "a/c.txt", "Ünïcode/é"]}


def test_an_empty_path_means_anything(console: Console, publisher: httpx.Client) -> None:
    assert publisher.post(FILES, json={"paths": ["", "a"]}).status_code == 202

    assert told(console) == [""]


def test_thousands_of_paths_are_told_as_few(console: Console, publisher: httpx.Client) -> None:
    paths = [f"{n % 250}/{n}" for n in range(10_000)]

    assert publisher.post(FILES, json={"paths": paths}).json()["accepted"] == 10_000

    assert len(told(console)) <= MOST_PATHS


def test_keys_of_a_notification_are_decoded_and_taken_off_their_prefix(
    console: Console, publisher: httpx.Client
) -> None:
    keys = ["library/two+words/a%2Bb.txt", "library/%C3%A9t%C3%A9/", "elsewhere/x", "library2/x", "library/plain"]

    answer = publisher.post(BUCKET, json=notification(*keys))

    assert (answer.status_code, answer.json()["accepted"]) == (202, 3)
    assert told(console) == ["plain", "two words/a+b.txt", "été"]


def test_keys_that_do_not_count_tell_nothing(console: Console, publisher: httpx.Client) -> None:
    keys = ["library/x.tmp", "library/cache/x", "library/.rota/bin/x", "library/a/.rota-draft-1"]

    assert publisher.post(BUCKET, json=notification(*keys)).json()["accepted"] == 0

    assert published(console) == []


def test_records_of_other_buckets_are_left_out_of_a_notification_about_several(
    console: Console, publisher: httpx.Client
) -> None:
    both = notification("library/ours")
    both["Records"] += notification("library/theirs", bucket="other")["Records"]

    assert publisher.post(BUCKET, json=both).json()["accepted"] == 1

    assert told(console) == ["ours"]


@pytest.mark.parametrize(
    ("key", "path"),
    [("a//b", "a"), ("a/../b", "a"), ("./x", ""), ("a/b%00c", "a"), ("%FF/x", ""), ("library", ""), ("library/", "")],
)
def test_a_key_that_is_no_path_is_widened(console: Console, publisher: httpx.Client, key: str, path: str) -> None:
    address = BUCKET if key.startswith("library") else "/api/v1/datasources/whole/changed"

    assert publisher.post(address, json=notification(key)).json()["accepted"] == 1

    assert told(console) == [path]


def test_the_test_before_the_first_notification_is_accepted(console: Console, publisher: httpx.Client) -> None:
    test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "media", "RequestId": "1", "HostId": "2"}

    answer = publisher.post(BUCKET, json=test)

    assert (answer.status_code, answer.json()["accepted"]) == (202, 0)


@pytest.mark.parametrize(
    ("address", "body", "path", "said"),
    [
        (FILES, {}, "paths", "must be a list of 1 to 10,000 paths"),
        (FILES, {"paths": []}, "paths", "must be a list of 1 to 10,000 paths"),
        (FILES, {"paths": "a"}, "paths", "must be a list of 1 to 10,000 paths"),
        (FILES, {"paths": ["a", 7]}, "paths[1]", "must be text"),
        (FILES, {"paths": ["a/../b"]}, "paths[0]", "'..'"),
        (FILES, {"paths": ["/etc/passwd"]}, "paths[0]", "is absolute"),
        (FILES, {"paths": ["a"], "path": "b"}, "path", "is unknown"),
        (FILES, notification("a"), "Records", "kind s3 only, this one is local"),
        (BUCKET, {"Records": "x"}, "Records", "must be a list"),
        (BUCKET, {"Records": [{}]}, "Records[0].s3", "must have bucket.name and object.key"),
        (BUCKET, notification("a", bucket="other"), "Records[0].s3.bucket.name", "must be media"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(
    console: Console, publisher: httpx.Client, address: str, body: dict[str, Any], path: str, said: str
) -> None:
    answer = publisher.post(address, json=body)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["path"] == path
    assert said in error["message"]
    assert published(console) == []


def test_an_unknown_datasource_is_not_found(publisher: httpx.Client) -> None:
    assert publisher.post("/api/v1/datasources/nothing/changed", json={"paths": ["a"]}).status_code == 404

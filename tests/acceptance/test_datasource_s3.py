"""A bucket behind a real cluster: added, tested, synced, told of changes by its service, lost and found again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.acceptance.installed import Installed, result_of
from tests.storages import s3
from tests.storages.http_proxy import Proxy, proxied
from tests.waiting import wait_until


class Bucket:
    """A bucket with the server in front of it that can go away."""

    def __init__(self, served: s3.ServedBucket, proxy: Proxy) -> None:
        self.served = served
        self.proxy = proxy

    def definition(self) -> dict[str, Any]:
        options = {**self.served.datasource.options, "endpoint": self.proxy.address, "retries": 1}
        return {"kind": "s3", "options": options, "allow_private": True}

    def notice(self, *keys: str) -> dict[str, Any]:
        """What MinIO and S3 post when these keys were written."""
        prefix = self.served.prefix.decode()
        record = {"eventVersion": "2.1", "eventSource": "minio:s3", "eventName": "s3:ObjectCreated:Put"}
        return {
            "EventName": "s3:ObjectCreated:Put",
            "Key": f"{self.served.bucket}/{prefix}{keys[0]}",
            "Records": [
                {
                    **record,
                    "s3": {"bucket": {"name": self.served.bucket}, "object": {"key": quote_plus(prefix + key)}},
                }
                for key in keys
            ],
        }


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    with s3.serve(tmp_path) as served, proxied(s3.server_address()) as proxy:
        served.fill({b"%d/%d" % (folder, n): b"x" * n for folder in range(5) for n in range(20)})
        yield Bucket(served, proxy)


def test_bucket_from_its_first_sync_to_the_loss_of_its_server(rota: Installed, bucket: Bucket) -> None:
    rota.start(**bucket.served.environment)
    rota.add("masters", bucket.served.datasource.root, **bucket.definition())
    secret = bucket.served.environment["TEST_S3_SECRET"]

    tested = rota.ended(rota.post("/datasources/masters/test")["run"])
    assert (result_of(tested)["reachable"], result_of(tested)["entries"]) == (True, 5)
    first = result_of(rota.synced("masters"))
    assert (first["created"], first["entries"]) == (105, 105)
    assert rota.source("masters")["state"] == "ok"

    _told_of_a_change(rota, bucket)
    _lost_and_found(rota, bucket)
    logged = "".join(rota.cluster.log_tail(name) for name in ("worker", "scheduler"))
    assert secret not in logged + rota.page("/datasources/masters") + str(rota.source("masters"))


def _told_of_a_change(rota: Installed, bucket: Bucket) -> None:
    bucket.served.write(b"new folder/a+b.txt", b"12345")
    bucket.served.write(b"3/7", b"changed")
    bucket.served.write(b"4/untold", b"")
    bucket.served.remove(b"2/5")

    told = rota.post("/datasources/masters/changed", bucket.notice("new folder/a+b.txt", "3/7", "2/5"))
    assert told["accepted"] == 3
    wait_until(lambda: rota.get("/runs", job="sync-changed")["items"], timeout=60)
    [run] = rota.get("/runs", job="sync-changed")["items"]
    found = result_of(rota.ended(run["id"]))

    # The folder that came, what is in it, the file that changed and the one that went; not what nobody told of.
    assert {word: found[word] for word in ("created", "updated", "deleted")} == {
        "created": 2,
        "updated": 1,
        "deleted": 1,
    }
    assert {b"new folder/a+b.txt", b"3/7"} <= rota.known("masters").keys()
    assert not {b"2/5", b"4/untold"} & rota.known("masters").keys()
    wait_until(lambda: len(rota.events("datasource.synced")) == 2, timeout=30)
    assert rota.events("datasource.synced")[-1].data["updated"] == 1
    changed = [entry["path"] for event in rota.events("entry.updated") for entry in event.data["entries"]]
    assert changed == ["3/7"]


def _lost_and_found(rota: Installed, bucket: Bucket) -> None:
    before = rota.known("masters")
    bucket.proxy.rule = lambda _request: None
    for _ in range(2):
        # Its step is tried again in a minute, which nobody here waits for.
        run = rota.sync("masters")
        wait_until(partial(_has_failed, rota, run), timeout=60)
        rota.post(f"/runs/{run}/cancel")
        rota.ended(run, state="cancelled")
    assert rota.source("masters")["state"] == "unreachable"
    assert "cannot be reached" in rota.page("/datasources/masters")
    code, said = rota.rota("datasources", "test", "masters")
    assert (code, "try again in a moment" in said) == (1, True)
    assert rota.known("masters") == before

    bucket.proxy.rule = lambda request: request
    assert result_of(rota.synced("masters"))["created"] == 1
    assert rota.source("masters")["state"] == "ok"
    assert "cannot be reached" not in rota.page("/datasources/masters")
    assert len(rota.events("datasource.unreachable")) == 1


def _has_failed(rota: Installed, run: str) -> bool:
    return any(task["retry_at"] or task["error"] for task in rota.run(run)["tasks"])

"""What is due, why a job ran or did not, backfill, and the pause of everything."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from console.exits import ExitCode
from rota import schedules
from rota.schedules import next_due
from store.queries import audit, jobs, switches, ticks
from store.records import TickRecord
from tests.factories import make_job
from tests.integration.console.conftest import Run
from tests.integration.console.serving import Console

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
TOMORROW = NOW + 24 * HOUR  # ahead however long the suite takes, while an hour from NOW may pass meanwhile


def text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def job(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "steps": [{"id": "a", "actor": "sleep", "with": {"seconds": 1}}], **fields}


@pytest.fixture
def hourly(admin: httpx.Client) -> httpx.Client:
    admin.post("/api/v1/jobs", json=job("hourly", triggers=[{"every": "PT1H"}])).raise_for_status()
    return admin


def test_ticks_of_a_range_are_told_in_order(hourly: httpx.Client) -> None:
    def due(**query: str) -> list[str]:
        answer = hourly.get("/api/v1/jobs/hourly/upcoming", params=query).raise_for_status()
        return [tick["due"] for tick in answer.json()["items"]]

    first = NOW - 48 * HOUR
    assert due(**{"from": text(first), "until": text(first + 3 * HOUR)}) == [
        text(first + n * HOUR).replace("Z", ".000Z") for n in range(3)
    ]
    assert due(**{"from": text(first), "count": "1"})[0] == text(first).replace("Z", ".000Z")
    refused = hourly.get("/api/v1/jobs/hourly/upcoming", params={"from": text(NOW), "until": text(NOW)})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "until")


def test_ticks_of_all_enabled_jobs_are_merged(console: Console, hourly: httpx.Client) -> None:
    daily = {"cron": f"30 {(NOW + 2 * HOUR).hour} * * *"}
    hourly.post("/api/v1/jobs", json=job("daily", triggers=[daily])).raise_for_status()
    hourly.post("/api/v1/jobs", json=job("off", triggers=[{"every": "PT1H"}], enabled=False)).raise_for_status()
    rows = [TickRecord(job=name, trigger="t", due=1) for name in ("hourly", "daily", "off")]
    with console.parts.store.writing() as conn:
        ticks.set_due(conn, rows)

    query = {"from": text(NOW + HOUR), "until": text(NOW + 4 * HOUR)}
    found = hourly.get("/api/v1/upcoming", params=query).raise_for_status().json()["items"]

    assert [tick["job"] for tick in found] == ["hourly", "hourly", "daily", "hourly"]
    assert found[2]["due"] == text(NOW + 2.5 * HOUR).replace("Z", ".000Z")


def test_job_is_explained(hourly: httpx.Client) -> None:
    found = hourly.get("/api/v1/jobs/hourly/explain", params={"at": text(NOW - HOUR)}).raise_for_status().json()

    assert found["findings"] == []
    assert found["said"].startswith("the job did not exist then")
    ahead = hourly.get("/api/v1/jobs/hourly/explain", params={"at": text(TOMORROW)}).json()["findings"]
    assert [finding["said"] for finding in ahead] == ["it is still ahead"]
    assert hourly.get("/api/v1/jobs/nothing/explain", params={"at": text(NOW)}).status_code == 404
    assert hourly.get("/api/v1/jobs/hourly/explain", params={"at": "yesterday"}).status_code == 422


def test_backfill_starts_runs_once_and_is_audited(console: Console, hourly: httpx.Client) -> None:
    body = {"from": text(NOW - 3 * HOUR), "until": text(NOW)}

    def ask(**fields: Any) -> httpx.Response:
        return hourly.post("/api/v1/jobs/hourly/backfill", json={**body, **fields})

    assert ask(dry_run=True).json() == {
        "due": 3, "done": 0, "ticks": [text(NOW - n * HOUR).replace("Z", ".000Z") for n in (3, 2, 1)], "runs": []
    }  # fmt: skip
    assert len(ask().json()["runs"]) == 3
    assert ask().json() == {"due": 3, "done": 3, "ticks": [], "runs": []}
    with console.parts.store.reading() as conn:
        assert [deed.action for deed in audit.list_deeds(conn).items].count("job.backfill") == 1
    assert ask(overlap="sometimes").json()["errors"][0]["path"] == "overlap"
    assert ask(until=text(NOW - 9 * HOUR)).status_code == 422
    assert ask(colour="red").json()["errors"][0]["message"].startswith("is unknown; allowed: from, until")


def test_pause_of_everything_is_kept_and_taken_back(hourly: httpx.Client) -> None:
    assert hourly.get("/api/v1/pause").json()["paused"] is False
    paused = hourly.put("/api/v1/pause", json={"reason": "new disks"}).raise_for_status().json()
    assert (paused["paused"], paused["reason"]) == (True, "new disks")
    assert hourly.put("/api/v1/pause").json()["reason"] == "new disks"

    started = hourly.post("/api/v1/jobs/hourly/run", json={})

    assert started.status_code == 409
    assert "everything is paused" in started.json()["detail"]
    assert hourly.delete("/api/v1/pause").json()["paused"] is False
    assert hourly.post("/api/v1/jobs/hourly/run", json={}).status_code == 202


def test_command_line_says_the_same(rota: Run, hourly: httpx.Client) -> None:
    code, out, _ = rota("jobs", "upcoming", "hourly", "--from", text(NOW), "--until", text(NOW + 2 * HOUR), "--json")
    assert (code, len(json.loads(out))) == (0, 2)
    assert "hourly" in rota("jobs", "upcoming", "--json")[1] or rota("jobs", "upcoming")[0] == 0
    assert "it is still ahead" in rota("jobs", "explain", "hourly", "--at", text(TOMORROW))[1]
    between = rota("jobs", "explain", "hourly", "--at", text(TOMORROW + timedelta(minutes=7)))[1]
    assert between.startswith("no trigger of the job was due then (last ")
    assert rota("jobs", "explain", "hourly", "--at", "soon")[0] == ExitCode.USAGE

    bounds = ("--from", text(NOW - 2 * HOUR), "--until", text(NOW))
    told = rota("jobs", "backfill", "hourly", *bounds, "--dry-run")
    assert told[2] == "2 ticks in the range, 0 have their run, 2 would be made up for\n"
    assert len(rota("jobs", "backfill", "hourly", *bounds)[1].splitlines()) == 2
    assert rota("jobs", "backfill", "hourly", *bounds)[2] == "2 ticks in the range, 2 have their run, 0 made up for\n"

    assert rota("pause", "--reason", "new disks")[2].endswith(": new disks\n")
    assert "new disks" in rota("pause", "--status")[2]
    assert rota("jobs", "run", "hourly")[0] == ExitCode.REFUSED
    assert rota("resume")[2] == "not paused\n"


def test_range_that_ends_before_it_begins_is_not_explained(hourly: httpx.Client) -> None:
    query = {"at": text(NOW), "until": text(NOW - HOUR)}
    refused = hourly.get("/api/v1/jobs/hourly/explain", params=query)

    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "until")


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:30Z"])
def test_first_and_last_moment_of_the_calendar_are_answered(hourly: httpx.Client, at: str) -> None:
    hourly.get("/api/v1/jobs/hourly/explain", params={"at": at}).raise_for_status()
    hourly.get("/api/v1/jobs/hourly/upcoming", params={"from": at}).raise_for_status()
    hourly.get("/api/v1/upcoming", params={"from": at}).raise_for_status()


def test_switch_remembers_who_moved_it(console: Console, hourly: httpx.Client) -> None:
    hourly.post("/api/v1/jobs/hourly/disable").raise_for_status()

    with console.parts.store.reading() as conn:
        switch = switches.last_before(conn, "hourly", console.parts.clock.now_ms())
    assert switch is not None
    assert (switch.enabled, switch.person) == (False, "the-admin")


def test_ticks_of_many_busy_jobs_are_merged_without_making_all_of_them(console: Console, admin: httpx.Client) -> None:
    store = console.parts.store
    with store.writing() as conn:
        for n in range(300):
            definition = make_job(f"busy-{n:03}", triggers=[{"every": "PT0.1S"}])
            jobs.save(conn, definition, author="tester", source="test", at=1)
        ticks.set_due(conn, [TickRecord(job=f"busy-{n:03}", trigger="t", due=1) for n in range(300)])
    made = []

    def counted(*given: Any, **options: Any) -> Any:
        made.append(given)
        return next_due(*given, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedules, "next_due", counted)
        answer = admin.get("/api/v1/upcoming", params={"count": 1000, "from": text(NOW), "until": text(NOW + HOUR)})

    found = answer.raise_for_status().json()["items"]
    assert [tick["job"] for tick in found[:300]] == [f"busy-{n:03}" for n in range(300)]
    assert (len(found), len({tick["due"] for tick in found})) == (1000, 4)
    assert len(made) < 3000

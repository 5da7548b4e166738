from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from rota.messages import LogLine, Outcome
from rota.runs import Failure, Progress
from store.queries import outcomes
from tests.integration.console.serving import Console


@pytest.fixture
def run_id(console: Console, admin: httpx.Client) -> str:
    """A queued run of a job."""
    console.define(name="nap", overlap="allow_all", owner="ada")
    return str(admin.post("/api/v1/jobs/nap/run").json()["run"])


def report(console: Console, admin: httpx.Client, run_id: str, **fields: Any) -> None:
    """Record what a worker reports about the only task of a run."""
    task = admin.get(f"/api/v1/runs/{run_id}").json()["tasks"][0]["id"]
    given = {"fence": 1, "attempt": 1, "worker": "w1", "at": 1_800_000_000_000, **fields}
    with console.parts.store.writing() as conn:
        outcomes.apply(conn, [Outcome(task=task, run=run_id, **given)])


def lines(texts: Sequence[str], level: Any = "info") -> tuple[LogLine, ...]:
    return tuple(LogLine(n=n, at=1_800_000_000_000 + n, level=level, message=text) for n, text in enumerate(texts, 1))


def test_run_has_the_promised_shape(console: Console, admin: httpx.Client, run_id: str) -> None:
    report(console, admin, run_id, kind="started", started_at=1_800_000_000_000)
    report(console, admin, run_id, kind="progress", progress=Progress(done=3, total=10, unit="files", text="a.txt"))

    run = admin.get(f"/api/v1/runs/{run_id}").json()

    assert (run["id"], run["job"], run["owner"], run["state"], run["reason"]) == (run_id, "nap", "ada", "running", None)
    assert run["progress"] == {"done": 3.0, "total": 10.0, "unit": "files", "text": "a.txt"}
    assert run["started_at"] == "2027-01-15T08:00:00.000Z"
    assert run["ended_at"] is run["error"] is run["result"] is None
    (task,) = run["tasks"]
    assert (task["step"], task["actor"], task["state"]) == ("one", "sleep", "running")
    (attempt,) = task["attempts"]
    assert (attempt["n"], attempt["worker"], attempt["ended_at"], attempt["error"]) == (1, "w1", None, None)


def test_error_of_an_attempt_is_whole(console: Console, admin: httpx.Client, run_id: str) -> None:
    error = Failure(type="OSError", message="no room", traceback="Traceback…")
    report(console, admin, run_id, kind="finished", state="failed", error=error, started_at=1_799_999_999_000)

    task = admin.get(f"/api/v1/runs/{run_id}").json()["tasks"][0]

    said = {"type": "OSError", "message": "no room", "traceback": "Traceback…"}
    assert task["error"] == task["attempts"][0]["error"] == said


def test_log_is_filtered_and_followed(console: Console, admin: httpx.Client, run_id: str) -> None:
    report(console, admin, run_id, kind="log", lines=lines(["one", "two", "Three"]))
    path = f"/api/v1/runs/{run_id}/log"

    first = admin.get(path, params={"limit": 2}).json()
    rest = admin.get(path, params={"after": first["next"]}).json()

    assert [line["message"] for line in first["items"]] == ["one", "two"]
    assert [line["message"] for line in rest["items"]] == ["Three"]
    assert rest["next"] is None
    assert set(rest["items"][0]) == {"seq", "at", "level", "task", "message"}
    assert [line["message"] for line in admin.get(path, params={"q": "THREE"}).json()["items"]] == ["Three"]
    assert admin.get(path, params={"level": "error"}).json()["items"] == []


def test_list_is_filtered_by_what_the_design_names(console: Console, admin: httpx.Client, run_id: str) -> None:
    console.define(name="other", owner="eve")
    other = admin.post("/api/v1/jobs/other/run").json()["run"]
    admin.post(f"/api/v1/runs/{other}/cancel")

    def ids(**query: Any) -> list[str]:
        return [run["id"] for run in admin.get("/api/v1/runs", params=query).json()["items"]]

    assert ids() == [other, run_id]
    assert ids(job="nap") == ids(owner="ada") == ids(until=time_of(admin, run_id)) == [run_id]
    assert ids(state=["queued", "running"]) == ids(state="queued,running")
    assert ids(cause="person") == [other, run_id]
    assert ids(cause="tick") == ids(since="2099-01-01T00:00:00Z") == []


def time_of(admin: httpx.Client, run_id: str) -> str:
    return str(admin.get(f"/api/v1/runs/{run_id}").json()["queued_at"])


def test_waiting_run_is_cancelled_at_once_in_redis(console: Console, admin: httpx.Client, run_id: str) -> None:
    task = admin.get(f"/api/v1/runs/{run_id}").json()["tasks"][0]["id"]

    answer = admin.post(f"/api/v1/runs/{run_id}/cancel")

    assert (answer.status_code, answer.json()["stop_requested"]) == (202, "cancel")
    ((_, outcome),) = console.parts.bus.outcomes.read(block_ms=1)
    assert outcome is not None
    assert (outcome.task, outcome.state) == (task, "cancelled")


def test_ended_run_is_not_cancelled(console: Console, admin: httpx.Client) -> None:
    console.define(name="nap")
    skipped = [admin.post("/api/v1/jobs/nap/run").json() for _ in range(2)][1]["run"]

    for deed in ("cancel", "pause", "resume"):
        answer = admin.post(f"/api/v1/runs/{skipped}/{deed}")
        assert (answer.status_code, answer.json()["title"]) == (409, "Conflict")


def test_retry_is_a_new_run_with_the_same_parameters(console: Console, admin: httpx.Client) -> None:
    console.define(name="nap", params={"name": {"type": "string", "default": ""}})
    body = {"params": {"name": "x"}}
    open_run, skipped = (admin.post("/api/v1/jobs/nap/run", json=body).json()["run"] for _ in range(2))
    console.define(name="nap", params={"name": {"type": "string", "default": ""}}, overlap="allow_all")
    key = {"idempotency-key": "again"}

    first, second = (admin.post(f"/api/v1/runs/{skipped}/retry", headers=key) for _ in range(2))

    assert admin.post(f"/api/v1/runs/{open_run}/retry").status_code == 409
    assert first.json()["run"] == second.json()["run"]
    again = admin.get(first.headers["location"]).json()
    assert again["state"] == "queued"
    assert again["cause"] == {"kind": "parent", "parent": skipped, "person": "the-admin"}


def test_deeds_are_in_the_audit(console: Console, admin: httpx.Client, run_id: str) -> None:
    from store.queries import audit

    admin.post(f"/api/v1/runs/{run_id}/cancel")
    admin.post("/api/v1/jobs/nap/disable")

    with console.parts.store.reading() as conn:
        deeds = audit.list_deeds(conn).items
    assert [(deed.who, deed.action, deed.target) for deed in deeds] == [
        ("the-admin", "job.disable", "job:nap"),
        ("the-admin", "run.cancel", f"run:{run_id}"),
        ("the-admin", "job.run", "job:nap"),
    ]
    assert deeds[0].address == "127.0.0.1"

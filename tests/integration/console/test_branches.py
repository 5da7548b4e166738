"""Branched steps, and runs of which only what failed runs again, as people meet them."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from rota.messages import Outcome
from rota.runs import Failure
from scheduler.jobs.catalogue import Catalogue
from scheduler.runs.recording import record
from tests.integration.console.conftest import Run
from tests.integration.console.serving import Console

BOOM = Failure(type="ValueError", message="boom <b>")


@pytest.fixture
def failed(console: Console, admin: httpx.Client) -> str:
    """A failed run: of three branches the second one failed, and the step behind them was skipped."""
    steps = [
        {"id": "each", "actor": "sleep", "for_each": "['x', '<i>', 'z']", "with": {"seconds": "${index}"}},
        {"id": "then", "actor": "sleep", "needs": ["each"], "with": {"seconds": 0}},
    ]
    console.define(name="nap", overlap="allow_all", steps=steps)
    run_id = str(admin.post("/api/v1/jobs/nap/run").json()["run"])
    end_branches(console, admin, run_id, "succeeded", "failed", "succeeded")
    return run_id


def end_branches(console: Console, admin: httpx.Client, run_id: str, *states: str) -> None:
    """Record the ends of the branches of a run as a scheduler does it."""
    tasks = admin.get(f"/api/v1/runs/{run_id}").json()["tasks"]
    ended = [
        Outcome(
            kind="finished",
            task=task["id"],
            run=run_id,
            fence=1,
            attempt=1,
            worker="w1",
            at=1_800_000_000_000,
            state=state,
            result={"n": task["branch"]},
            error=BOOM if state == "failed" else None,
        )
        for task, state in zip(tasks, states, strict=False)
    ]
    with console.parts.store.writing() as conn:
        record(conn, ended, catalogue=Catalogue(console.parts.actors), now=1_800_000_000_000)


def test_a_task_says_which_entry_it_is_for(admin: httpx.Client, failed: str) -> None:
    run = admin.get(f"/api/v1/runs/{failed}").json()

    assert [(task["step"], task["branch"], task["item"], task["state"]) for task in run["tasks"]] == [
        ("each", 0, "x", "succeeded"),
        ("each", 1, "<i>", "failed"),
        ("each", 2, "z", "succeeded"),
        ("then", None, None, "skipped"),
    ]
    assert (run["state"], run["reason"]) == ("failed", "the step each failed: 1 of 3 branches did")
    assert run["progress"] == {"done": 3.0, "total": 3.0, "unit": "branches", "text": ""}
    assert run["result"] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_only_what_failed_is_started_again(admin: httpx.Client, failed: str) -> None:
    answer = admin.post(f"/api/v1/runs/{failed}/retry", json={"only": "failed"})

    assert answer.status_code == 202
    tasks = admin.get(answer.headers["location"]).json()["tasks"]
    assert [task["state"] for task in tasks] == ["succeeded", "queued", "succeeded", "waiting"]
    assert tasks[0]["reason"] == f"taken over from run {failed}"
    whole = admin.post(f"/api/v1/runs/{failed}/retry").headers["location"]
    assert [task["state"] for task in admin.get(whole).json()["tasks"]] == ["queued", "queued", "queued", "waiting"]


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({"only": "all"}, "only", "must be failed, or left out"),
        ({"onyl": "failed"}, "onyl", "is unknown; allowed: only"),
    ],
)
def test_a_wrong_request_says_what_is_allowed(
    admin: httpx.Client, failed: str, body: dict[str, str], path: str, message: str
) -> None:
    answer = admin.post(f"/api/v1/runs/{failed}/retry", json=body)

    assert answer.status_code == 422
    assert [(error["path"], error["message"]) for error in answer.json()["errors"]] == [(path, message)]


def test_a_run_in_which_nothing_failed_is_refused(console: Console, admin: httpx.Client) -> None:
    console.define(name="nap", steps=[{"id": "a", "actor": "sleep", "when": "false", "with": {"seconds": 0}}])
    run_id = admin.post("/api/v1/jobs/nap/run").json()["run"]

    answer = admin.post(f"/api/v1/runs/{run_id}/retry", json={"only": "failed"})

    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "the run succeeded; there is nothing in it that failed",
    )


def test_the_page_tells_how_far_the_branches_are_and_lists_those_that_failed(admin: httpx.Client, failed: str) -> None:
    page = admin.get(f"/runs/{failed}", headers={"accept": "text/html"}).text

    assert "3 of 3 branches ended, 1 failed" in page
    rows = re.findall(r'data-label="Entry"><code>([^\n]*)</code>', page)
    assert rows == ["&#34;&lt;i&gt;&#34;"]
    assert "boom &lt;b&gt;" in page


def test_the_page_starts_what_failed_again(admin: httpx.Client, failed: str) -> None:
    page = admin.get(f"/runs/{failed}", headers={"accept": "text/html"}).text
    assert re.findall(r'name="deed" value="(\w+)"', page) == ["retry_failed", "retry"]

    answer = admin.post(f"/runs/{failed}", data={"deed": "retry_failed"}, headers={"accept": "text/html"})

    again = admin.get(f"/api/v1{answer.headers['location']}").json()
    assert [task["state"] for task in again["tasks"]] == ["succeeded", "queued", "succeeded", "waiting"]


def test_the_command_line_shows_branches_and_starts_what_failed_again(failed: str, rota: Run) -> None:
    shown = rota("runs", "show", failed)[1]
    assert "3 branches: 2 succeeded, 1 failed" in shown
    assert "each[1]" in shown
    assert "each[0]" not in shown

    said = rota("runs", "retry", "--failed", failed)[2]

    again = re.search(rf"{failed}: (\S+) started", said)
    assert again is not None
    tasks = json.loads(rota("runs", "show", again[1], "--json")[1])["tasks"]
    assert [task["state"] for task in tasks] == ["succeeded", "queued", "succeeded", "waiting"]

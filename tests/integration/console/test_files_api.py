"""Work on files: which job a wish starts, with what, by whom."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from console.api import files
from store.queries import audit
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source, bring_jobs

API = "/api/v1/datasources/docs"


@pytest.fixture
def docs(console: Console) -> Console:
    """A console with two datasources, and the jobs that come with Rota."""
    add_source(console)
    add_source(console, "other")
    bring_jobs(console)
    return console


def run_of(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = client.get(answer.headers["location"]).json()
    return found


@pytest.mark.parametrize(
    ("verb", "body", "job", "params", "action"),
    [
        ("delete", {"paths": ["a/x", "/b/"]}, files.DELETE_JOB, {"paths": ["a/x", "b"], "permanently": False}, None),
        (
            "delete-for-good",
            {"paths": ["a"]},
            files.DELETE_JOB,
            {"paths": ["a"], "permanently": True},
            "files.delete-for-good",
        ),
        (
            "copy",
            {"paths": ["a"], "target": "b", "conflict": "newer"},
            files.JOBS["copy"],
            {"paths": ["a"], "target": "b", "conflict": "newer"},
            None,
        ),
        (
            "move",
            {"paths": ["a"], "target": "b", "target_datasource": "other"},
            files.JOBS["move"],
            {"target": "b", "target_datasource": "other", "conflict": "skip"},
            None,
        ),
        ("folders", {"paths": ["a/b"]}, files.JOBS["mkdir"], {"paths": ["a/b"]}, "files.mkdir"),
        (
            "rename",
            {"paths": [""], "pattern": "x", "recursive": True, "dry_run": True},
            files.JOBS["rename"],
            {"paths": [""], "pattern": "x", "recursive": True, "dry_run": True},
            None,
        ),
        ("hash", {}, files.JOBS["hash"], {"paths": [], "algorithm": "sha256"}, None),
        (
            "verify",
            {"catalog": True, "allow_extra": True},
            files.JOBS["verify"],
            {"catalog": True, "allow_extra": True},
            None,
        ),
        (
            "verify",
            {"manifest": "sums.txt", "algorithm": "blake3"},
            files.JOBS["verify"],
            {"manifest": "sums.txt", "algorithm": "blake3"},
            None,
        ),
    ],
)
def test_wish_starts_its_job_and_is_audited(
    docs: Console, admin: httpx.Client, *, verb: str, body: Any, job: str, params: dict[str, Any], action: str | None
) -> None:
    run = run_of(admin, admin.post(f"{API}/{verb}", json=body))

    assert run["job"] == job
    assert {"datasource": "docs", **params}.items() <= run["params"].items()
    with docs.parts.store.reading() as conn:
        said = [deed for deed in audit.list_deeds(conn).items if deed.action.startswith("files.")]
    assert [(deed.action, deed.target, deed.detail["run"]) for deed in said] == [
        (action or f"files.{verb}", "datasource:docs", run["id"])
    ]


@pytest.mark.parametrize(
    ("verb", "body", "path"),
    [
        ("delete", {}, "paths"),
        ("delete", {"paths": []}, "paths"),
        ("delete", {"paths": ["/"]}, "paths[0]"),
        ("delete", {"paths": ["ok", "a//b"]}, "paths[1]"),
        ("delete", {"paths": ["a/../b"]}, "paths[0]"),
        ("delete", {"paths": ["a\0b"]}, "paths[0]"),
        ("delete", {"paths": [".rota/bin"]}, "paths[0]"),
        ("move", {"paths": ["a"], "target": "b/.rota-draft"}, "target"),
        ("delete", {"paths": ["a"], "permanently": True}, "permanently"),
        ("copy", {"paths": ["a"], "conflict": "ask"}, "conflict"),
        ("copy", {"paths": ["a"], "target": "../x"}, "target"),
        ("move", {"paths": ["x"] * 501}, "paths"),
        ("rename", {"paths": [""], "replacement": "x"}, "pattern"),
        ("rename", {"pattern": "x"}, "paths"),
        ("hash", {"algorithm": "crc32"}, "algorithm"),
        ("verify", {}, "manifest"),
        ("verify", {"catalog": True, "manifest": "x"}, "manifest"),
        ("verify", {"catalog": True, "algorithm": "md5"}, "algorithm"),
        ("rename", {"paths": [""], "pattern": "x" * 513}, "pattern"),
    ],
)
def test_wish_that_is_not_valid_is_refused_with_its_field(
    docs: Console, admin: httpx.Client, *, verb: str, body: Any, path: str
) -> None:
    answer = admin.post(f"{API}/{verb}", json=body)

    assert answer.status_code == 422, answer.text
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_key_starts_one_run(docs: Console, admin: httpx.Client) -> None:
    answers = [
        admin.post(f"{API}/delete", json={"paths": ["a"]}, headers={"Idempotency-Key": "k"}).json() for _ in range(2)
    ]

    assert answers[0]["run"] == answers[1]["run"]
    with docs.parts.store.reading() as conn:
        assert [deed.action for deed in audit.list_deeds(conn).items].count("files.delete") == 1


def test_who_looks_may_not_work_and_who_operates_deletes_into_the_bin_only(docs: Console) -> None:
    body = {"paths": ["a"]}

    assert docs.as_("viewer").post(f"{API}/delete", json=body).status_code == 403
    assert docs.as_("operator").post(f"{API}/delete", json=body).status_code == 202
    assert docs.as_("operator").post(f"{API}/delete-for-good", json=body).status_code == 403
    assert docs.as_("admin").post("/api/v1/datasources/nothing/delete", json=body).status_code == 404


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("copy", {"paths": ["a"], "target_datasource": "nothing"}),
        ("verify", {"manifest": "sums", "manifest_datasource": "nothing"}),
    ],
)
def test_another_datasource_that_is_not_there_is_said_at_once(
    docs: Console, admin: httpx.Client, *, verb: str, body: Any
) -> None:
    answer = admin.post(f"{API}/{verb}", json=body)

    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no datasource nothing")


def test_who_only_operates_deletes_for_good_by_no_job_either(docs: Console) -> None:
    operator, admin = docs.as_("operator"), docs.as_("admin")
    for job, params in (
        (files.DELETE_JOB, {"datasource": "docs", "paths": ["a"], "permanently": True}),
        ("purge-bin", {"datasource": "docs"}),
        ("purge-bins", {}),
        ("clean-removed-user", {"user": "anna", "keep": "PT1S"}),
    ):
        answer = operator.post(f"/api/v1/jobs/{job}/run", json={"params": params})
        assert (answer.status_code, f"may not start {job}" in answer.json()["detail"]) == (403, True)
        again = admin.post(f"/api/v1/jobs/{job}/run", json={"params": params}).json()["run"]
        assert operator.post(f"/api/v1/runs/{again}/retry").status_code == 403

    for job, params in (
        (files.DELETE_JOB, {"datasource": "docs", "paths": ["a"]}),
        ("purge-bin", {"datasource": "docs", "dry_run": True}),
    ):
        assert operator.post(f"/api/v1/jobs/{job}/run", json={"params": params}).status_code == 202
    ticks = {"from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
    assert operator.post("/api/v1/jobs/purge-bins/backfill", json=ticks).status_code == 403


def test_page_says_which_of_the_chosen_jobs_somebody_may_not_start(docs: Console) -> None:
    docs.define(name="own")

    page = docs.as_("operator").post(
        "/jobs", data={"deed": "run", "names": ["own", "purge-bins"]}, follow_redirects=True
    )

    assert "1 jobs were started. Not started: the role operator may not start purge-bins so" in page.text

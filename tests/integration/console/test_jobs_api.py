from __future__ import annotations

from typing import Any

import httpx
import pytest

from rota.jobs import Job
from store.queries import jobs
from tests.integration.console.serving import Console

JOB: dict[str, Any] = {
    "name": "nap",
    "label": "A nap",
    "owner": "ada",
    "triggers": [{"cron": "0 3 * * *", "timezone": "Europe/Paris"}],
    "params": {"seconds": {"type": "number", "default": 0}},
    "steps": [{"id": "sleep", "actor": "sleep", "with": {"seconds": "${params.seconds}"}}],
}


def test_job_is_its_definition_and_what_became_of_it(admin: httpx.Client) -> None:
    answer = admin.post("/api/v1/jobs", json=JOB)

    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/api/v1/jobs/nap"
    job = admin.get("/api/v1/jobs/nap").json()
    assert {name: job[name] for name in ("name", "label", "owner")} == {"name": "nap", "label": "A nap", "owner": "ada"}
    assert job["steps"][0]["with"] == {"seconds": "${params.seconds}"}
    assert (job["kind"], job["enabled"], job["version"]) == ("user", True, 1)
    assert job["last_run"] is None
    assert job["schedule"] == ["at 03:00 (Europe/Paris)"]


def test_job_that_exists_is_not_created_again(admin: httpx.Client) -> None:
    admin.post("/api/v1/jobs", json=JOB)

    answer = admin.post("/api/v1/jobs", json=JOB)

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"


def test_bad_definition_lists_every_problem_with_its_place(admin: httpx.Client) -> None:
    bad = {**JOB, "colour": 1, "steps": [{"id": "sleep", "actor": "slep", "with": {}}]}

    answer = admin.post("/api/v1/jobs", json=bad)

    assert answer.status_code == 422
    said = {error["pointer"]: error["message"] for error in answer.json()["errors"]}
    assert set(said) == {"/colour", "/steps/0/actor"}
    assert "did you mean sleep?" in said["/steps/0/actor"]


def test_wrong_parameter_of_an_actor_is_named(admin: httpx.Client) -> None:
    bad = {**JOB, "steps": [{"id": "sleep", "actor": "sleep", "with": {"seconds": "long"}}]}

    (error,) = admin.post("/api/v1/jobs", json=bad).json()["errors"]

    assert error["pointer"] == "/steps/0/with/seconds"
    assert error["path"] == "steps[0].with.seconds"


def test_definition_may_be_yaml_or_toml(admin: httpx.Client) -> None:
    yaml = "name: nap\nsteps:\n  - {id: a, actor: sleep, with: {seconds: 1}}\n"
    toml = 'name = "doze"\n[[steps]]\nid = "a"\nactor = "sleep"\nwith = { seconds = 1 }\n'

    first = admin.post("/api/v1/jobs:apply", content=yaml, headers={"content-type": "application/yaml"})
    second = admin.post("/api/v1/jobs:apply", content=toml, headers={"content-type": "application/toml"})

    assert [answer.json()["items"][0]["name"] for answer in (first, second)] == ["nap", "doze"]


def test_file_of_several_jobs_is_applied_whole_or_not_at_all(admin: httpx.Client) -> None:
    def apply(*jobs: dict[str, Any], **query: Any) -> httpx.Response:
        return admin.post("/api/v1/jobs:apply", json={"jobs": list(jobs)}, params=query)

    two, bad = {**JOB, "name": "two"}, {**JOB, "name": "bad", "overlap": "never"}

    assert apply(JOB, two, dry_run=True).json()["items"][1] == {
        "name": "two", "version": None, "enabled": True, "changed": True, "action": "created", "changes": [], "reason": None
    }  # fmt: skip
    refused = apply(JOB, bad)
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/jobs/1/overlap"]
    assert admin.get("/api/v1/jobs").json()["items"] == []
    assert [each["version"] for each in apply(JOB, two).json()["items"]] == [1, 1]
    assert [each["changed"] for each in apply(JOB, {**two, "label": "New"}).json()["items"]] == [False, True]


def test_set_is_applied_with_its_differences_and_pruned(admin: httpx.Client) -> None:
    def apply(*jobs: dict[str, Any], **query: Any) -> list[tuple[str, str]]:
        answer = admin.post("/api/v1/jobs:apply", json={"jobs": list(jobs)}, params={"set": "ours", **query})
        return [(each["name"], each["action"]) for each in answer.raise_for_status().json()["items"]]

    two, three = {**JOB, "name": "two"}, {**JOB, "name": "three"}
    admin.post("/api/v1/jobs", json={**JOB, "name": "elsewhere"})
    assert apply(JOB, two, three) == [("nap", "created"), ("two", "created"), ("three", "created")]
    assert apply({**JOB, "enabled": True}, two, prune=False) == [("nap", "unchanged"), ("two", "unchanged")]
    admin.put("/api/v1/jobs/three", json={**three, "label": "Mine"}, headers={"if-match": "*"})

    told = [("nap", "changed"), ("three", "kept"), ("two", "deleted")]
    assert apply({**JOB, "label": "New"}, prune=True, dry_run=True) == told
    assert {each["name"] for each in admin.get("/api/v1/jobs").json()["items"]} == {"elsewhere", "nap", "three", "two"}
    assert apply({**JOB, "label": "New"}, prune=True) == told
    assert {each["name"] for each in admin.get("/api/v1/jobs").json()["items"]} == {"elsewhere", "nap", "three"}
    assert apply({**JOB, "label": "New"}, prune=True) == [("nap", "unchanged"), ("three", "kept")]

    refused = admin.post("/api/v1/jobs:apply", json=JOB, params={"prune": True})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "set")


def test_empty_set_prunes_nothing(admin: httpx.Client) -> None:
    query = {"set": "ours", "prune": True}
    admin.post("/api/v1/jobs:apply", json=JOB, params=query).raise_for_status()

    refused = admin.post("/api/v1/jobs:apply", json={"jobs": []}, params=query)

    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "jobs")
    assert admin.get("/api/v1/jobs/nap").status_code == 200


def test_job_that_is_given_twice_is_refused(admin: httpx.Client) -> None:
    refused = admin.post("/api/v1/jobs:apply", json={"jobs": [JOB, {**JOB, "label": "Other"}]})

    (problem,) = refused.json()["errors"]
    assert (refused.status_code, problem["path"]) == (422, "jobs[1].name")
    assert admin.get("/api/v1/jobs").json()["items"] == []


def test_versions_tell_what_they_changed(admin: httpx.Client) -> None:
    admin.post("/api/v1/jobs", json=JOB)
    for n, seconds in enumerate((2, 3)):
        step = {**JOB["steps"][0], "with": {"seconds": seconds}}
        admin.put("/api/v1/jobs/nap", json={**JOB, "label": f"L{n}", "steps": [step]}, headers={"if-match": "*"})

    def changed(path: str, **query: Any) -> list[str]:
        found = admin.get(f"/api/v1/jobs/nap/versions/{path}", params=query).json()
        return [each["path"] for each in found["changes"]]

    step = f"steps[{JOB['steps'][0]['id']}].with.seconds"
    listed = admin.get("/api/v1/jobs/nap/versions", params={"limit": 2}).json()["items"]
    assert [[each["path"] for each in version["changes"]] for version in listed] == [["label", step], ["label", step]]
    assert changed("1") == []
    assert changed("3") == ["label", step]
    assert changed("3", against=3) == []
    assert admin.get("/api/v1/jobs/nap/versions/9").status_code == 404


def test_what_was_read_can_be_saved_as_it_is(admin: httpx.Client) -> None:
    tag = admin.post("/api/v1/jobs", json=JOB).headers["etag"]

    read = admin.get("/api/v1/jobs/nap").json()
    answer = admin.put("/api/v1/jobs/nap", json={**read, "label": "Longer"}, headers={"if-match": tag})

    assert (answer.status_code, answer.json()["label"], answer.json()["version"]) == (200, "Longer", 2)
    assert answer.headers["etag"] != tag


def test_change_without_etag_or_with_an_old_one_is_refused(admin: httpx.Client) -> None:
    tag = admin.post("/api/v1/jobs", json=JOB).headers["etag"]
    admin.put("/api/v1/jobs/nap", json={**JOB, "label": "Mine"}, headers={"if-match": tag})

    without = admin.put("/api/v1/jobs/nap", json={**JOB, "label": "Theirs"})
    late = admin.put("/api/v1/jobs/nap", json={**JOB, "label": "Theirs"}, headers={"if-match": tag})

    assert (without.status_code, late.status_code) == (428, 412)
    assert admin.get("/api/v1/jobs/nap").json()["label"] == "Mine"


def test_put_makes_a_job_that_is_not_there(admin: httpx.Client) -> None:
    assert admin.put("/api/v1/jobs/nap", json=JOB).status_code == 201
    assert admin.put("/api/v1/jobs/other", json=JOB).status_code == 422


def test_deleted_job_is_gone(admin: httpx.Client) -> None:
    admin.post("/api/v1/jobs", json=JOB)

    assert admin.delete("/api/v1/jobs/nap").status_code == 204
    assert admin.get("/api/v1/jobs/nap").status_code == 404
    assert admin.delete("/api/v1/jobs/nap").status_code == 404


def test_list_is_filtered_and_paged(console: Console, admin: httpx.Client) -> None:
    for n in range(5):
        console.define(name=f"job-{n}", owner="system" if n < 2 else "ada", label=f"Number {n}")

    def names(**query: Any) -> list[str]:
        return [job["name"] for job in admin.get("/api/v1/jobs", params=query).json()["items"]]

    assert names(kind="system") == ["job-0", "job-1"]
    assert names(owner="ada", q="NUMBER 3") == ["job-3"]
    first = admin.get("/api/v1/jobs", params={"limit": 3})
    second = admin.get("/api/v1/jobs", params={"limit": 3, "cursor": first.json()["next"]})
    assert [job["name"] for job in first.json()["items"] + second.json()["items"]] == [f"job-{n}" for n in range(5)]
    assert second.json()["next"] is None
    followed = admin.get(first.links["next"]["url"])
    assert followed.json() == second.json()


def test_run_now_is_admitted_sent_and_found(console: Console, admin: httpx.Client) -> None:
    admin.post("/api/v1/jobs", json=JOB)

    answer = admin.post("/api/v1/jobs/nap/run", json={"params": {"seconds": 3}})

    assert answer.status_code == 202
    run_id = answer.json()["run"]
    assert answer.headers["location"] == f"/api/v1/runs/{run_id}"
    run = admin.get(answer.headers["location"]).json()
    assert (run["state"], run["params"]) == ("queued", {"seconds": 3})
    assert run["cause"] == {"kind": "person", "person": "the-admin"}
    assert console.parts.bus.sender.known([run["tasks"][0]["id"]])


def test_same_idempotency_key_starts_one_run(admin: httpx.Client) -> None:
    admin.post("/api/v1/jobs", json={**JOB, "overlap": "allow_all"})
    key = {"idempotency-key": "once"}

    first = admin.post("/api/v1/jobs/nap/run", json={"params": {"seconds": 1}}, headers=key)
    second = admin.post("/api/v1/jobs/nap/run", json={"params": {"seconds": 1}}, headers=key)
    other = admin.post("/api/v1/jobs/nap/run", json={"params": {"seconds": 2}}, headers=key)

    assert first.json()["run"] == second.json()["run"]
    assert (second.status_code, other.status_code) == (202, 422)
    assert len(admin.get("/api/v1/runs").json()["items"]) == 1


def test_keys_of_two_people_are_two(console: Console, admin: httpx.Client) -> None:
    admin.post("/api/v1/jobs", json={**JOB, "overlap": "allow_all"})
    key = {"idempotency-key": "once"}

    runs = {who.post("/api/v1/jobs/nap/run", headers=key).json()["run"] for who in (admin, console.as_("operator"))}

    assert len(runs) == 2


@pytest.mark.parametrize(
    "body", [{"params": {"minutes": 1}}, {"params": {"seconds": "x"}}, {"parms": {}}, {"params": 1}]
)
def test_parameters_that_do_not_fit_are_refused(admin: httpx.Client, body: dict[str, Any]) -> None:
    admin.post("/api/v1/jobs", json=JOB)

    answer = admin.post("/api/v1/jobs/nap/run", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_disabled_job_is_not_run(admin: httpx.Client) -> None:
    admin.post("/api/v1/jobs", json=JOB)

    assert admin.post("/api/v1/jobs/nap/disable").json()["enabled"] is False
    assert admin.post("/api/v1/jobs/nap/run").status_code == 409
    assert admin.post("/api/v1/jobs/nap/enable").json()["enabled"] is True
    assert admin.post("/api/v1/jobs/nap/run").status_code == 202


def test_many_are_switched_at_once_or_none(console: Console, admin: httpx.Client) -> None:
    for name in ("a", "b", "c"):
        console.define(name=name)
    admin.post("/api/v1/jobs/b/disable")

    done = admin.post("/api/v1/jobs:disable", json={"names": ["a", "b"]})
    wrong = admin.post("/api/v1/jobs:disable", json={"names": ["c", "nobody"]})

    assert done.json() == {"changed": ["a"]}
    assert wrong.status_code == 404
    assert admin.get("/api/v1/jobs/c").json()["enabled"] is True


def test_upcoming_merges_triggers_in_order(admin: httpx.Client) -> None:
    admin.post("/api/v1/jobs", json={**JOB, "triggers": [{"cron": "0 3 * * *"}, {"every": "PT1H"}]})

    ticks = admin.get("/api/v1/jobs/nap/upcoming", params={"count": 30}).json()["items"]

    assert len(ticks) == 30
    assert [tick["due"] for tick in ticks] == sorted(tick["due"] for tick in ticks)
    assert {tick["trigger"] for tick in ticks} == {"at 03:00 (UTC)", "every hour"}


def test_preview_checks_and_saves_nothing(admin: httpx.Client) -> None:
    answer = admin.post("/api/v1/jobs:preview", json=JOB, params={"count": 2})

    assert len(answer.json()["upcoming"]) == 2
    assert admin.get("/api/v1/jobs").json()["items"] == []


def test_versions_are_kept(admin: httpx.Client) -> None:
    admin.put("/api/v1/jobs/nap", json=JOB)
    admin.put("/api/v1/jobs/nap", json={**JOB, "label": "Two"}, headers={"if-match": "*"})

    versions = admin.get("/api/v1/jobs/nap/versions").json()["items"]

    assert [(each["version"], each["definition"]["label"]) for each in versions] == [(2, "Two"), (1, "A nap")]
    assert versions[0]["author"] == "the-admin"


def test_clearing_history_leaves_open_runs(admin: httpx.Client) -> None:
    admin.post("/api/v1/jobs", json={**JOB, "overlap": "allow_all"})
    ended, open_run = (admin.post("/api/v1/jobs/nap/run").json()["run"] for _ in range(2))
    admin.post(f"/api/v1/runs/{ended}/cancel")
    admin.post("/api/v1/jobs", json={**JOB, "name": "second"})
    skipped = [admin.post("/api/v1/jobs/second/run").json() for _ in range(2)][1]

    assert skipped["state"] == "skipped"
    assert admin.delete("/api/v1/jobs/second/runs").json() == {"runs": 1}
    assert admin.get(f"/api/v1/runs/{open_run}").status_code == 200
    assert admin.get(f"/api/v1/runs/{skipped['run']}").status_code == 404


@pytest.mark.parametrize("source", ["nap.yaml", "set:theirs"])
def test_set_that_says_the_same_takes_no_job_from_a_file_or_another_set(
    console: Console, admin: httpx.Client, source: str
) -> None:
    def apply(job: dict[str, Any]) -> list[tuple[str, str]]:
        answer = admin.post("/api/v1/jobs:apply", json=job, params={"set": "ours", "prune": True})
        return [(each["name"], each["action"]) for each in answer.raise_for_status().json()["items"]]

    store = console.parts.store
    with store.writing() as conn:
        jobs.save(conn, Job.model_validate(JOB), author="file", source=source, at=1)
    assert apply(JOB) == [("nap", "unchanged")]

    assert apply({**JOB, "name": "two"}) == [("two", "created")]

    assert admin.get("/api/v1/jobs/nap").json()["source"] == source


def test_job_that_was_made_by_hand_joins_the_set_that_says_the_same(admin: httpx.Client) -> None:
    admin.post("/api/v1/jobs", json=JOB).raise_for_status()
    admin.post("/api/v1/jobs:apply", json=JOB, params={"set": "ours"}).raise_for_status()

    assert admin.get("/api/v1/jobs/nap").json()["source"] == "set:ours"

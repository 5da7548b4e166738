"""Archives in the API: which run a wish starts, whose it is, with which secrets, and within which bounds."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from console.api.archive_jobs import JOBS
from rota.sealing import Sealed, id_of, key_in, unseal
from rota.settings import Settings, load_settings
from store.queries import audit, runs
from tests.integration.console.archived import GROWTH, homes
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source, bring_jobs, end_run

__all__ = ["homes"]

API = "/api/v1/datasources/docs"
SECRET = "correct horse battery"


@pytest.fixture
def docs(homes: Console) -> Console:
    """The homes, with the jobs that come with Rota."""
    bring_jobs(homes)
    return homes


def run_of(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = client.get(answer.headers["location"]).json()
    return found


@pytest.mark.parametrize(
    ("verb", "body", "params"),
    [
        (
            "compress",
            {
                "paths": ["shared/", "homes"],
                "target": "/x.tar.zst",
                "level": 3,
                "split_bytes": 65_536,
                "exclude": ["*.tmp"],
            },
            {
                "paths": ["shared", "homes"],
                "target": "x.tar.zst",
                "level": 3,
                "split_bytes": 65_536,
                "exclude": ["*.tmp"],
            },
        ),
        (
            "extract",
            {"path": "x.zip", "target_datasource": "plain", "members": ["a/**"], "max_bytes": 5, "max_time": "PT1M"},
            {"path": "x.zip", "target_datasource": "plain", "members": ["a/**"], "max_bytes": 5, "max_time": "PT1M"},
        ),
        ("list-archive", {"path": "x.zip", "encoding": "cp437"}, {"path": "x.zip", "encoding": "cp437"}),
        ("test-archive", {"path": "x.zip", "max_entries": 3}, {"path": "x.zip", "max_entries": 3}),
    ],
)
def test_wish_starts_its_job_in_the_name_of_whoever_asks_and_is_audited(
    docs: Console, admin: httpx.Client, *, verb: str, body: Any, params: dict[str, Any]
) -> None:
    run = run_of(admin, admin.post(f"{API}/{verb}", json=body))

    assert (run["job"], run["owner"], run["state"]) == (JOBS[verb], "the-admin", "queued")
    assert {"datasource": "docs", **params}.items() <= run["params"].items()
    with docs.parts.store.reading() as conn:
        said = [deed for deed in audit.list_deeds(conn).items if deed.action == f"archives.{verb}"]
    assert [(deed.target, deed.detail["run"]) for deed in said] == [("datasource:docs", run["id"])]


@pytest.mark.parametrize(
    ("verb", "body", "path"),
    [
        ("compress", {}, "paths"),
        ("compress", {"paths": ["a/../b"]}, "paths[0]"),
        ("compress", {"paths": ["a"], "target": ".rota/x.zip"}, "target"),
        ("compress", {"paths": ["a"], "format": "rar"}, "format"),
        ("compress", {"paths": ["a"], "format": "gz"}, "format"),
        ("compress", {"paths": ["a"], "level": 10}, "level"),
        ("compress", {"paths": ["a"], "split_bytes": 1}, "split_bytes"),
        ("compress", {"paths": ["a"], "password": ""}, "password"),
        ("compress", {"paths": ["a"], "password": 3}, "password"),
        ("compress", {"paths": ["a"], "password_reference": "env:X"}, "password_reference"),
        ("extract", {}, "path"),
        ("extract", {"path": ""}, "path"),
        ("extract", {"path": "a", "conflict": "ask"}, "conflict"),
        ("extract", {"path": "a", "max_time": "long"}, "max_time"),
        ("list-archive", {"path": "a", "max_entries": 0}, "max_entries"),
        ("test-archive", {"path": "a", "target": "b"}, "target"),
    ],
)
def test_wish_that_is_not_valid_is_refused_with_its_field(
    docs: Console, admin: httpx.Client, *, verb: str, body: Any, path: str
) -> None:
    answer = admin.post(f"{API}/{verb}", json=body)

    assert answer.status_code == 422, answer.text
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_a_typed_password_is_nowhere_but_where_its_worker_finds_it(docs: Console, admin: httpx.Client) -> None:
    typed = admin.post(f"{API}/compress", json={"paths": ["shared"], "target": "x.zip", "password": SECRET})
    # Whoever starts the job by its name types it into the same field.
    by_name = admin.post(
        "/api/v1/jobs/extract-archive/run", json={"params": {"datasource": "docs", "path": "x", "password": SECRET}}
    )

    for answer in (typed, by_name):
        run = run_of(admin, answer)
        assert run["params"]["password"] == "***"
        assert [task["params"]["password"] for task in run["tasks"]] == ["***"]
        assert "***" in admin.get(f"/runs/{run['id']}", headers={"accept": "text/html"}).text
        with docs.parts.store.reading() as conn:
            params = runs.get_run(conn, run["id"]).params
        name = id_of(params["password"])
        assert name is not None
        ciphertext, key = docs.parts.bus.seals.read(name), key_in(params, name)
        assert ciphertext is not None
        assert key is not None
        assert unseal(Sealed(name, key, ciphertext)) == SECRET
        redis = everything_in_redis(docs)
        assert SECRET.encode() not in redis
        assert key.encode() not in redis
    with docs.parts.store.reading() as conn:
        deeds = repr(list(audit.list_deeds(conn).items))
    assert SECRET not in deeds
    assert "sealed:" not in deeds
    everything = admin.get("/api/v1/runs").text
    assert SECRET not in everything
    assert "sealed:" not in everything


def everything_in_redis(console: Console) -> bytes:
    client = console.parts.bus.client
    return b"".join(client.dump(name) or b"" for name in client.scan_iter("*"))


def test_a_password_that_is_not_valid_is_not_quoted(docs: Console, admin: httpx.Client) -> None:
    for wrong in (SECRET * 100, [SECRET], {"secret": SECRET}):
        answer = admin.post(f"{API}/compress", json={"paths": ["a"], "password": wrong})

        assert answer.status_code == 422
        assert SECRET not in answer.text
    for unfit in ([SECRET], {"secret": SECRET}, 20_260_131):
        params = {"datasource": "docs", "path": "x.zip", "password": unfit}
        answer = admin.post("/api/v1/jobs/extract-archive/run", json={"params": params})

        assert [error["path"] for error in answer.json()["errors"]] == ["params.password"]
        assert (SECRET in answer.text, "20260131" in answer.text) == (False, False)


def test_what_was_typed_for_no_run_is_not_kept(docs: Console) -> None:
    eve = docs.as_("user", name="eve")
    body = {"paths": ["homes/eve/a.txt"], "password": SECRET}

    def sealed() -> int:
        return len(docs.parts.bus.client.keys(docs.parts.bus.keys.sealed("*")))

    kept = eve.post(f"{API}/compress", json=body, headers={"Idempotency-Key": "k"})
    again = eve.post(f"{API}/compress", json=body, headers={"Idempotency-Key": "k"})
    other = eve.post(f"{API}/compress", json={**body, "level": 1}, headers={"Idempotency-Key": "k"})
    beyond = eve.post(f"{API}/compress", json={**body, "max_bytes": 2**60})
    unfit = eve.post(f"{API}/extract", json={"path": "homes/eve/x", "max_bytes": 2**70, "password": SECRET})

    assert [answer.status_code for answer in (kept, again, other, beyond, unfit)] == [202, 202, 422, 429, 422]
    assert sealed() == 1


def test_a_reference_is_a_password_like_any_other(docs: Console, admin: httpx.Client) -> None:
    run = run_of(admin, admin.post(f"{API}/extract", json={"path": "x.zip", "password": "env:HOME"}))

    assert run["params"]["password"] == "***"
    own = admin.post(
        "/api/v1/jobs/extract-archive/run", json={"params": {"datasource": "docs", "path": "x", "password": "env:ZIP"}}
    )
    assert run_of(admin, own)["params"]["password"] == "env:ZIP"


def test_key_starts_one_run_also_with_a_password(docs: Console) -> None:
    eve = docs.as_("user", name="eve")
    body = {"paths": ["homes/eve/a.txt"], "password": SECRET}

    answers = [eve.post(f"{API}/compress", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    other = eve.post(f"{API}/compress", json={**body, "level": 1}, headers={"Idempotency-Key": "k"})

    assert [answer.json()["run"] for answer in answers] == [answers[0].json()["run"]] * 2
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("compress", {"paths": ["homes/eve/a.txt", "homes/ada/secret.txt"]}),
        ("compress", {"paths": ["homes/eve2/x.txt"]}),
        ("compress", {"paths": ["homes/eve"]}),
        ("compress", {"paths": ["homes"], "target": "homes/eve/x.zip"}),
        ("compress", {"paths": ["homes/eve/a.txt"], "target": "shared/x.zip"}),
        ("compress", {"paths": ["homes/eve/a.txt"], "target": "homes/eve"}),
        ("compress", {"paths": ["homes/eve/a.txt"], "target_datasource": "plain"}),
        ("compress", {"paths": ["homes/eve/a.txt"], "target": "homes/eve/x.zip", "target_datasource": "plain"}),
        ("extract", {"path": "homes/ada/x.zip"}),
        ("extract", {"path": "homes/eve/x.zip", "target": "homes/ada"}),
        ("extract", {"path": "homes/eve/x.zip", "target": "homes/eve"}),
        ("extract", {"path": "homes/eve/x.zip", "target_datasource": "second"}),
        ("list-archive", {"path": "shared/x.zip"}),
        ("test-archive", {"path": "shared/x.zip"}),
    ],
)
def test_user_works_in_their_home_and_nowhere_else(docs: Console, *, verb: str, body: Any) -> None:
    add_source(docs, "second", rules={"homes": "homes"})

    answer = docs.as_("user", name="eve").post(f"{API}/{verb}", json=body)

    assert answer.status_code == 404, answer.text
    assert docs.as_("operator").post(f"{API}/{verb}", json=body).status_code == 202


def test_user_finds_no_datasource_without_homes_and_no_job(docs: Console) -> None:
    eve = docs.as_("user", name="eve")

    answer = eve.post("/api/v1/datasources/plain/compress", json={"paths": ["docs"]})

    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no datasource plain")
    params = {"datasource": "docs", "paths": ["homes/ada"]}
    assert eve.post("/api/v1/jobs/compress-entries/run", json={"params": params}).status_code == 404
    for name in ("..", ".", "a/b"):
        odd = docs.as_("user", name=name)
        assert odd.post(f"{API}/compress", json={"paths": ["homes/ada"]}).status_code == 404


def test_user_sees_and_stops_the_run_that_they_started(docs: Console) -> None:
    eve, ada = docs.as_("user", name="eve"), docs.as_("user", name="ada")
    run = run_of(eve, eve.post(f"{API}/compress", json={"paths": ["homes/eve"], "target": "homes/eve/all.zip"}))

    assert (run["owner"], run["cause"]["person"]) == ("eve", "eve")
    assert [each["id"] for each in eve.get("/api/v1/runs").json()["items"]] == [run["id"]]
    assert eve.get(f"/api/v1/runs/{run['id']}/log").status_code == 200
    assert ada.get(f"/api/v1/runs/{run['id']}").status_code == 404
    assert ada.post(f"/api/v1/runs/{run['id']}/cancel").status_code == 404
    assert [eve.post(f"/api/v1/runs/{run['id']}/{deed}").status_code for deed in ("pause", "resume", "cancel")] == [
        202
    ] * 3


def test_user_starts_again_what_ended_while_it_is_still_theirs(docs: Console) -> None:
    eve = docs.as_("user", name="eve")
    run = run_of(eve, eve.post(f"{API}/compress", json={"paths": ["homes/eve/a.txt"], "password": SECRET}))
    end_run(docs, run["id"], None)

    again = eve.post(f"/api/v1/runs/{run['id']}/retry")

    assert run_of(eve, again)["owner"] == "eve"
    add_source(docs, "docs", rules={"homes": "elsewhere"})
    assert eve.post(f"/api/v1/runs/{run['id']}/retry").status_code == 404


def test_user_goes_on_with_what_is_paused_while_it_is_still_theirs(docs: Console) -> None:
    eve = docs.as_("user", name="eve")
    run = eve.post(f"{API}/compress", json={"paths": ["homes/eve/a.txt"]}).json()["run"]
    assert eve.post(f"/api/v1/runs/{run}/pause").status_code == 202

    add_source(docs, "docs", rules={"homes": "elsewhere"})

    assert eve.post(f"/api/v1/runs/{run}/resume").status_code == 404
    assert eve.post(f"/api/v1/runs/{run}/cancel").status_code == 202


def test_selection_of_a_user_may_have_what_the_catalog_knows_and_some_more(docs: Console) -> None:
    eve = docs.as_("user", name="eve")

    def most(**body: Any) -> int:
        found: int = run_of(eve, eve.post(f"{API}/compress", json=body))["params"]["max_bytes"]
        return found

    assert most(paths=["homes/eve/a.txt"]) == 11 + GROWTH
    assert most(paths=["homes/eve/photos", "homes/eve/photos/b.bin"]) == 3_300_000 + GROWTH
    assert most(paths=["homes/eve/new"]) == GROWTH
    assert most(paths=["homes/eve/a.txt"], max_bytes=7) == 7
    admin = docs.as_("admin")
    free = run_of(admin, admin.post(f"{API}/compress", json={"paths": ["homes/eve"]}))
    assert free["params"]["max_bytes"] is None


class TestQuota:
    """With a quota of two runs and 5 GB."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        given = {name: getattr(settings, name) for name in ("state_dir", "database_url", "redis_url")}
        return load_settings({**given, "user_open_runs": 2, "user_bytes": 5 * 10**9})

    def test_user_has_so_much_under_way_and_no_more(self, docs: Console) -> None:
        eve = docs.as_("user", name="eve")
        body = {"path": "homes/eve/x.zip", "max_bytes": 4 * 10**9}
        first = eve.post(f"{API}/extract", json=body).json()["run"]

        beyond = eve.post(f"{API}/extract", json=body)

        assert beyond.status_code == 429
        problem = beyond.json()
        assert (problem["type"], problem["runs"]) == ("urn:rota:problem:quota-exceeded", [first])
        assert problem["detail"] == (
            "this may take 4,000,000,000 bytes, and 1,000,000,000 are left to you: 4,000,000,000 of 5,000,000,000 bytes "
            f"are taken by {first}; choose less, or say in max_bytes how much it may be at most; or wait"
        )
        second = eve.post(f"{API}/list-archive", json={"path": "homes/eve/x.zip"}).json()["run"]
        third = eve.post(f"{API}/list-archive", json={"path": "homes/eve/x.zip"})
        assert (third.status_code, third.json()["runs"]) == (429, [first, second])
        end_run(docs, first, None)
        assert eve.post(f"{API}/extract", json=body).status_code == 202
        assert eve.post(f"/api/v1/runs/{first}/retry").status_code == 429

    def test_others_have_no_quota(self, docs: Console) -> None:
        operator = docs.as_("operator")

        answers = [operator.post(f"{API}/compress", json={"paths": ["shared"]}) for _ in range(4)]

        assert [answer.status_code for answer in answers] == [202] * 4


def test_two_at_a_time_of_each_person_and_the_rest_waits(docs: Console) -> None:
    eve, ada = (docs.as_("user", name=name) for name in ("eve", "ada"))
    states = [
        client.post(f"{API}/compress", json={"paths": [f"homes/{name}/a.txt"]}).json()["state"]
        for client, name in ((eve, "eve"), (eve, "eve"), (eve, "eve"), (ada, "ada"))
    ]

    assert states == ["queued", "queued", "waiting", "queued"]
    assert eve.post(f"{API}/list-archive", json={"path": "homes/eve/x.zip"}).json()["state"] == "queued"


def test_finished_runs_go_by_themselves_after_a_week(docs: Console, admin: httpx.Client) -> None:
    kept = {name: admin.get(f"/api/v1/jobs/{name}").json()["keep"] for name in JOBS.values()}

    assert kept == dict.fromkeys(JOBS.values(), {"runs": 200, "days": 7})


def test_result_of_a_run_links_to_the_file(docs: Console) -> None:
    eve = docs.as_("user", name="eve")
    run = eve.post(f"{API}/compress", json={"paths": ["homes/eve/a.txt"]}).json()["run"]
    assert eve.get(f"/api/v1/runs/{run}").json()["made"] is None

    end_run(docs, run, {"datasource": "docs", "path": "homes/eve/a.txt", "format": "zip", "parts": 1})

    made = eve.get(f"/api/v1/runs/{run}").json()["made"]
    assert (made["datasource"], made["path"], made["kind"]) == ("docs", "homes/eve/a.txt", "file")
    assert eve.get(made["urls"][0]).content == b"0123456789"


def test_entries_of_a_home_are_there_for_whose_it_is(docs: Console) -> None:
    eve = docs.as_("user", name="eve")

    listed = eve.get(f"{API}/entries", params={"path": "homes/eve"})

    assert [entry["path"] for entry in listed.json()["items"]] == ["homes/eve/a.txt", "homes/eve/photos"]
    assert eve.get(f"{API}/entries", params={"path": "homes/eve/photos"}).status_code == 200
    for path in ("", "homes", "homes/ada", "homes/eve2"):
        assert eve.get(f"{API}/entries", params={"path": path}).status_code == 404
    assert docs.as_("viewer").get(f"{API}/entries").status_code == 200


def test_document_tells_of_the_routes(docs: Console, admin: httpx.Client) -> None:
    document = admin.get("/api/openapi.json").json()

    for verb in ("compress", "extract", "list-archive", "test-archive"):
        assert "post" in document["paths"][f"/api/v1/datasources/{{name}}/{verb}"]
    assert list(document["paths"]["/api/v1/datasources/{name}/content"]) == ["get", "head"]
    assert '"writeOnly": true' in json.dumps(document["paths"]["/api/v1/datasources/{name}/compress"])

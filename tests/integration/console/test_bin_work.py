"""What can be started about a bin, by whom, and what the audit keeps of it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from console.api.bin_work import PURGE_JOB, RESTORE_JOB
from store.queries import audit, recycled
from tests.integration.console.bins import DOUBT, bin_item, recycle, remember
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source, bring_jobs

BIN = "/api/v1/datasources/docs/bin"


@pytest.fixture
def bins(console: Console) -> Console:
    """A console with a datasource whose bin has the items 1, 2 and held."""
    add_source(console, rules={"bin": {"hold": ["*.pdf"]}})
    bring_jobs(console)
    recycle(console, bin_item("1", "a/x"), bin_item("2", "b.pdf"), bin_item("held", "c", hold="case 17"))
    return console


def run_of(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = client.get(answer.headers["location"]).json()
    return found


def audited(console: Console) -> list[tuple[str, Any]]:
    with console.parts.store.reading() as conn:
        found = audit.list_deeds(conn).items
    return [(deed.action, {**deed.detail, "run": "r"}) for deed in found if deed.action.startswith("bin.")]


@pytest.mark.parametrize(
    ("verb", "body", "job", "params", "said"),
    [
        ("restore", {"items": ["1", "2"]}, RESTORE_JOB, {"items": ["1", "2"]}, ("bin.restore", {"items": 2})),
        (
            "restore",
            {"paths": ["/a/x"], "target": "back/", "conflict": "number"},
            RESTORE_JOB,
            {"paths": ["a/x"], "target": "back", "conflict": "number"},
            ("bin.restore", {"items": 1}),
        ),
        ("delete", {"items": ["1"]}, PURGE_JOB, {"items": ["1"], "dry_run": False}, ("bin.delete", {"items": 1})),
        ("purge", {}, PURGE_JOB, {"older_than": None, "dry_run": False}, ("bin.purge", {"wish": {}})),
        (
            "purge",
            {"older_than": "P7D", "max_items": 5, "user": "anna", "items_per_second": 2.5},
            PURGE_JOB,
            {"older_than": "P7D", "max_items": 5, "user": "anna", "items_per_second": 2.5},
            ("bin.purge", {"wish": {"older_than": "P7D", "max_items": 5, "user": "anna", "items_per_second": 2.5}}),
        ),
        ("dry-run", {"folder": "a"}, PURGE_JOB, {"dry_run": True, "folder": "a"}, None),
    ],
)  # fmt: skip
def test_wish_starts_its_job_and_is_audited(
    bins: Console, admin: httpx.Client, *, verb: str, body: Any, job: str, params: dict[str, Any], said: Any
) -> None:
    run = run_of(admin, admin.post(f"{BIN}/{verb}", json=body))

    assert run["job"] == job
    assert {"datasource": "docs", **params}.items() <= run["params"].items()
    assert audited(bins) == ([] if said is None else [(said[0], {**said[1], "run": "r"})])


def test_purge_that_was_held_back_is_confirmed_by_its_number(bins: Console, admin: httpx.Client) -> None:
    none = admin.post(f"{BIN}/confirm", json={"items": 1200})
    remember(bins, doubt=DOUBT)
    other = admin.post(f"{BIN}/confirm", json={"items": 7})
    run = run_of(admin, admin.post(f"{BIN}/confirm", json={"items": 1200}))

    assert (none.status_code, none.json()["detail"]) == (409, "no purge of docs waits to be confirmed")
    assert (other.status_code, "1,200 items of docs wait by now, not 7" in other.json()["detail"]) == (409, True)
    assert run["params"]["confirmed"] == 1200
    assert audited(bins) == [("bin.confirm", {"items": 1200, "run": "r"})]


def test_who_confirms_a_purge_starts_just_that_one(bins: Console, admin: httpx.Client) -> None:
    remember(bins, doubt={**DOUBT, "asked": {"older_than": "P7D", "user": "anna"}})
    key = {"Idempotency-Key": "k"}
    run = run_of(admin, admin.post(f"{BIN}/confirm", json={"items": 1200}, headers=key))

    assert {"older_than": "P7D", "user": "anna", "confirmed": 1200}.items() <= run["params"].items()
    with bins.parts.store.writing() as conn:
        recycled.set_doubt(conn, "docs", None)
    again = admin.post(f"{BIN}/confirm", json={"items": 1200}, headers=key)
    assert again.json()["run"] == run["id"]


@pytest.mark.parametrize(
    ("verb", "body", "status", "said"),
    [
        ("restore", {}, 422, "items"),
        ("restore", {"items": ["1"], "conflict": "overwrite"}, 422, "conflict"),
        ("restore", {"items": ["1"], "target": "../elsewhere"}, 422, "target"),
        ("restore", {"paths": ["a/../../x"]}, 422, "paths[0]"),
        ("restore", {"items": ["gone"]}, 404, "there is no item gone in the bin of docs"),
        ("restore", {"paths": ["a"]}, 404, "nothing in the bin of docs was at a"),
        ("delete", {"items": []}, 422, "items"),
        ("delete", {"items": ["gone"]}, 404, "there is no item gone"),
        ("delete", {"items": ["1", "held"]}, 409, "c is held (case 17); release what is to go"),
        ("delete", {"items": ["2", "held"]}, 409, "b.pdf is held (the rules hold *.pdf), and 1 more"),
        ("purge", {"older_than": "soon"}, 422, "older_than"),
        ("purge", {"older_than": "-P1D"}, 422, "older_than"),
        ("purge", {"max_size": 0}, 422, "max_size"),
        ("purge", {"folder": "../x"}, 422, "folder"),
        ("purge", {"dry_run": True}, 422, "dry_run"),
        ("confirm", {"items": 0}, 422, "items"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    bins: Console, admin: httpx.Client, *, verb: str, body: Any, status: int, said: str
) -> None:
    answer = admin.post(f"{BIN}/{verb}", json=body)

    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert said in ([error["path"] for error in problem["errors"]] if status == 422 else problem["detail"])
    assert audited(bins) == []


@pytest.mark.parametrize("verb", ["restore", "delete"])
def test_same_key_names_the_same_run_also_when_the_items_are_gone(
    bins: Console, admin: httpx.Client, verb: str
) -> None:
    key = {"Idempotency-Key": "k"}
    first = admin.post(f"{BIN}/{verb}", json={"items": ["1"]}, headers=key)
    with bins.parts.store.writing() as conn:
        conn.exec_driver_sql("DELETE FROM recycled")

    again = admin.post(f"{BIN}/{verb}", json={"items": ["1"]}, headers=key)

    assert again.json()["run"] == first.json()["run"]
    assert len(audited(bins)) == 1
    assert admin.post(f"{BIN}/{verb}", json={"items": ["1"]}).status_code == 404


def test_operators_restore_and_look_and_admins_delete(bins: Console) -> None:
    operator, viewer = bins.as_("operator"), bins.as_("viewer")

    def statuses(client: httpx.Client) -> dict[str, int]:
        wish = {"items": ["1"], "reason": "x"}
        bodies = {"dry-run": {}, "purge": {}, "hold": wish, "confirm": {"items": 1}}
        verbs = ("restore", "dry-run", "delete", "purge", "confirm", "hold", "release")
        found = {verb: client.post(f"{BIN}/{verb}", json=bodies.get(verb, {"items": ["1"]})) for verb in verbs}
        return {verb: answer.status_code for verb, answer in found.items()}

    refused = dict.fromkeys(("delete", "purge", "confirm", "hold", "release"), 403)
    assert statuses(operator) == {"restore": 202, "dry-run": 202, **refused}
    assert statuses(viewer) == {"restore": 403, "dry-run": 403, **refused}
    assert viewer.get(BIN).status_code == viewer.get(f"{BIN}/next").status_code == 200


def test_job_that_was_edited_says_so(bins: Console, admin: httpx.Client) -> None:
    bins.define(name=PURGE_JOB, owner="system", params={"datasource": {"type": "string"}})

    answer = admin.post(f"{BIN}/delete", json={"items": ["1"]})

    assert answer.status_code == 409
    assert "takes no items any more" in answer.json()["detail"]

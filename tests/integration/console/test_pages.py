"""The pages as a browser without JavaScript meets them."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from console.pages.rendering import statics
from tests.integration.console.serving import Console
from tests.integration.console.test_fleet_api import set_aside

HTML = {"accept": "text/html"}


@pytest.fixture
def browser(console: Console) -> httpx.Client:
    """A browser of somebody who may do everything."""
    client = console.as_("admin")
    client.headers.update(HTML)
    return client


def test_jobs_page_has_the_columns_of_the_design(console: Console, browser: httpx.Client) -> None:
    console.define(name="nap", label="A nap", owner="ada", triggers=[{"every": "PT15M"}])

    page = browser.get("/jobs").text

    heads = re.findall(r'<th scope="col">([A-Z][^<]*)</th>', page)
    assert heads == ["Label", "Owner", "Trigger", "Last run", "Status", "Next run"]
    for words in ("A nap", "ada", "every 15 minutes", "Never ran"):
        assert words in page


def test_tabs_and_search_narrow_the_list(console: Console, browser: httpx.Client) -> None:
    console.define(name="upkeep", owner="system")
    console.define(name="nap", owner="ada", enabled=False)

    def names(query: str) -> set[str]:
        return set(re.findall(r'data-key="([^"]+)"', browser.get(f"/jobs?{query}").text))

    assert names("") == {"upkeep", "nap"}
    assert names("tab=system") == {"upkeep"}
    assert names("tab=user") == names("tab=disabled") == names("q=NAP") == {"nap"}


def test_nothing_there_and_nothing_matching_are_told_apart(browser: httpx.Client) -> None:
    assert "No jobs yet." in browser.get("/jobs").text
    assert "No job matches “x”." in browser.get("/jobs?q=x").text
    assert "Nothing has run yet." in browser.get("/runs").text
    assert "No run matches." in browser.get("/runs?tab=failed").text
    assert "Nothing was set aside." in browser.get("/dead").text
    assert "No datasources yet." in browser.get("/datasources").text
    assert "No worker is alive." in browser.get("/workers").text


def test_job_is_run_and_switched_by_forms(console: Console, browser: httpx.Client) -> None:
    console.define(name="nap", overlap="allow_all")

    ran = browser.post("/jobs", data={"run": "nap"})
    assert ran.status_code == 303
    assert browser.get(ran.headers["location"]).status_code == 200
    off = browser.post("/jobs", data={"disable": "nap", "back": "/jobs/nap"})
    assert off.headers["location"] == "/jobs/nap"
    page = browser.get("/jobs/nap").text
    assert "nap is disabled." in page
    assert "nap is disabled." not in browser.get("/jobs/nap").text
    refused = browser.post("/jobs", data={"run": "nap"})
    assert "the job nap is disabled" in browser.get(refused.headers["location"]).text


def test_chosen_jobs_are_acted_on_together(console: Console, browser: httpx.Client) -> None:
    for name in ("a", "b", "c"):
        console.define(name=name)

    browser.post("/jobs", data={"names": ["a", "b"], "deed": "disable"})
    assert "2 jobs were disabled." in browser.get("/jobs").text
    browser.post("/jobs", data={"names": ["a", "c"], "deed": "run"})
    assert "1 jobs were started. Not started" in browser.get("/jobs").text
    browser.post("/jobs", data={"deed": "run"})
    assert "No job was chosen." in browser.get("/jobs").text
    assert browser.post("/jobs", data={"deed": "explode", "names": "a"}).status_code == 400


def test_parameters_are_asked_for_and_checked(console: Console, browser: httpx.Client) -> None:
    console.define(
        name="nap",
        params={
            "seconds": {"type": "number"},
            "deep": {"type": "boolean", "default": False},
            "note": {"type": "string", "default": "x"},
        },
    )
    assert 'name="param.seconds"' in browser.get("/jobs/nap").text

    missing = browser.post("/jobs", data={"run": "nap", "param.seconds": ""})
    assert "seconds: is required" in browser.get(missing.headers["location"]).text
    good = browser.post("/jobs", data={"run": "nap", "param.seconds": "1.5", "param.deep": "true", "param.note": "12"})
    run = browser.get(f"/api/v1{good.headers['location']}").json()
    assert run["params"] == {"seconds": 1.5, "deep": True, "note": "12"}


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_form_does_not_lead_elsewhere(console: Console, browser: httpx.Client, back: str) -> None:
    console.define(name="nap")

    assert browser.post("/jobs", data={"disable": "nap", "back": back}).headers["location"] == "/jobs"


def test_run_page_offers_what_is_possible(console: Console, browser: httpx.Client) -> None:
    console.define(name="nap", overlap="allow_all")
    run_id = browser.post("/jobs", data={"run": "nap"}).headers["location"].rpartition("/")[2]

    def deeds() -> list[str]:
        return re.findall(r'name="deed" value="(\w+)"', browser.get(f"/runs/{run_id}").text)

    assert deeds() == ["pause", "cancel"]
    browser.post(f"/runs/{run_id}", data={"deed": "pause"})
    assert deeds() == ["resume", "cancel"]
    browser.post(f"/runs/{run_id}", data={"deed": "cancel"})
    assert deeds() == []
    assert "Cancelling" in browser.get(f"/runs/{run_id}").text


def test_what_people_wrote_is_text_and_never_markup(console: Console, browser: httpx.Client) -> None:
    nasty = "<script>alert(1)</script>\"'&"
    console.define(name="nap", label=nasty, description=nasty, params={"p": {"type": "string", "default": nasty}})
    run = browser.post("/jobs", data={"run": "nap"}).headers["location"]

    for path in ("/jobs", "/jobs/nap", run, "/runs", f"/jobs?q={nasty}", f"/runs?job={nasty}"):
        assert "<script>alert" not in browser.get(path).text


def test_pages_have_nothing_inline_and_nothing_from_elsewhere(console: Console, browser: httpx.Client) -> None:
    console.define(name="nap")
    run = browser.post("/jobs", data={"run": "nap"}).headers["location"]
    set_aside(console.parts.bus)

    new = ("/upcoming", "/hooks", "/jobs/nap/backfill", "/jobs/nap?at=2026-05-04T08:30")
    for path in ("/jobs", "/jobs/nap", "/runs", run, "/datasources", "/workers", "/dead", "/login", "/nothing", *new):
        page = browser.get(path).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page), path
        for address in re.findall(r'(?:src|href|action)="([^"]+)"', page):
            assert address.startswith(("/", "#")), (path, address)


def test_static_files_of_a_version_may_be_kept_for_ever(console: Console) -> None:
    page = console.anyone(headers=HTML).get("/login").text
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        answer = console.anyone().get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert console.anyone().get("/static/x/nothing.css").status_code == 404
    assert console.anyone().get("/static/x/..%2fbase.html").status_code == 404


def test_scripts_ask_for_files_that_exist() -> None:
    folder = Path(__file__).parents[3] / "console" / "pages" / "static"
    assert set(statics().files) == {path.name for path in folder.iterdir()}
    for script in folder.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', script.read_text()):
            assert name in statics().files


def test_part_that_changes_is_sent_only_when_it_changed(console: Console, browser: httpx.Client) -> None:
    console.define(name="nap")
    part = {"x-rota-part": "1"}

    first = browser.get("/jobs", headers=part)
    again = browser.get("/jobs", headers={**part, "if-none-match": first.headers["etag"]})
    console.define(name="doze")
    changed = browser.get("/jobs", headers={**part, "if-none-match": first.headers["etag"]})

    assert "<html" not in first.text
    assert 'data-key="nap"' in first.text
    assert (again.status_code, again.content) == (304, b"")
    assert (changed.status_code, 'data-key="doze"' in changed.text) == (200, True)


@pytest.mark.parametrize(
    "path",
    ["/jobs", "/jobs/nap", "/runs", "/runs/{run}", "/workers", "/dead", "/datasources", "/datasources/docs", "/hooks"],
)
def test_every_live_page_has_its_part(console: Console, browser: httpx.Client, path: str) -> None:
    console.define(name="nap")
    run = browser.post("/api/v1/jobs/nap/run").json()["run"]
    browser.post("/api/v1/datasources", json={"name": "docs", "root": "/srv"})
    path = path.format(run=run)

    part, page = (browser.get(path, headers=headers).text for headers in ({"x-rota-part": "1"}, {}))

    banner = "<div data-banner>\n</div>"
    rest = part.removeprefix(banner)
    assert part.startswith(banner)
    assert banner in page
    # How long the oldest message has waited differs between two looks.
    assert re.sub(r"[\d.]+ s<", "<", rest).strip() in re.sub(r"[\d.]+ s<", "<", page)


def test_dead_letters_are_counted_in_the_head_and_dropped_by_a_form(console: Console, browser: httpx.Client) -> None:
    letter = set_aside(console.parts.bus)
    assert 'aria-label="1 waiting"' in browser.get("/jobs").text
    assert "there is no actor nobody" in browser.get("/dead").text

    browser.post("/dead", data={"redrive": letter})
    assert "It is back on its queue." in browser.get("/dead").text
    browser.post("/dead", data={"discard": letter})
    assert "It is gone already." in browser.get("/dead").text


def test_viewer_sees_no_buttons(console: Console) -> None:
    console.define(name="nap")
    viewer = console.as_("viewer")

    page = viewer.get("/jobs", headers=HTML).text

    assert "<button" not in page.replace('<button class="quiet" type="submit">Sign out</button>', "")


def test_user_is_not_led_to_pages_that_are_not_theirs(console: Console) -> None:
    page = console.as_("user").get("/jobs", headers=HTML).text

    assert 'href="/runs"' in page
    assert 'href="/workers"' not in page

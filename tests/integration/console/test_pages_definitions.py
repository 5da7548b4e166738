"""The pages about what people define: versions of a job and its rules in words, and hooks."""

from __future__ import annotations

import re

import httpx
import pytest

from store.queries import jobs
from tests.integration.console.serving import Console

HTML = {"accept": "text/html"}
NASTY = "<script>alert(1)</script>\"'&"


@pytest.fixture
def browser(console: Console) -> httpx.Client:
    """A browser of somebody who may do everything."""
    client = console.as_("admin")
    client.headers.update(HTML)
    return client


def restorable(page: str) -> list[str]:
    return re.findall(r'name="version" value="(\d+)"', page)


def label_of(browser: httpx.Client) -> str:
    return str(browser.get("/api/v1/jobs/nap").json()["label"])


# --- Versions ------------------------------------------------------------------------------------------------------------


def test_versions_say_what_changed_and_who_did_it(console: Console, browser: httpx.Client) -> None:
    console.define(name="nap", label="A nap", triggers=[{"every": "PT15M"}])
    console.define(name="nap", label=NASTY, triggers=[{"every": "PT30M"}])

    page = browser.get("/jobs/nap").text

    assert "trigger removed: every 15 minutes" in page
    assert "trigger added: every 30 minutes" in page
    assert "label: A nap → &lt;script&gt;" in page
    assert "by tester" in page
    assert "the file test" in page
    assert "The first one" in page
    assert "<script>alert" not in page
    assert restorable(page) == ["1"]


def test_earlier_version_is_restored_as_a_new_one(console: Console, browser: httpx.Client) -> None:
    console.define(name="nap", label="before")
    console.define(name="nap", label="after")

    done = browser.post("/jobs/nap/restore", data={"version": "1", "seen": "2"})

    assert "Version 3 says what version 1 said." in browser.get(done.headers["location"]).text
    assert label_of(browser) == "before"
    with console.parts.store.reading() as conn:
        assert jobs.get(conn, "nap").author == "the-admin"


def test_restore_does_not_overwrite_what_somebody_else_has_just_saved(console: Console, browser: httpx.Client) -> None:
    for label in ("one", "two", "three"):
        console.define(name="nap", label=label)

    browser.post("/jobs/nap/restore", data={"version": "1", "seen": "2"})

    assert "somebody else changed the job" in browser.get("/jobs/nap").text
    assert label_of(browser) == "three"


def test_version_that_cannot_come_back_is_told(console: Console, browser: httpx.Client) -> None:
    console.define(name="nap", label="one")

    browser.post("/jobs/nap/restore", data={"version": "7", "seen": "1"})
    assert "Version 7 is not kept any more." in browser.get("/jobs/nap").text
    assert browser.post("/jobs/nap/restore", data={"version": "one", "seen": "1"}).status_code == 400


def test_newest_ten_versions_are_listed(console: Console, browser: httpx.Client) -> None:
    for n in range(12):
        console.define(name="nap", label=f"nap {n}")

    page = browser.get("/jobs/nap").text

    assert restorable(page) == [str(n) for n in range(11, 2, -1)]
    assert "rota jobs versions nap" in page


@pytest.mark.parametrize("role", ["viewer", "operator", "user"])
def test_who_may_not_define_sees_versions_without_restore(console: Console, role: str) -> None:
    console.define(name="nap", label="one", owner="eve")
    console.define(name="nap", label="two", owner="eve")

    page = console.as_(role, name="eve").get("/jobs/nap", headers=HTML).text

    assert "label: one → two" in page
    assert "Restore" not in page


# --- Rules in words --------------------------------------------------------------------------------------------------------


def test_rules_that_differ_from_the_usual_are_told(console: Console, browser: httpx.Client) -> None:
    console.define(name="plain")
    console.define(name="nap", overlap="buffer_one", rate={"limit": 5, "period": "PT1M"}, concurrency={"limit": 2})

    assert "<dt>Overlap</dt>" not in browser.get("/jobs/plain").text
    page = browser.get("/jobs/nap").text
    assert "at most 2 runs are open at once; one further run waits for its turn" in page
    assert "at most 5 starts within 1 minute" in page


# --- Hooks -----------------------------------------------------------------------------------------------------------------


def token_in(page: str) -> str:
    found = re.search(r"<pre[^>]*>([\w-]{40,})</pre>", page)
    assert found is not None
    return found[1]


def deliver(console: Console, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return console.anyone().post("/api/v1/hooks/door", json={}, headers=headers).status_code


def test_hook_is_added_and_its_token_shown_once(console: Console, browser: httpx.Client) -> None:
    answer = browser.post("/hooks", data={"deed": "add", "slug": "door", "label": NASTY})

    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert "<script>alert" not in answer.text
    token = token_in(answer.text)
    assert deliver(console, token) == 202
    page = browser.get("/hooks").text
    assert token not in page
    assert f"{console.url}/api/v1/hooks/door" in page
    assert "never" not in page


def test_hook_gets_a_new_token_and_is_switched_and_deleted(console: Console, browser: httpx.Client) -> None:
    old = token_in(browser.post("/hooks", data={"deed": "add", "slug": "door"}).text)
    new = token_in(browser.post("/hooks", data={"rotate": "door"}).text)

    assert (deliver(console, old), deliver(console, new)) == (401, 202)
    browser.post("/hooks", data={"disable": "door"})
    assert "The hook door is disabled." in browser.get("/hooks").text
    assert deliver(console, new) == 403
    browser.post("/hooks", data={"enable": "door"})
    assert deliver(console, new) == 202
    browser.post("/hooks", data={"delete": "door"})
    assert "No hooks yet." in browser.get("/hooks").text
    browser.post("/hooks", data={"rotate": "door"})
    assert "There is no such hook any more." in browser.get("/hooks").text
    assert browser.post("/hooks", data={"deed": "explode"}).status_code == 400


def test_hook_that_cannot_be_added_keeps_what_was_typed(browser: httpx.Client) -> None:
    wrong = browser.post("/hooks", data={"deed": "add", "slug": "Front Door", "label": "Mine"})
    assert wrong.status_code == 422
    assert 'value="Front Door"' in wrong.text
    assert 'role="alert"' in wrong.text

    browser.post("/hooks", data={"deed": "add", "slug": "door"})
    taken = browser.post("/hooks", data={"deed": "add", "slug": "door"})
    assert (taken.status_code, "There is a hook door already." in taken.text) == (409, True)


@pytest.mark.parametrize("role", ["viewer", "operator", "publisher", "user"])
def test_hooks_are_for_admins(console: Console, role: str) -> None:
    client = console.as_(role)
    client.headers.update(HTML)

    assert client.get("/hooks").status_code == 403
    assert 'href="/hooks"' not in client.get("/jobs").text

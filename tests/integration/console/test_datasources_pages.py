"""The pages of datasources as a browser without JavaScript meets them."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from rota.datasources import OPTIONS
from store.queries import datasources
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source, bring_jobs, end_run, fill

HTML = {"accept": "text/html"}
NASTY = "<script>alert(1)</script>\"'&"
DOUBT = {
    "run": "r", "at": 1, "path": "a", "reason": "1,200 of 1,300 entries are gone", "deleted": 1200, "known": 1300,
    "examples": ["a/one.txt"],
}  # fmt: skip


@pytest.fixture
def browser(console: Console) -> httpx.Client:
    """A browser of somebody who may do everything."""
    client = console.as_("admin")
    client.headers.update(HTML)
    return client


def text_of(page: str) -> str:
    """The page without its tags, its spaces made one."""
    # Not by split: that also cuts at the thin spaces in numbers.
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", page))


def follow(browser: httpx.Client, answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return browser.get(answer.headers["location"]).text


def act(browser: httpx.Client, deed: str, **fields: str) -> httpx.Response:
    return browser.post("/datasources/docs", data={"deed": deed, **fields})


# --- The list, and the tree -----------------------------------------------------------------------------------------------


def test_list_has_its_columns_and_says_how_it_stands(console: Console, browser: httpx.Client) -> None:
    add_source(console, label="Documents", last_sync={"at": 1})
    add_source(console, "media", kind="s3", root="s3://media", unreachable={"since": 1, "reason": "no route"})

    page = browser.get("/datasources").text

    heads = re.findall(r'<th scope="col"[^>]*>([A-Z][^<]*)</th>', page)
    assert heads == ["Name", "Where", "Kind", "Entries", "Size", "Last sync", "Search", "Status"]
    for words in ("Documents", "s3://media", "Unreachable", "Ok", "Add a datasource"):
        assert words in page


def test_tree_tells_sizes_and_leads_on(console: Console, browser: httpx.Client) -> None:
    add_source(console)
    fill(console, "docs", {
        b"": {}, b"a": {b"%03d" % n: 1_000 for n in range(201)}, b"a/b&c": {b"x": 1_000_000}, b"caf\xe9": {b"y": 5},
    })  # fmt: skip

    page = browser.get("/datasources/docs").text
    first = browser.get("/datasources/docs?path=a").text
    (following,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = browser.get(following.replace("&amp;", "&")).text
    (raw,) = re.findall(r'href="(/datasources/docs\?raw=[^"]+)"', page)

    assert "a/ folder 203 1.2 MB" in text_of(page)
    assert 'href="/datasources/docs?path=a%2Fb%26c"' in second
    assert "First page" in second
    assert "caf\ufffd" in text_of(browser.get(raw).text)
    assert "y file 5 B" in text_of(browser.get(raw).text)
    assert browser.get("/datasources/docs?path=nowhere").status_code == 404


def test_nothing_there_is_said_with_what_to_do(console: Console, browser: httpx.Client) -> None:
    assert "No datasources yet." in browser.get("/datasources").text
    add_source(console)
    page = text_of(browser.get("/datasources/docs").text)

    assert "It has not been synced yet." in page
    assert "The catalog has nothing of it yet." in page
    assert browser.get("/datasources/nothing").status_code == 404


# --- How it stands with one -----------------------------------------------------------------------------------------------


def test_last_sync_is_told_with_its_difference(console: Console, browser: httpx.Client) -> None:
    examples = {
        "created": [{"path": NASTY, "kind": "file"}],
        "moved": [{"path": "new", "kind": "folder", "came_from": "old"}],
    }
    add_source(console, last_sync={"run": "gone", "at": 1, "created": 1, "moved": 2000, "examples": examples})

    page = browser.get("/datasources/docs").text

    assert "Created 1 Updated 0 Moved 2\N{NARROW NO-BREAK SPACE}000 Deleted 0" in text_of(page)
    assert "old → new/" in text_of(page)
    assert "<script>alert" not in page
    assert "To the run" not in page  # it is kept no more


def test_deletions_are_confirmed_by_their_number(console: Console, browser: httpx.Client) -> None:
    add_source(console, doubt=DOUBT)
    bring_jobs(console)

    page = browser.get("/datasources/docs").text
    assert "1\N{NARROW NO-BREAK SPACE}200 deletions wait for your confirmation." in text_of(page)
    assert "a/one.txt" in page
    assert "look at them again" in follow(browser, act(browser, "confirm", deleted="7"))
    answer = act(browser, "confirm", deleted="1200")
    run = answer.headers["location"].partition("run=")[2]

    assert browser.get(f"/api/v1/runs/{run}").json()["params"]["confirmed_deletions"] == 1200
    assert act(browser, "confirm", deleted="many").status_code == 400


def test_unreachable_says_since_when_and_what_to_do(console: Console, browser: httpx.Client) -> None:
    add_source(console, unreachable={"since": 0, "at": 1, "reason": "no route to host"})

    page = text_of(browser.get("/datasources/docs").text)

    assert "It cannot be reached since 1 Jan 1970, 00:00:00 UTC : no route to host" in page
    assert "Test the connection" in page


@pytest.mark.parametrize(
    ("deed", "result", "said"),
    [
        ("test", [{"reachable": True, "writable": True, "message": "reachable in 3 ms"}], "Reachable in 3 ms A marker"),
        ("test", {"reachable": False, "message": "no route; check it"}, "Not reachable To the run No route; check it"),
        ("dry_run", [{"created": 5, "updated": 6}], "A sync would have Created 5 Updated 6 Moved 0 Deleted 0"),
        ("sync", [{"deleted": 8}], "Created 0 Updated 0 Moved 0 Deleted 8"),
    ],
)
def test_what_was_started_is_told_on_the_page(
    console: Console, browser: httpx.Client, *, deed: str, result: Any, said: str
) -> None:
    add_source(console)
    bring_jobs(console)

    here = act(browser, deed).headers["location"]
    assert "It waits for a worker" in browser.get(here).text
    end_run(console, here.partition("run=")[2], result)

    assert said in text_of(browser.get(here).text)


def test_open_sync_is_shown_and_a_second_one_refused(console: Console, browser: httpx.Client) -> None:
    add_source(console)
    bring_jobs(console)
    run = act(browser, "sync").headers["location"].partition("run=")[2]

    assert f'href="/runs/{run}"' in browser.get("/datasources/docs").text
    assert "Not started:" in follow(browser, act(browser, "sync"))
    assert "run=" not in browser.get("/datasources/docs?run=nothing").text


def test_run_about_another_datasource_is_not_told(console: Console, browser: httpx.Client) -> None:
    add_source(console)
    add_source(console, "other")
    bring_jobs(console)
    run = act(browser, "test").headers["location"].partition("run=")[2]

    assert "Test of the connection" in browser.get(f"/datasources/docs?run={run}").text
    assert "Test of the connection" not in browser.get(f"/datasources/other?run={run}").text


def test_buttons_without_their_jobs_say_so(console: Console, browser: httpx.Client) -> None:
    add_source(console)

    assert "Not started: there is no job probe-datasource." in text_of(follow(browser, act(browser, "test")))
    assert act(browser, "explode").status_code == 400


def test_datasource_is_switched_and_removed_by_forms(console: Console, browser: httpx.Client) -> None:
    add_source(console)

    assert "docs is switched off." in follow(browser, act(browser, "disable"))
    assert "docs is switched on." in follow(browser, act(browser, "enable"))
    assert console.as_("operator").post("/datasources/docs/remove").status_code == 403
    assert "docs is removed." in follow(browser, browser.post("/datasources/docs/remove"))
    assert browser.get("/datasources/docs").status_code == 404


def test_viewer_looks_and_operator_does_not_define(console: Console) -> None:
    add_source(console, doubt=DOUBT)

    def page(role: str) -> str:
        found: str = console.as_(role).get("/datasources/docs", headers=HTML).text
        return found.replace('<button class="quiet" type="submit">Sign out</button>', "")

    assert "<button" not in page("viewer")
    assert "Sync now" in page("operator")
    for words in ("Edit", "Remove docs"):
        assert words not in page("operator")
        assert words in page("admin")


# --- The form -------------------------------------------------------------------------------------------------------------


def names_in(page: str) -> set[str]:
    return set(re.findall(r'<(?:input|textarea)[^>]* name="([^"]+)"', page)) - {"kind", "seen", "name"}


@pytest.mark.parametrize("kind", OPTIONS)
def test_form_of_every_kind_asks_for_all_its_options(browser: httpx.Client, kind: str) -> None:
    assert f'href="/datasources:add?kind={kind}"' in browser.get("/datasources:add").text

    names = names_in(browser.get(f"/datasources:add?kind={kind}").text)

    assert {name for name in names if name.startswith("option.")} == {
        f"option.{name}" for name in OPTIONS[kind].model_fields
    }
    assert {"label", "root", "include", "exclude", "max_deleted", "queue", "enabled"} <= names
    assert ("watch" in names, "allow_private" in names) == (kind == "local", kind != "local")


def test_datasource_is_added_by_a_form_and_tested(console: Console, browser: httpx.Client) -> None:
    bring_jobs(console)
    form = {
        "kind": "s3", "name": "media", "root": "s3://media", "option.access_key_id": "env:ID", "option.retries": "2",
        "option.anonymous": "true", "option.region": "", "exclude": "*.tmp\r\n\r\ncache/** ", "enabled": "true",
    }  # fmt: skip

    answer = browser.post("/datasources:add", data={**form, "deed": "test"})

    assert "Test of the connection" in follow(browser, answer)
    saved = browser.get("/api/v1/datasources/media").json()
    options = saved["options"]
    assert (options["access_key_id"], options["retries"], options["anonymous"]) == ("env:ID", 2, True)
    assert (options["region"], saved["exclude"], saved["queue"]) == ("us-east-1", ["*.tmp", "cache/**"], None)


def test_errors_stand_at_their_fields_and_nothing_written_is_lost(console: Console, browser: httpx.Client) -> None:
    form = {
        "kind": "sftp",
        "name": "files",
        "root": "sftp://h/x",
        "label": NASTY,
        "option.password": "hunter2",
        "include": "/",
        "deed": "add",
    }

    answer = browser.post("/datasources:add", data=form)

    assert answer.status_code == 422
    page = answer.text
    assert re.search(r'name="option.password"[^>]* aria-invalid="true" aria-describedby="[^"]*password-error', page)
    assert "Must refer to a secret" in text_of(page)
    assert "Must be a pattern" in text_of(page)
    assert "hunter2" not in page
    assert re.search(r'name="root" value="sftp://h/x"', page)
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "There is a datasource" not in page
    add_source(console)
    taken = browser.post("/datasources:add", data={"kind": "local", "name": "docs", "root": "/x", "deed": "add"})
    assert (taken.status_code, "There is a datasource docs already." in text_of(taken.text)) == (409, True)


def test_number_and_json_that_cannot_be_read_are_refused_at_their_field(browser: httpx.Client) -> None:
    form = {"kind": "fsspec", "name": "x", "root": "ftp://h/x", "option.storage_options": "{", "option.retries": "many"}

    page = browser.post("/datasources:add", data={**form, "deed": "add"}).text

    assert len(re.findall(r'aria-invalid="true"', page)) == 2
    assert "<details" not in page  # what is folded away opens when something in it is wrong
    assert browser.post("/datasources:add", data={"kind": "tape"}).status_code == 400


def test_edit_shows_what_holds_and_keeps_what_is_not_on_it(console: Console, browser: httpx.Client) -> None:
    add_source(console, rules={"exclude": ["*.tmp"], "max_deleted": 0.25}, queue="far", marker="m")

    page = browser.get("/datasources/docs/edit").text
    (seen,) = re.findall(r'name="seen" value="([^"]*)"', page)
    form = {
        "seen": seen.replace("&#34;", '"'),
        "root": "/srv/docs",
        "max_deleted": "0.25",
        "exclude": "*.bak",
        "watch": "true",
    }
    saved = browser.post("/datasources/docs/edit", data=form)

    assert "*.tmp</textarea>" in page
    assert 'name="max_deleted" value="0.25"' in page
    assert "docs is saved." in follow(browser, saved)
    found = browser.get("/api/v1/datasources/docs").json()
    assert (found["exclude"], found["watch"], found["enabled"], found["queue"]) == (["*.bak"], True, False, None)
    assert found["marked"] is True


def test_edit_does_not_overwrite_unseen_changes(console: Console, browser: httpx.Client) -> None:
    add_source(console)
    form = {"seen": '"old"', "root": "/srv/new", "enabled": "true"}

    refused = browser.post("/datasources/docs/edit", data=form)
    (seen,) = re.findall(r'name="seen" value="([^"]*)"', refused.text)
    again = browser.post("/datasources/docs/edit", data={**form, "seen": seen.replace("&#34;", '"')})

    assert (refused.status_code, "Somebody else changed it" in refused.text) == (412, True)
    assert "/srv/new" in refused.text
    assert again.status_code == 303
    with console.parts.store.reading() as conn:
        assert datasources.get(conn, "docs").root == "/srv/new"
    bad = browser.post("/datasources/docs/edit", data={"seen": "x", "root": "relative"})
    assert (bad.status_code, 'value="relative"' in bad.text) == (422, True)

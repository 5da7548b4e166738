"""The page of a bin, and deleting from the page of a datasource, as a browser without JavaScript meets them."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from console.pages import bin_page
from store.queries import bin_items, datasources
from tests.integration.console.bins import DAY, DOUBT, LAST, bin_item, recycle, remember
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source, bring_jobs, end_run, fill

PAGE = "/datasources/docs/bin"
NASTY = "<script>alert(1)</script>\"'&"


def browser_of(console: Console, role: str) -> httpx.Client:
    client = console.as_(role)
    client.headers["accept"] = "text/html"
    return client


@pytest.fixture
def browser(console: Console) -> httpx.Client:
    """A browser of somebody who may do everything."""
    return browser_of(console, "admin")


@pytest.fixture
def bins(console: Console) -> Console:
    """A console with a datasource whose bin has a few items."""
    now = console.parts.clock.now_ms()
    add_source(console, rules={"bin": {"keep": "P30D", "hold": ["*.pdf"]}})
    bring_jobs(console)
    recycle(
        console,
        bin_item("1", "reports/2026/a&b.txt", at=now - DAY, bytes=2_500),
        bin_item("2", "photos", kind="folder", items=1_234, bytes=8_000_000, at=now - 2 * DAY, deleted_by="bob"),
        bin_item("3", "signed.pdf", at=now - 3 * DAY),
        bin_item("4", NASTY, at=now - 40 * DAY, hold=NASTY),
        bin_item("5", "old", at=now - 31 * DAY),
    )
    return console


def text_of(page: str) -> str:
    """The page without its tags, its spaces made one."""
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", page))


def rows_of(page: str) -> list[str]:
    return [text_of(row).strip() for row in re.findall(r"<tr data-key.*?</tr>", page, flags=re.DOTALL)]


def follow(browser: httpx.Client, answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return browser.get(answer.headers["location"]).text


def act(
    browser: httpx.Client, deed: str, items: tuple[str, ...] = (), *, to: str = "", **fields: str
) -> httpx.Response:
    return browser.post(f"{PAGE}{to}", data={"deed": deed, "items": list(items), **fields})


def run_of(browser: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    assert "run=" in answer.headers["location"], follow(browser, answer)
    run = answer.headers["location"].partition("run=")[2]
    found: dict[str, Any] = browser.get(f"/api/v1/runs/{run}").json()
    return found


# --- The list -------------------------------------------------------------------------------------------------------------


def test_list_tells_what_was_deleted_and_when_it_leaves(bins: Console, browser: httpx.Client) -> None:
    page = browser.get(PAGE).text

    heads = re.findall(r'<th scope="col"[^>]*>([A-Z][^<]*)</th>', page)
    assert heads == ["Name", "Original place", "Deleted", "By", "Size", "Leaves on"]
    first, second, third, *_ = rows_of(page)
    assert first.startswith("a&amp;b.txt reports/2026 ")
    assert " anna 2.5 KB " in first
    assert re.search(r"photos/ 1.234 entries / .* bob 8.0 MB \d", second)
    assert third.endswith("Held by *.pdf")
    assert rows_of(page)[3].endswith("the next purge")
    assert "5 items, 8.0 MB, 1 held" in text_of(page)
    assert "<script>alert" not in page
    assert 'href="/datasources/docs?path=reports%2F2026"' in page


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "A&B"}, ["a&amp;b.txt"]),
        ({"user": "bob"}, ["photos/"]),
        ({"folder": "reports"}, ["a&amp;b.txt"]),
        ({"held": "yes", "q": "pdf"}, ["signed.pdf"]),
        ({"held": "no"}, ["a&amp;b.txt", "photos/", "old"]),
        ({"since": "2999-01-01"}, []),
    ],
)
def test_filters_stay_in_the_form(
    bins: Console, browser: httpx.Client, query: dict[str, str], names: list[str]
) -> None:
    page = browser.get(PAGE, params=query).text

    assert [row.split(" ")[0] for row in rows_of(page)] == names
    for name, value in query.items():
        escaped = value.replace("&", "&amp;")
        assert f'name="{name}" value="{escaped}"' in page or f'<option value="{value}" selected>' in page
    assert ("Nothing in the bin matches." in page) is (not names)


def test_filters_by_day_are_in_the_zone_of_the_reader(console: Console, browser: httpx.Client) -> None:
    add_source(console)
    recycle(console, bin_item("1", "early", at=20 * 60 * 60_000))  # 1970-01-01T20:00Z, the next day in Tokyo

    def found(**query: str) -> bool:
        return "early" in browser.get(PAGE, params=query).text.partition("<tbody>")[2]

    assert found(since="1970-01-01", until="1970-01-01")
    assert not found(since="1970-01-01", until="1970-01-01", zone="Asia/Tokyo")
    assert found(since="1970-01-02", until="1970-01-02", zone="Asia/Tokyo")
    assert browser.get(PAGE, params={"since": "soon"}).status_code == 422


def test_long_list_goes_on_with_its_filters(console: Console, browser: httpx.Client) -> None:
    add_source(console)
    recycle(console, *(bin_item(f"{n:03}", f"a/{n:03}", at=n) for n in range(101)))

    first = browser.get(PAGE, params={"folder": "a"}).text
    (following,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = browser.get(following.replace("&amp;", "&")).text

    assert (len(rows_of(first)), rows_of(second)[0][:3]) == (100, "000")
    assert f'href="{PAGE}?folder=a">First page' in second


def test_nothing_there_is_said(console: Console, browser: httpx.Client) -> None:
    add_source(console)

    assert "The bin is empty." in browser.get(PAGE).text
    assert browser.get("/datasources/nothing/bin").status_code == 404


def test_who_may_not_is_offered_nothing(bins: Console) -> None:
    viewer, operator = (browser_of(bins, role).get(PAGE).text for role in ("viewer", "operator"))

    assert "<button name" not in viewer
    assert 'name="items"' not in viewer
    assert 'value="restore"' in operator
    assert "Delete for good" not in operator
    assert "Hold" not in operator.partition("<tbody>")[2].partition("data-bar")[2]


# --- The next purge, and the rules ----------------------------------------------------------------------------------------


def test_next_purge_and_rules_are_told_in_words(bins: Console, browser: httpx.Client) -> None:
    remember(bins, last_purge=LAST)

    page = text_of(browser.get(PAGE).text)

    assert "take 1 item, 1.0 KB : 1 by age." in page
    assert "Which go first? old" in page
    assert "Kept for 30 days" in page
    assert "Never purged *.pdf" in page
    assert "Last purge 1 Jan 1970, 00:00:00 UTC : 12 items, 1.0 KB" in page


def test_large_bin_asks_a_worker(bins: Console, browser: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bin_page, "_MOST_PLANNED", 2)

    assert "a dry run tells what would go" in browser.get(PAGE).text


def test_purge_that_was_held_back_is_confirmed(bins: Console, browser: httpx.Client) -> None:
    remember(bins, doubt=DOUBT)

    assert "1\N{NARROW NO-BREAK SPACE}200 items wait for your confirmation , 5.0 MB." in text_of(browser.get(PAGE).text)
    assert "held back 1\N{NARROW NO-BREAK SPACE}200 items" in text_of(browser.get("/datasources/docs").text)
    assert "look at them again" in follow(browser, act(browser, "confirm", to="/purge", count="7"))
    run = run_of(browser, act(browser, "confirm", to="/purge", count="1200"))
    assert run["params"]["confirmed"] == 1200


# --- What can be done -----------------------------------------------------------------------------------------------------


def test_chosen_items_are_restored(bins: Console, browser: httpx.Client) -> None:
    back = run_of(browser, act(browser, "restore", ("1", "2")))
    there = run_of(browser, act(browser, "restore_to", ("1",), target=" new/place ", conflict="number"))

    assert (back["job"], back["params"]["items"], back["params"]["target"]) == ("restore-items", ["1", "2"], "")
    assert (there["params"]["target"], there["params"]["conflict"]) == ("new/place", "number")


def test_enter_key_in_a_field_restores_nothing_to_where_it_was(bins: Console, browser: httpx.Client) -> None:
    form = browser.get(PAGE).text.partition('id="items"')[2]

    assert re.findall(r'<button [^>]*value="([^"]+)"', form)[0] == "typed"
    assert "Nothing was done" in follow(browser, act(browser, "typed", ("1",), reason="case 17"))
    assert run_of(browser, act(browser, "typed", ("1",), target="new"))["params"]["target"] == "new"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"deed": "restore"}, "Nothing was chosen."),
        ({"deed": "restore", "items": "gone"}, "Not started: there is no item gone"),
        ({"deed": "restore_to", "items": "1", "target": "../x"}, "Not done: target: must be relative"),
    ],
)
def test_what_cannot_be_restored_is_said(
    bins: Console, browser: httpx.Client, fields: dict[str, str], said: str
) -> None:
    assert said in follow(browser, browser.post(PAGE, data=fields))


def test_deleting_for_good_says_first_how_many_and_how_much(bins: Console, browser: httpx.Client) -> None:
    asked = act(browser, "ask", ("1", "2", "3"), to="/purge")

    assert asked.status_code == 200
    said = text_of(asked.text)
    assert "Delete 2 items for good?" in said
    assert "This frees 8.0 MB." in said
    assert "Held: this stays signed.pdf by the pattern *.pdf" in said
    chosen = re.findall(r'name="items" value="([^"]+)"', asked.text)
    run = run_of(browser, act(browser, "delete", tuple(chosen), to="/purge"))
    assert (run["job"], run["params"]["items"]) == ("purge-bin", ["1", "2"])
    assert "Nothing can be deleted" in act(browser, "ask", ("3",), to="/purge").text
    assert "has left the bin" in follow(browser, act(browser, "ask", ("gone",), to="/purge"))


def test_items_are_held_and_released(bins: Console, browser: httpx.Client) -> None:
    back = f"{PAGE}?user=anna"
    held = act(browser, "hold", ("1", "5"), to="/purge", reason="case 17", back=back)

    assert held.headers["location"] == back
    assert "2 items are held." in follow(browser, held)
    assert "They were held already." in follow(browser, act(browser, "hold", ("1",), to="/purge", reason="case 17"))
    assert "1 item is released." in follow(browser, act(browser, "release", ("5",), to="/purge"))
    assert "None of them was held." in follow(browser, act(browser, "release", ("5",), to="/purge"))
    assert "reason" in follow(browser, act(browser, "hold", ("5",), to="/purge", reason=" "))
    with bins.parts.store.reading() as conn:
        assert [item.hold for item in bin_items.find(conn, "docs", ["1", "5"])] == ["case 17", None]


def test_purge_is_tried_and_started(bins: Console, browser: httpx.Client) -> None:
    tried = run_of(browser, act(browser, "dry_run"))
    real = run_of(browser, act(browser, "purge", to="/purge"))

    assert (tried["params"]["dry_run"], real["params"]["dry_run"]) == (True, False)
    assert act(browser, "nothing").status_code == act(browser, "nothing", ("1",), to="/purge").status_code == 400


@pytest.mark.parametrize(
    ("deed", "result", "said"),
    [
        (
            "dry_run",
            {"removed": 2, "bytes": 2_000, "kept": {"held": 1, "young": 5}, "items": [{"path": NASTY}], "more": 1},
            "Would delete 2 items, 2.0 KB. Stays: 5 not old enough, 1 held. Which would go?",
        ),
        ("dry_run", {"removed": 0, "bytes": 0, "kept": {}, "items": [], "more": 0}, "Nothing would go."),
        (
            "restore",
            {"restored": 1, "bytes": 5, "kept": [{"path": "a", "why": "something is there"}]},
            "Restored 1 item, 5 B. 1 item stays in the bin. What stays, and why? a: something is there",
        ),
    ],
)
def test_what_was_started_is_told_on_the_page(
    bins: Console, browser: httpx.Client, *, deed: str, result: dict[str, Any], said: str
) -> None:
    here = act(browser, deed, ("1",)).headers["location"]
    assert "It waits for a worker" in browser.get(here).text

    end_run(bins, here.partition("run=")[2], result)

    page = browser.get(here).text
    assert said in text_of(page)
    assert "<script>alert" not in page


# --- The page of the datasource -------------------------------------------------------------------------------------------


def test_entry_is_deleted_with_a_way_back(bins: Console, browser: httpx.Client) -> None:
    fill(bins, "docs", {b"": {b"x y&z.txt": 5}, b"a": {b"b": 1}})
    (value,) = re.findall(r'name="path" value="([^"]*z.txt)"', browser.get("/datasources/docs").text)

    answer = browser.post("/datasources/docs/delete", data={"path": "x y&z.txt", "back": "/datasources/docs?path="})
    here = answer.headers["location"]
    said = follow(browser, answer)
    end_run(bins, here.partition("run=")[2], {"removed": 1, "items": 1, "bytes": 5, "skipped": 0, "for_good": 0})

    assert value == "x y&amp;z.txt"
    assert "x y&amp;z.txt is being deleted." in said
    assert "Moved to the bin: 1 entry, 5 B. To the bin , to bring it back" in text_of(browser.get(here).text)
    assert run_of(browser, answer)["params"]["paths"] == ["x y&z.txt"]
    assert browser.post("/datasources/docs/delete", data={"path": "../x"}).status_code == 400


def test_entries_say_where_they_would_go(console: Console, browser: httpx.Client) -> None:
    add_source(console, rules={"bin": {"parts": [{"folder": "scratch", "enabled": False}]}})
    fill(console, "docs", {b"": {b"kept": 1, b"caf\xe9": 1, b"two\nlines": 1}, b"scratch": {b"x": 1}})

    top, scratch = (browser.get("/datasources/docs", params={"path": path}).text for path in ("", "scratch"))

    assert re.findall(r'name="path" value="([^"]+)"[^>]*>([^<]+)<', top) == [
        ("kept", "Delete"),
        ("scratch", "Delete for good"),
    ]
    assert "it does not go to the bin" in scratch
    assert 'name="path"' not in browser_of(console, "viewer").get("/datasources/docs").text


def test_datasource_leads_to_its_bin(bins: Console, browser: httpx.Client) -> None:
    page = browser.get("/datasources/docs").text

    assert f'<a href="{PAGE}">5 items, 8.0 MB</a>' in page
    assert "kept for 30 days" in text_of(page)


# --- The form -------------------------------------------------------------------------------------------------------------


def test_rules_of_the_bin_are_edited_in_the_form(console: Console, browser: httpx.Client) -> None:
    parts = [{"folder": "scratch", "keep": "P1D", "max_items": 1}, {"user": "anna", "enabled": False}]
    add_source(console, rules={"bin": {"keep": None, "max_size": 7, "per": "user", "parts": parts, "hold": ["*.pdf"]}})
    page = browser.get("/datasources/docs/edit").text
    fields = dict(re.findall(r'<input name="([^"]+)" value="([^"]*)"', page))
    fields |= dict(re.findall(r'<input type="number" name="([^"]+)" value="([^"]*)"', page))
    fields |= {
        name: text.replace("&#34;", '"')
        for name, text in re.findall(r'<textarea name="([^"]+)"[^>]*>([^<]*)</textarea>', page)
    }
    fields |= {"bin.enabled": "true", "bin.per": "user", "kind": "local", "homes": "users", "bin.max_items": "9"}
    fields["seen"] = re.findall(r'name="seen" value="([^"]*)"', page)[0].replace("&#34;", '"')

    follow(browser, browser.post("/datasources/docs/edit", data=fields))

    with console.parts.store.reading() as conn:
        saved = datasources.get(conn, "docs").rules
    assert saved["homes"] == "users"
    assert {name: saved["bin"][name] for name in ("enabled", "keep", "max_size", "max_items", "per", "hold")} == {
        "enabled": True, "keep": None, "max_size": 7, "max_items": 9, "per": "user", "hold": ["*.pdf"],
    }  # fmt: skip
    assert [{name: value for name, value in part.items() if value not in (None, "")} for part in saved["bin"]["parts"]] == [
        {"folder": "scratch", "keep": "P1D", "max_items": 1, "enabled": True}, {"user": "anna", "enabled": False},
    ]  # fmt: skip


def test_what_is_wrong_about_a_bin_stands_beside_its_field(console: Console, browser: httpx.Client) -> None:
    fields = {"kind": "local", "name": "docs", "root": "/srv", "bin.keep": "soon", "bin.parts": '[{"keep": "P1D"}]'}

    answer = browser.post("/datasources:add", data=fields)

    assert answer.status_code == 422
    wrong = dict(re.findall(r'id="field-([^"]+)-error">([^<]+)<', answer.text))
    assert "is not an ISO 8601 duration" in wrong["bin.keep"]
    assert wrong["bin.parts"] == "In part 1, folder: is required, or user: without them it would be about everything."

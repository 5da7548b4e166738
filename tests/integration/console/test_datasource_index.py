"""What console, API and command line say of the search in a datasource, and what can be started."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from console.exits import ExitCode
from console.index_waking import STALE
from rota.events import Event
from store.queries import indexes, runs, stale, unread
from store.records import UnreadRecord
from store.search.engine import Document, Engine, Shape
from store.search.opening import open_engine
from tests.integration.console.conftest import Run
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source, bring_jobs, end_run

API = "/api/v1/datasources"
NAMES = Shape(contents=False, language="none", extractors="")
FRENCH = Shape(contents=True, language="french", extractors="pdf 1")
DONE = {"run": "r", "at": 0, "documents": 1_200, "removed": 3, "errors": 2}
CHECKED = {"run": "r", "at": 0, "missing": 1_200, "surplus": 0, "repaired": 4}


@pytest.fixture
def browser(console: Console) -> httpx.Client:
    """A browser of somebody who may do everything."""
    client = console.as_("admin")
    client.headers.update({"Accept": "text/html"})
    client.follow_redirects = True
    return client


@pytest.fixture
def engine(console: Console) -> Iterator[Engine]:
    """The engine of the console, as a worker opens it."""
    engine = open_engine(console.parts.settings.search_place, console.parts.store)
    yield engine
    engine.close()


def begin(console: Console, name: str = "docs", shape: Shape = FRENCH, *, is_done: bool = True) -> int:
    """Let a datasource have an index."""
    with console.parts.store.writing() as conn:
        generation = indexes.begin(conn, name, shape)
        if is_done:
            indexes.go_live(conn, name, generation)
            indexes.record_run(conn, name, DONE, documents=1_200, bytes=5_000_000)
    return generation


def lose(console: Console, count: int, name: str = "docs", **fields: Any) -> None:
    """Let so many files have given no text."""
    given = {"reason": "encrypted", "message": "it has a password", "at": 0, "run": "r", **fields}
    with console.parts.store.writing() as conn:
        unread.put(conn, name, [UnreadRecord(document=n, path=b"a/%d.pdf" % n, **given) for n in range(count)])


def search_of(client: httpx.Client, name: str = "docs") -> Any:
    return client.get(f"{API}/{name}").json()["search"]


def woken(console: Console) -> list[dict[str, Any]]:
    """What was told to those who index."""
    read = console.parts.bus.events.read(block_ms=1)
    return [event.data for _, event, _ in read if isinstance(event, Event) and event.type == STALE]


def params_of(client: httpx.Client, answer: httpx.Response) -> Any:
    assert answer.status_code == 202, answer.text
    return client.get(answer.headers["location"]).json()["params"]


# --- How it stands --------------------------------------------------------------------------------------------------------


def test_datasource_that_was_never_indexed_says_so(console: Console, admin: httpx.Client) -> None:
    add_source(console)

    assert search_of(admin) == {
        "state": "not indexed", "engine": "tantivy", "documents": 0, "bytes": 0, "language": None, "contents": None,
        "lag": {"folders": 0, "since": None, "seconds": 0.0}, "unread": 0, "last_run": None, "last_check": None,
    }  # fmt: skip


def test_index_is_told_with_all_that_is_known_of_it(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    add_source(console, "other")
    begin(console)
    lose(console, 2)
    since = console.parts.clock.now_ms() - 90_000
    with console.parts.store.writing() as conn:
        indexes.record_check(conn, "docs", CHECKED)
        stale.mark(conn, "docs", [b"a", b"b"], at=since)

    found = search_of(admin)

    assert (found["state"], found["documents"], found["bytes"], found["unread"]) == ("behind", 1_200, 5_000_000, 2)
    assert (found["language"], found["contents"]) == ("french", True)
    assert found["lag"]["folders"] == 2
    assert 90 <= found["lag"]["seconds"] < 150
    assert found["last_run"] == {**DONE, "at": "1970-01-01T00:00:00.000Z"}
    assert found["last_check"]["at"] == "1970-01-01T00:00:00.000Z"
    listed = {item["name"]: item["search"] for item in admin.get(API).json()["items"]}
    assert {**listed["docs"], "lag": {}} == {**found, "lag": {}}
    assert listed["other"] == search_of(admin, "other")


@pytest.mark.parametrize(
    ("fields", "steps", "state"),
    [
        ({}, [], "not indexed"),
        ({}, ["begin"], "building"),
        ({"rules": {"language": "french"}}, ["done"], "up to date"),
        ({"rules": {"language": "german"}}, ["done"], "behind"),
        ({"rules": {"language": "french", "contents": False}}, ["done"], "behind"),
        ({}, ["done", "begin"], "building"),
        ({}, ["done", "change"], "behind"),
        ({}, ["change"], "not indexed"),
        ({"enabled": False}, ["done", "change"], "switched off"),
        ({"rules": {"index": False}}, ["done", "change"], "switched off"),
    ],
)
def test_state_of_the_index_is_one_word(
    console: Console, admin: httpx.Client, *, fields: dict[str, Any], steps: list[str], state: str
) -> None:
    add_source(console, **fields)
    for step in steps:
        if step == "change":
            with console.parts.store.writing() as conn:
                stale.mark(conn, "docs", [b""], at=1)
        else:
            begin(console, is_done=step == "done")

    assert search_of(admin)["state"] == state


def test_what_was_read_can_be_saved_although_the_index_went_on(console: Console, admin: httpx.Client) -> None:
    admin.post(API, json={"name": "docs", "root": "/srv/docs"})
    begin(console)
    read = admin.get(f"{API}/docs")
    lose(console, 1)
    begin(console)

    same = admin.put(f"{API}/docs", json=read.json(), headers={"If-Match": read.headers["etag"]})
    other = admin.put(
        f"{API}/docs",
        json=same.json() | {"language": "danish", "contents": False, "largest_read": 5},
        headers={"If-Match": same.headers["etag"]},
    )

    assert (same.status_code, same.headers["etag"]) == (200, read.headers["etag"])
    assert (other.json()["language"], other.json()["contents"], other.json()["largest_read"]) == ("danish", False, 5)
    assert other.json()["search"]["language"] == "french"
    refused = admin.put(f"{API}/docs", json={**other.json(), "language": "klingon"}, headers={"If-Match": "*"})
    assert [error["path"] for error in refused.json()["errors"]] == ["language"]


# --- Files that gave no text ----------------------------------------------------------------------------------------------


def test_unread_files_are_listed_page_by_page(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    lose(console, 3)
    with console.parts.store.writing() as conn:
        odd = UnreadRecord(document=9, path=b"caf\xe9", reason="broken", message="no PDF", at=1_000)
        unread.put(conn, "docs", [odd])

    first = admin.get(f"{API}/docs/unread", params={"limit": 3})
    second = admin.get(f"{API}/docs/unread", params={"cursor": first.json()["next"]}).json()

    assert first.json()["items"][0] == {
        "path": "a/0.pdf", "raw": None, "reason": "encrypted", "message": "it has a password",
        "at": "1970-01-01T00:00:00.000Z", "run": "r",
    }  # fmt: skip
    assert 'rel="next"' in first.headers["link"]
    assert [(item["path"], item["raw"], item["run"]) for item in second["items"]] == [("caf\ufffd", "Y2Fm6Q", None)]
    assert second["next"] is None
    assert admin.get(f"{API}/nowhere/unread").status_code == 404
    assert admin.get(f"{API}/docs/unread", params={"cursor": "eA"}).status_code == 409


# --- Work -----------------------------------------------------------------------------------------------------------------


def test_index_runs_the_job_for_the_datasource(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    assert admin.post(f"{API}/docs/index").status_code == 404  # no scheduler has brought the job yet
    bring_jobs(console)

    plain = params_of(admin, admin.post(f"{API}/docs/index"))
    add_source(console, "other")
    whole = params_of(admin, admin.post(f"{API}/other/index", json={"full": True, "unread": True}))

    assert plain == {"datasource": "docs", "full": False, "unread": False}
    assert whole == {"datasource": "other", "full": True, "unread": True}
    assert admin.post(f"{API}/nowhere/index").status_code == 404
    assert admin.post(f"{API}/docs/index", json={"all": True}).json()["errors"][0]["path"] == "all"


def test_check_runs_the_job_for_the_datasource_alone(console: Console, admin: httpx.Client) -> None:
    add_source(console)
    bring_jobs(console)

    first = admin.post(f"{API}/docs/check-index", headers={"Idempotency-Key": "k"})
    again = admin.post(f"{API}/docs/check-index", headers={"Idempotency-Key": "k"})

    assert params_of(admin, first)["datasource"] == "docs"
    assert first.json()["run"] == again.json()["run"]


@pytest.mark.parametrize("changed", [{"index": False}, {"contents": False}, {"language": "french"}])
def test_other_settings_of_the_search_wake_the_indexing(
    console: Console, admin: httpx.Client, changed: dict[str, Any]
) -> None:
    given = {"name": "docs", "kind": "local", "root": "/srv/docs"}

    answer = admin.put(f"{API}/docs", json=given)
    for more in ({"label": "Letters"}, {"label": "Letters", **changed}):
        before = woken(console)
        answer = admin.put(f"{API}/docs", json={**given, **more}, headers={"If-Match": answer.headers["etag"]})
        assert answer.status_code == 200, answer.text

    assert before == []  # the first sync leads to the index, and a label to nothing
    assert woken(console) == [{"datasource": "docs"}]


def test_deleted_datasource_takes_its_index_along(console: Console, admin: httpx.Client, engine: Engine) -> None:
    for name in ("docs", "other"):
        add_source(console, name)
        writer = engine.writer(name, begin(console, name, NAMES), NAMES)
        writer.add([Document(id=1, content=0, folder=b"", name=b"x", kind="file", size=1, modified_ns=1)])
        writer.commit()
        writer.close()

    assert admin.delete(f"{API}/docs").status_code == 204

    assert engine.datasources() == ["other"]
    add_source(console)
    assert search_of(admin)["state"] == "not indexed"


# --- The command line -----------------------------------------------------------------------------------------------------


def test_index_and_check_are_started_by_command(console: Console, rota: Run) -> None:
    add_source(console)
    bring_jobs(console)

    code, run_id, _ = rota("datasources", "index", "docs", "--full", "--unread")

    assert code == 0
    with console.parts.store.reading() as conn:
        params = runs.get_run(conn, run_id.strip()).params
    assert params == {"datasource": "docs", "full": True, "unread": True}
    end_run(console, run_id.strip(), DONE)
    assert rota("datasources", "check-index", "docs")[0] == 0
    assert rota("datasources", "index", "nowhere")[0] == ExitCode.NOT_FOUND


def test_command_waits_for_what_was_indexed(console: Console, rota: Run) -> None:
    add_source(console)
    bring_jobs(console)
    run_id = rota("datasources", "check-index", "docs", "--no-wait")[1].strip()
    end_run(console, run_id, [CHECKED])

    assert json.loads(rota("runs", "show", run_id, "--json")[1])["state"] == "succeeded"
    code, out, err = rota("datasources", "index", "docs", "--wait", "--timeout", "0.05")
    assert (code, out, "goes on" in err) == (ExitCode.TIMED_OUT, "", True)


def test_unread_files_are_a_table_with_reasons(console: Console, rota: Run) -> None:
    add_source(console)
    assert rota("datasources", "unread", "docs") == (0, "", "every file that is read gave its text\n")
    lose(console, 1, message="it has\na \x1b[31mpassword")

    code, out, _ = rota("datasources", "unread", "docs")
    head, row = out.splitlines()
    assert (code, head.split()) == (0, ["REASON", "TRIED", "PATH", "MESSAGE"])
    assert row.startswith("encrypted ")
    assert row.endswith("a/0.pdf  it has\ufffda \ufffd[31mpassword")
    assert json.loads(rota("datasources", "unread", "docs", "--json")[1])[0]["reason"] == "encrypted"


def test_definition_and_index_are_shown(console: Console, rota: Run) -> None:
    add_source(console)
    changed = rota("datasources", "set", "docs", "--language", "french", "--largest-read", "5000000")
    assert changed[0] == 0
    told = rota("datasources", "show", "docs")[1]
    assert re.search(r"^searched +by name and content, of files up to 5\.0 MB, words in French$", told, re.MULTILINE)
    assert re.search(r"^search +not indexed$", told, re.MULTILINE)

    begin(console)
    lose(console, 2)
    with console.parts.store.writing() as conn:
        stale.mark(conn, "docs", [b"a"], at=console.parts.clock.now_ms() - 3_600_000)
        indexes.record_check(conn, "docs", CHECKED)
    told = rota("datasources", "show", "docs")[1]

    for line in (
        r"search +behind, 1,200 documents, 5\.0 MB, tantivy",
        r"behind +1 folder, for 1 h 0 min",
        r"unread +2 files gave no text",
        r"indexed +\S+ \S+: documents 1,200, removed 3, errors 2 \(run r\)",
        r"checked +\S+ \S+: missing 1,200, surplus 0, repaired 4 \(run r\)",
    ):
        assert re.search(f"^{line}$", told, re.MULTILINE), line
    assert rota("datasources", "set", "docs", "--no-contents")[0] == 0
    assert "by name only" in rota("datasources", "show", "docs")[1]
    assert rota("datasources", "set", "docs", "--no-index")[0] == 0
    assert re.search(r"^searched +no$", rota("datasources", "show", "docs")[1], re.MULTILINE)
    code, _, err = rota("datasources", "set", "docs", "--language", "klingon")
    assert (code, "language" in err) == (ExitCode.REFUSED, True)


# --- Pages ----------------------------------------------------------------------------------------------------------------


def test_page_tells_how_it_stands_with_the_search(console: Console, browser: httpx.Client) -> None:
    add_source(console, rules={"language": "german"})
    begin(console)
    lose(console, 2)
    with console.parts.store.writing() as conn:
        stale.mark(conn, "docs", [b"a"], at=1)

    page = browser.get("/datasources/docs").text

    section = page.partition('data-key="search"')[2].partition("</section>")[0]
    text = " ".join(re.sub(r"<[^>]+>", " ", section).split())
    for said in ("Behind", "1 200 documents, 5.0 MB, Tantivy", "words in French", "1 folder has changed", "2 files"):
        assert said in text, said
    assert "documents 1 200, removed 3, errors 2" in text
    assert re.findall(r'name="deed" value="(\w+)"', section) == ["index", "index_unread", "index_all", "check_index"]
    assert "Behind" in browser.get("/datasources").text


def test_page_of_a_datasource_that_is_not_searched_offers_nothing(console: Console, browser: httpx.Client) -> None:
    add_source(console, rules={"index": False})

    section = browser.get("/datasources/docs").text.partition('data-key="search"')[2].partition("</section>")[0]

    assert "its definition leaves it out" in section
    assert "<button" not in section


@pytest.mark.parametrize(
    ("deed", "wish", "title", "counted"),
    [
        ("index", {"full": False, "unread": False}, "Indexing", "Documents"),
        ("index_unread", {"full": False, "unread": True}, "Indexing", "Documents"),
        ("index_all", {"full": True, "unread": False}, "Indexing", "Documents"),
        ("check_index", {}, "Check of the index", "Missing"),
    ],
)
def test_button_starts_a_run_and_the_page_tells_its_end(
    console: Console, browser: httpx.Client, *, deed: str, wish: dict[str, Any], title: str, counted: str
) -> None:
    add_source(console)
    bring_jobs(console)

    page = browser.post("/datasources/docs", data={"deed": deed})

    run_id = page.url.params["run"]
    assert f"<h2>{title}</h2>" in page.text
    with console.parts.store.reading() as conn:
        params = runs.get_run(conn, run_id).params
    assert {"datasource": "docs", **wish}.items() <= params.items()
    end_run(console, run_id, [{**DONE, **CHECKED}])
    answer = browser.get(str(page.url)).text.partition('data-key="answer"')[2].partition("</section>")[0]
    assert f"<dt>{counted}</dt><dd>1\u202f200</dd>" in answer
    assert "<dt>Created</dt>" not in answer


def test_unread_files_have_a_page(console: Console, browser: httpx.Client) -> None:
    add_source(console)
    assert "gave its text" in browser.get("/datasources/docs/unread").text
    lose(console, 250, message="<b>bad</b>")

    first = browser.get("/datasources/docs/unread").text
    following = re.search(r'rel="next" href="([^"]+)"', first)

    assert first.count("&lt;b&gt;bad") == 200
    assert "Encrypted" in first
    assert following is not None
    second = browser.get(following[1]).text
    assert second.count("&lt;b&gt;bad") == 50
    assert "a/249.pdf" in second
    assert browser.get("/datasources/nowhere/unread").status_code == 404


def test_form_has_what_the_search_needs(console: Console, browser: httpx.Client) -> None:
    add_source(console, rules={"language": "french", "contents": False})

    page = browser.get("/datasources/docs/edit").text
    assert re.search(r'<option value="french" selected>French</option>', page)
    assert re.search(r'name="index" value="true" checked', page)
    assert not re.search(r'name="contents" value="true" checked', page)
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen is not None
    form = {"root": "/srv/docs", "seen": seen[1].replace("&#34;", '"'), "contents": "true", "language": "german"}
    browser.post("/datasources/docs/edit", data={**form, "largest_read": "7"})

    found = console.as_("admin").get(f"{API}/docs").json()
    assert (found["index"], found["contents"], found["language"]) == (False, True, "german")
    assert found["largest_read"] == 7

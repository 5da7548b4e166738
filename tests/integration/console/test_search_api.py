"""`GET /api/v1/search`, on the real embedded engine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from console.searching import Searching
from rota.search.query import Query, Word
from rota.settings import Settings
from store.queries import indexes
from store.search.engine import Found, Index
from store.search.tantivy.engine import TantivyEngine
from tests.integration.console.searched import SHAPE, index
from tests.integration.console.serving import Console, serving
from tests.integration.console.sources import add_source
from tests.unit.rota.test_search_any_text import odd_texts

FILES = {
    b"reports/2026/annual report.pdf": "The budget of the year was kept, the report says.",
    b"reports/notes.txt": "A draft about the budget.",
    b"photos/Caf\xc3\xa9.jpg": "",
    b"photos/caf\xe9 old.jpg": "",
    b"photos": "",
}


def search(client: httpx.Client, q: str = "", **params: Any) -> dict[str, Any]:
    answer = client.get("/api/v1/search", params={"q": q, **params})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def paths(found: dict[str, Any]) -> set[str]:
    return {hit["path"] for hit in found["items"]}


@pytest.fixture
def docs(console: Console) -> Console:
    """A console with one datasource that can be searched."""
    index(console, "docs", FILES, kinds={b"photos": "folder"})
    return console


def test_a_hit_tells_where_it_is_and_why_it_was_found(docs: Console, admin: httpx.Client) -> None:
    began = time.monotonic()
    found = search(admin, "annual report")
    waited_ms = (time.monotonic() - began) * 1000

    (hit,) = found["items"]
    score = hit.pop("score")
    snippet = hit.pop("snippet")
    assert score > 0
    assert hit == {
        "datasource": "docs",
        "path": "reports/2026/annual report.pdf",
        "raw": None,
        "name": "annual report.pdf",
        "kind": "file",
        "type": "document",
        "size": 1000,
        "modified": "2027-01-15T08:00:00.000Z",
        "meta": "title: A title",
    }
    assert "".join(piece["text"] for piece in snippet) == "The budget of the year was kept, the report says."
    assert [piece["text"] for piece in snippet if piece["hit"]] == ["report"]
    assert (found["total"], found["next"], found["understood"]) == (1, None, "annual report")
    assert 0 <= found["took_ms"] <= waited_ms + 1


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("budget", {"reports/2026/annual report.pdf", "reports/notes.txt"}),
        ("budget -draft", {"reports/2026/annual report.pdf"}),
        ("cafe", {"photos/Café.jpg"}),
        ("name:ann*", {"reports/2026/annual report.pdf"}),
        ("ext:jpg OR ext:txt", {"photos/Café.jpg", "photos/caf\ufffd old.jpg", "reports/notes.txt"}),
        ("type:folder", {"photos"}),
        ("in:reports size:>1k", {"reports/notes.txt"}),
        ("modified:2027-01", {"reports/2026/annual report.pdf", "reports/notes.txt", "photos/Café.jpg", "photos/caf\ufffd old.jpg", "photos"}),
        ("modified:..2026", set()),
        ("nothing such", set()),
    ],
)  # fmt: skip
def test_the_language_is_understood(docs: Console, admin: httpx.Client, q: str, expected: set[str]) -> None:
    assert paths(search(admin, q)) == expected


def test_a_name_that_is_not_utf8_comes_with_what_leads_there(docs: Console, admin: httpx.Client) -> None:
    (hit,) = search(admin, "old")["items"]

    assert hit["path"] == "photos/caf\ufffd old.jpg"
    assert hit["raw"] == "cGhvdG9zL2NhZukgb2xkLmpwZw"


def test_it_is_narrowed_beside_the_query(docs: Console, admin: httpx.Client) -> None:
    index(console=docs, name="media", files={b"budget film.mkv": "", b"budget.txt": ""})

    assert paths(search(admin, "budget", datasource="media")) == {"budget film.mkv", "budget.txt"}
    assert paths(search(admin, "budget", type=["video", "document"])) == {
        "budget film.mkv",
        "reports/2026/annual report.pdf",
    }
    assert paths(search(admin, "film OR draft", datasource="docs")) == {"reports/notes.txt"}
    assert paths(search(admin, "", datasource="media", type="video")) == {"budget film.mkv"}
    understood = search(admin, "film OR draft", datasource="docs")["understood"]
    assert understood == "(film OR draft) datasource:docs"


def test_facets_count_by_type_and_datasource(docs: Console, admin: httpx.Client) -> None:
    index(console=docs, name="media", files={b"budget film.mkv": ""})

    found = search(admin, "budget", facets=True)

    assert found["types"] == {"document": 1, "text": 1, "video": 1}
    assert found["datasources"] == {"docs": 2, "media": 1}
    assert search(admin, "budget")["types"] == {}


def test_pages_follow_each_other_without_a_gap(console: Console, admin: httpx.Client) -> None:
    for name in ("one", "two"):
        index(console, name, {b"%d report %d" % (n, n % 3): "report " * (n % 5) for n in range(25)})

    seen: list[tuple[str, str]] = []
    cursor = None
    while True:
        answer = admin.get(
            "/api/v1/search", params={"q": "report", "limit": 7, **({"cursor": cursor} if cursor else {})}
        )
        page = answer.json()
        seen += [(hit["datasource"], hit["path"]) for hit in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        assert len(page["items"]) == 7
        assert f"cursor={cursor}" in answer.headers["link"]
    assert len(seen) == len(set(seen)) == 50


@pytest.mark.parametrize("cursor", ["x", "W10", "WzEsImEiLC0xXQ", "WzFlOTk5LCJhIiwxXQ", "_-_-", "bnVsbA"])
def test_a_cursor_of_another_list_is_refused(admin: httpx.Client, cursor: str) -> None:
    assert admin.get("/api/v1/search", params={"cursor": cursor}).status_code == 409


def test_a_query_that_cannot_be_read_is_a_problem_with_its_place(docs: Console, admin: httpx.Client) -> None:
    answer = admin.get("/api/v1/search", params={"q": "a nmae:x"})

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "urn:rota:problem:invalid-query")
    assert (problem["position"], problem["length"]) == (2, 4)
    assert "did you mean name:" in problem["detail"]
    assert problem["errors"] == [{"parameter": "q", "path": "q", "message": problem["detail"]}]


@pytest.mark.parametrize(
    ("params", "status", "says"),
    [
        ({"q": "datasource:dosc"}, 422, "did you mean docs?"),
        ({"datasource": "dosc"}, 404, "did you mean docs?"),
        ({"type": "picture"}, 422, "allowed: folder"),
        ({"zone": "Mars"}, 422, "not a time zone"),
        ({"limit": 501}, 422, "limit"),
    ],
)
def test_what_is_not_there_is_told_with_what_is_allowed(
    docs: Console, admin: httpx.Client, *, params: dict[str, Any], status: int, says: str
) -> None:
    answer = admin.get("/api/v1/search", params=params)

    assert answer.status_code == status
    assert says in answer.text


def test_days_are_those_of_the_zone(docs: Console, admin: httpx.Client) -> None:
    assert search(admin, "modified:2027-01-14")["total"] == 0
    assert search(admin, "modified:2027-01-14", zone="Pacific/Honolulu")["total"] == len(FILES)


def test_without_any_index_nothing_is_found(admin: httpx.Client, console: Console) -> None:
    add_source(console, "docs")

    assert search(admin, "word")["total"] == 0


def test_a_datasource_that_is_switched_off_is_not_searched(docs: Console, admin: httpx.Client) -> None:
    admin.post("/api/v1/datasources/docs/disable").raise_for_status()

    assert search(admin, "budget")["total"] == 0
    assert search(admin, "budget datasource:docs")["total"] == 0


def test_another_generation_is_searched_as_soon_as_it_is_live(docs: Console, admin: httpx.Client) -> None:
    assert search(admin, "budget")["total"] == 2

    index(docs, "docs", {b"budget of another year": ""})

    assert paths(search(admin, "budget")) == {"budget of another year"}


class Overtaken(TantivyEngine):
    """The engine, whose first search comes just when another generation has taken the place of the one it asks for."""

    console: Console
    was_overtaken = False

    def search(self, query: Query, indexes: Sequence[Index], **options: Any) -> Found:
        if not self.was_overtaken:
            self.was_overtaken = True
            index(self.console, "docs", {b"budget of another year": ""})
            self.drop("docs", 1)
        return super().search(query, indexes, **options)


def test_a_generation_that_vanishes_under_a_search_is_asked_for_again(docs: Console) -> None:
    engine = Overtaken(docs.parts.settings.search_dir)
    engine.console = docs
    searching = Searching(docs.parts.store, docs.parts.settings.search_place, opening=lambda *_: engine)

    searched = searching.find(Query("budget", Word("budget")), limit=10)
    searching.close()

    assert engine.was_overtaken
    assert [hit.path for hit in searched.found.hits] == [b"budget of another year"]


def test_an_index_that_is_gone_from_the_disk_is_left_out_and_told(docs: Console, admin: httpx.Client) -> None:
    index(docs, "other", {b"notes.txt": "of another year"})
    whole = admin.get("/api/v1/search", params={"q": "", "facets": True}).json()
    assert (whole["left_out"], set(whole["datasources"])) == ([], {"docs", "other"})
    shutil.rmtree(docs.parts.settings.search_dir / "docs")

    rest = admin.get("/api/v1/search", params={"q": "", "facets": True}).json()
    page = admin.get("/search", params={"q": "budget"}).text

    assert (rest["left_out"], rest["datasources"]) == (["docs"], {"other": whole["datasources"]["other"]})
    assert "Not searched, for the index is lost or broken: docs." in page


def test_an_engine_that_is_away_is_unavailable(settings: Settings) -> None:
    away = settings.model_copy(update={"search_engine": "opensearch", "opensearch_url": "http://u:secret@127.0.0.1:1"})
    with serving(away) as console:
        add_source(console)
        with console.parts.store.writing() as conn:
            indexes.begin(conn, "docs", SHAPE)

        answer = console.as_("admin").get("/api/v1/search", params={"q": "budget"})

        assert (answer.status_code, answer.json()["detail"]) == (503, "the search does not answer")
        assert "secret" not in answer.text


@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(q=odd_texts)
def test_no_query_however_odd_is_a_server_error(docs: Console, admin: httpx.Client, q: str) -> None:
    began = time.process_time()
    answer = admin.get("/api/v1/search", params={"q": q.replace("\0", ""), "facets": True})

    assert answer.status_code in (200, 422), answer.text
    # The console is in this process. What others do to this machine meanwhile does not count.
    assert time.process_time() - began < 1


@pytest.mark.parametrize(("role", "status"), [("viewer", 200), ("operator", 200), ("user", 403), ("publisher", 403)])
def test_who_sees_datasources_may_search_them(console: Console, role: str, status: int) -> None:
    assert console.as_(role).get("/api/v1/search").status_code == status

"""The page of the search as a browser without JavaScript meets it."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from rota.settings import Settings
from store.queries import indexes
from tests.integration.console.searched import SHAPE, index
from tests.integration.console.serving import Console, serving
from tests.integration.console.sources import add_source

NASTY = "<script>alert(1)</script> report"
FILES = {
    b"reports/2026/annual report.pdf": f"The budget {NASTY}",
    b"reports/notes & drafts/draft.txt": "A draft of the report.",
    b"caf\xe9/report.txt": "",
    b"report": "",
}


@pytest.fixture
def browser(console: Console) -> httpx.Client:
    """A browser of somebody who may do everything."""
    client = console.as_("admin")
    client.headers.update({"accept": "text/html"})
    return client


@pytest.fixture
def docs(console: Console) -> Console:
    """A console with one datasource that can be searched."""
    index(console, "docs", FILES, kinds={b"report": "folder"})
    return console


def text_of(page: str) -> str:
    """The page without its tags, its spaces made one."""
    return html.unescape(re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", page)))


def link(page: str, words: str) -> str:
    """Where the only link with these words leads."""
    (found,) = re.findall(rf'<a[^>]* href="([^"]+)"[^>]*>{words}', page)
    return html.unescape(found)


def test_hits_tell_their_place_and_why_they_were_found(docs: Console, browser: httpx.Client) -> None:
    page = browser.get("/search?q=budget").text

    assert "1 hit in" in text_of(page)
    assert link(page, "annual report.pdf") == "/datasources/docs?path=reports%2F2026"
    assert "docs / reports/2026" in text_of(page)
    assert "The <mark>budget</mark> &lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "Document · 1.0 KB" in text_of(page)


def test_hit_by_what_a_file_says_of_itself_shows_that(docs: Console, browser: httpx.Client) -> None:
    assert "title: A title" in text_of(browser.get("/search?q=title+ext:txt").text)
    assert "title: A title" not in text_of(browser.get("/search?q=budget").text)


def test_a_hit_leads_into_the_tree(docs: Console, browser: httpx.Client) -> None:
    page = browser.get("/search?q=name:report").text

    assert link(page, "report/</a>") == "/datasources/docs?path=report"
    assert link(page, "report.txt") == "/datasources/docs?raw=Y2Fm6Q"
    assert link(browser.get("/search?q=draft").text, "draft.txt") == "/datasources/docs?path=reports%2Fnotes+%26+drafts"


def test_facets_narrow_and_are_undone(docs: Console, browser: httpx.Client) -> None:
    index(docs, "media", {b"report.mkv": ""})

    page = browser.get("/search?q=report+OR+draft").text
    narrowed = browser.get(link(page, "video")).text
    back = browser.get(link(narrowed, "video")).text

    assert "5 hits" in text_of(page)
    assert "docs 4" in text_of(page)
    assert "1 hit in" in text_of(narrowed)
    assert "report.mkv" in narrowed
    assert "5 hits" in text_of(back)


def test_pages_follow_each_other(console: Console, browser: httpx.Client) -> None:
    index(console, "docs", {b"report %d" % n: "" for n in range(30)})

    first = browser.get("/search?q=report&type=other&zone=Europe/Paris").text
    second = browser.get(link(first, "Next page")).text

    names = re.findall(r"report \d+", first + second)
    assert len(set(names)) == 30
    assert "First page" not in first
    assert "Next page" not in second
    assert link(second, "First page") == "/search?q=report&type=other&zone=Europe%2FParis"


def test_a_query_that_cannot_be_read_is_shown_with_what_is_wrong(docs: Console, browser: httpx.Client) -> None:
    answer = browser.get("/search", params={"q": "<b> nmae:x & y"})

    assert answer.status_code == 422
    assert "did you mean name:report?" in text_of(answer.text)
    assert '<pre class="query" tabindex="0">&lt;b&gt; <mark>nmae</mark>:x &amp; y</pre>' in answer.text
    assert 'value="&lt;b&gt; nmae:x &amp; y"' in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_nothing_there_is_said_with_what_to_do(console: Console, browser: httpx.Client) -> None:
    assert "Nothing can be searched yet." in browser.get("/search").text
    assert "Nothing can be searched yet." in browser.get("/search?q=report").text
    index(console, "docs", FILES)

    nothing = text_of(browser.get("/search?q=no+such+thing-here").text)
    assert "Nothing was found." in nothing
    assert 'It was read as no such "thing here"' in nothing
    assert "Nothing" not in text_of(browser.get("/search").text)


def test_without_a_question_the_language_is_explained(docs: Console, browser: httpx.Client) -> None:
    page = browser.get("/search").text

    assert '<details class="help" open>' in page
    assert "autofocus" in page
    assert '<details class="help">' in browser.get("/search?q=report").text


def test_every_example_of_the_help_can_be_asked(console: Console, browser: httpx.Client) -> None:
    index(console, "docs", FILES)
    examples = [html.unescape(asked) for asked in re.findall(r"<dt><code>(.+?)</code>", browser.get("/search").text)]

    assert len(examples) > 10
    assert [browser.get("/search", params={"q": asked}).status_code for asked in examples] == [200] * len(examples)


def test_every_page_leads_to_the_search(console: Console, browser: httpx.Client) -> None:
    add_source(console, "docs")

    for path in ("/jobs", "/runs", "/datasources", "/datasources/docs", "/workers", "/dead", "/hooks"):
        page = browser.get(path).text
        assert '<a href="/search">Search</a>' in page
        assert '<form class="search everywhere" role="search" action="/search">' in page
    assert "everywhere" not in browser.get("/search").text
    user = console.as_("user")
    assert "/search" not in user.get("/jobs", headers={"accept": "text/html"}).text


def test_a_search_that_is_away_is_said(settings: Settings) -> None:
    away = settings.model_copy(update={"search_engine": "opensearch", "opensearch_url": "http://127.0.0.1:1"})
    with serving(away) as console:
        add_source(console)
        with console.parts.store.writing() as conn:
            indexes.begin(conn, "docs", SHAPE)

        answer = console.as_("admin").get("/search?q=report", headers={"accept": "text/html"})

        assert answer.status_code == 503
        assert "The search does not answer" in text_of(answer.text)

"""The forms for archives, and what their runs made, as a browser without JavaScript meets them."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from console.api.archive_wishes import CompressWish, ExtractWish
from console.pages.archive_fields import COMPRESS, EXTRACT
from rota.settings import Settings, load_settings
from store import tables
from store.encoding import dumps_or_none
from store.queries import runs
from tests.integration.console.archived import homes
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source, bring_jobs, end_run, fill
from tests.integration.console.test_bin_pages import browser_of, text_of

__all__ = ["homes"]

DOCS = "/datasources/docs"
SECRET = "correct horse battery"


@pytest.fixture
def docs(homes: Console) -> Console:
    """The homes, with the jobs that come with Rota."""
    bring_jobs(homes)
    return homes


@pytest.fixture
def browser(docs: Console) -> httpx.Client:
    """A browser of somebody who may do everything."""
    return browser_of(docs, "admin")


@pytest.fixture
def eve(docs: Console) -> httpx.Client:
    """A browser of somebody who has a home in `docs`, and nothing else."""
    client = docs.as_("user", name="eve")
    client.headers["accept"] = "text/html"
    return client


def params_of(console: Console, answer: httpx.Response) -> dict[str, Any]:
    """The parameters of the run that a form has started."""
    assert answer.status_code == 303, text_of(answer.text)
    assert answer.headers["location"].startswith("/runs/")
    with console.parts.store.reading() as conn:
        return runs.get_run(conn, answer.headers["location"].removeprefix("/runs/")).params


def open_runs(console: Console) -> int:
    with console.parts.store.reading() as conn:
        return len(runs.list_runs(conn).items)


def told(console: Console, client: httpx.Client, deed: dict[str, Any], result: Any, *, to: str) -> str:
    """The page of a run that a form started, once it has succeeded with a result."""
    answer = client.post(f"{DOCS}/{to}", data=deed)
    run = answer.headers["location"].removeprefix("/runs/")
    end_run(console, run, result)
    return client.get(f"/runs/{run}").text


# --- What can be chosen -----------------------------------------------------------------------------------------------


def test_entries_can_be_chosen_downloaded_and_unpacked(docs: Console, browser: httpx.Client) -> None:
    fill(docs, "docs", {b"box": {b"a&b.txt": 1, b"x.tar.gz": 2, b"y.zip.001": 3, b"y.zip.002": 3, b"\xff.zip": 4}})

    page = browser.get(DOCS, params={"path": "box"}).text

    assert re.findall(r'name="paths" value="([^"]*)"', page)[:3] == ["box/a&amp;b.txt", "box/x.tar.gz", "box/y.zip.001"]
    assert re.findall(rf'href="{DOCS}/extract\?path=([^"]*)"', page) == ["box%2Fx.tar.gz", "box%2Fy.zip.001"]
    links = [html.unescape(link) for link in re.findall(r'href="(/api/v1/[^"]+/content\?[^"]+)"', page)]
    assert len(links) == 5
    assert f"/api/v1{DOCS}/content?path=box%2Fa%26b.txt" in links
    (unnamed,) = re.findall(r'<input[^>]*name="paths"[^>]*disabled>', page)
    assert "�" in unnamed
    # Without a script it is always there; with one, as soon as something is chosen.
    assert '<div class="bar" data-bar>' in page


def test_link_of_a_file_gives_its_content(docs: Console, eve: httpx.Client) -> None:
    (link,) = re.findall(r'href="(/api/v1/[^"]+/content\?[^"]+)"', eve.get(DOCS).text)

    assert eve.get(html.unescape(link)).content == b"0123456789"


def test_enter_key_on_a_box_deletes_nothing(docs: Console, browser: httpx.Client) -> None:
    page = browser.get(DOCS, params={"path": "shared"}).text

    first = re.search(r"<button.*?>", page[page.index('data-choosing="item"') :])
    assert first is not None
    assert f'formaction="{DOCS}/compress"' in first[0]


def test_viewer_neither_chooses_nor_unpacks(docs: Console) -> None:
    viewer = browser_of(docs, "viewer")
    fill(docs, "docs", {b"box": {b"x.zip": 2}})

    page = viewer.get(DOCS, params={"path": "box"}).text
    assert "x.zip" in page
    assert "/extract" not in page
    assert "/content" not in page
    assert 'type="checkbox"' not in page
    assert viewer.post(f"{DOCS}/compress", data={"paths": "box"}).status_code == 403
    assert viewer.get(f"{DOCS}/extract", params={"path": "box/x.zip"}).status_code == 403


# --- The forms ------------------------------------------------------------------------------------------------------------


def test_each_wish_of_the_api_can_be_made_in_a_form() -> None:
    place = {"target"}

    assert {*CompressWish.model_fields} - {"paths"} - place == {*COMPRESS.names} - {"name", "folder", "password_again"}
    assert {*ExtractWish.model_fields} - {"path"} - place == {*EXTRACT.names} - {"name", "folder"}


def test_form_to_compress_proposes_a_name_beside_what_was_chosen(docs: Console, browser: httpx.Client) -> None:
    one = browser.post(f"{DOCS}/compress", data={"paths": "homes/eve/photos"}).text
    two = browser.post(f"{DOCS}/compress", data={"paths": ["homes/eve/a.txt", "homes/eve/photos"]}).text
    top = browser.post(f"{DOCS}/compress", data={"paths": ["shared", "homes"]}).text

    for page, name, folder in ((one, "photos", "homes/eve"), (two, "eve", "homes/eve"), (top, "docs", "")):
        assert f'name="name" value="{name}"' in page
        assert f'name="folder" value="{folder}"' in page
        assert '<option value="zip" selected>' in page
    assert re.findall(r'type="password" name="(\w+)"[^>]*autocomplete="new-password"', one) == [
        "password",
        "password_again",
    ]
    assert open_runs(docs) == 0


def test_form_to_compress_starts_what_it_says(docs: Console, browser: httpx.Client) -> None:
    form = {
        "paths": ["shared", "homes/eve"], "deed": "start", "name": "all", "folder": "/packed/", "format": "tar.zst",
        "target_datasource": "plain", "level": "3", "split_bytes": "2 GB", "include": "*.txt\n\n*.pdf", "exclude": "",
        "links": "keep", "manifest": "true", "conflict": "fail", "max_bytes": "1.5MB", "max_bytes_per_second": "",
        "password": "", "password_again": "",
    }  # fmt: skip

    params = params_of(docs, browser.post(f"{DOCS}/compress", data=form))

    assert {
        "datasource": "docs", "paths": ["shared", "homes/eve"], "target": "packed/all.tar.zst", "format": "tar.zst",
        "target_datasource": "plain", "level": 3, "split_bytes": 2_000_000_000, "include": ["*.txt", "*.pdf"],
        "links": "keep", "manifest": True, "conflict": "fail", "max_bytes": 1_500_000,
    }.items() <= params.items()  # fmt: skip


@pytest.mark.parametrize(
    ("name", "form", "target"),
    [
        ("a.zip", "zip", "a.zip"),
        ("a.tgz", "tar.gz", "a.tgz"),
        ("a.tar", "zip", "a.tar.zip"),
        ("a.tar.xz", "", "a.tar.xz"),
        ("a", "", "a.zip"),
        ("", "7z", "shared.7z"),
        ("", "", "shared.zip"),
    ],
)
def test_name_of_an_archive_tells_its_format(
    docs: Console, browser: httpx.Client, *, name: str, form: str, target: str
) -> None:
    sent = {"paths": "shared", "deed": "start", "name": name, "format": form}

    assert params_of(docs, browser.post(f"{DOCS}/compress", data=sent))["target"] == target


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"level": "12"}, "less than or equal to 9"),
        ({"split_bytes": "10"}, "greater than or equal to 65536"),
        ({"split_bytes": "much"}, "valid integer"),
        ({"folder": "../out"}, "relative to the datasource"),
        ({"password": SECRET, "password_again": "another"}, "Must be the same as the password above."),
    ],
)
def test_what_was_typed_stays_when_something_is_wrong_but_never_a_password(
    docs: Console, browser: httpx.Client, *, wrong: dict[str, str], said: str
) -> None:
    typed = {"name": "<b>mine", "folder": "kept", "exclude": "*.kept", "links": "keep", "conflict": "overwrite"}
    secret = {"password": SECRET, "password_again": SECRET}

    answer = browser.post(f"{DOCS}/compress", data={"paths": "shared", "deed": "start", **typed, **secret, **wrong})

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert said in text_of(answer.text)
    for text in ({**typed, **wrong}["folder"], "&lt;b&gt;mine", "*.kept"):
        assert text in answer.text
    assert '<option value="overwrite" selected>' in answer.text
    assert SECRET not in answer.text
    assert 'name="paths" value="shared"' in answer.text
    assert open_runs(docs) == 0


def test_nothing_chosen_leads_back(docs: Console, browser: httpx.Client) -> None:
    answer = browser.post(f"{DOCS}/compress", data={"back": f"{DOCS}?path=shared"})

    assert answer.headers["location"] == f"{DOCS}?path=shared"
    assert "Nothing was chosen." in browser.get(f"{DOCS}?path=shared").text


@pytest.mark.parametrize(
    ("deed", "job", "params"),
    [
        ("extract", "extract-archive", {"target": "out/x", "members": ["a/**"], "conflict": "newer", "max_ratio": 9}),
        ("list", "list-archive", {"members": ["a/**"], "max_entries": 5}),
        ("test", "test-archive", {"max_ratio": 9, "max_bytes": 5_000, "max_entries": 5}),
    ],
)
def test_form_of_an_archive_extracts_lists_and_tests(
    docs: Console, browser: httpx.Client, *, deed: str, job: str, params: dict[str, Any]
) -> None:
    form = {
        "path": "shared/x.tar.gz", "deed": deed, "name": "x", "folder": "out", "target_datasource": "docs",
        "conflict": "newer", "members": "a/**", "max_entries": "5", "max_bytes": "5 KB", "max_ratio": "9",
        "encoding": "cp437", "password": SECRET,
    }  # fmt: skip

    answer = browser.post(f"{DOCS}/extract", data=form)

    started = params_of(docs, answer)
    assert {"path": "shared/x.tar.gz", "encoding": "cp437", **params}.items() <= started.items()
    assert not started.get("target_datasource")
    page = browser.get(answer.headers["location"]).text
    assert f"Run of {job}" in page
    assert SECRET not in page
    assert "sealed:" not in page


def test_form_of_an_archive_proposes_a_folder_beside_it(docs: Console, browser: httpx.Client) -> None:
    page = browser.get(f"{DOCS}/extract", params={"path": "shared/photos.tar.gz.001"}).text

    assert 'name="name" value="photos"' in page
    assert 'name="folder" value="shared"' in page
    assert 'placeholder="100,000"' in page
    assert browser.get(f"{DOCS}/extract", params={"path": "../x"}).status_code == 400
    assert browser.get("/datasources/nothing/extract", params={"path": "x"}).status_code == 404
    assert browser.post(f"{DOCS}/extract", data={"path": "x.zip", "deed": "burn"}).status_code == 400


@pytest.mark.parametrize(
    ("to", "form"),
    [("compress", {"paths": "shared", "deed": "start"}), ("extract", {"path": "shared/x.zip", "deed": "extract"})],
)
def test_form_from_another_site_is_refused(docs: Console, to: str, form: dict[str, str]) -> None:
    session = f"rota_session_{docs.url.rpartition(':')[2]}={docs.token('admin')}"

    def send(origin: str) -> int:
        headers = {"origin": origin, "cookie": session, "accept": "text/html"}
        return docs.anyone(headers=headers).post(f"{DOCS}/{to}", data=form).status_code

    assert send("https://elsewhere.example") == 403
    assert open_runs(docs) == 0
    assert send(docs.url) == 303


# --- What became of it --------------------------------------------------------------------------------------------------------


def test_page_of_a_run_leads_to_the_archive_that_was_made(docs: Console, eve: httpx.Client) -> None:
    notes = [{"path": "homes/eve/<b>", "note": "changed while it was read"}]
    result = {
        "datasource": "docs", "path": "homes/eve/p&q.zip.001", "format": "zip", "parts": 2, "entries": 1_234,
        "bytes_in": 3_000_000, "bytes_out": 2_000_000, "manifest": "homes/eve/p&q.zip.sha256", "noted": 3,
        "notes": notes,
    }  # fmt: skip

    page = told(docs, eve, {"paths": "homes/eve/photos", "deed": "start"}, result, to="compress")

    assert "1,234 entries, 3.0 MB, packed into 2.0 MB in 2 parts." in text_of(page)
    assert re.findall(r'<a href="/api/v1/datasources/docs/content\?path=([^"]+)" download>([^<]+)</a>', page) == [
        (f"homes/eve/p%26q.zip.{end}", f"p&amp;q.zip.{end}") for end in ("001", "002", "sha256")
    ]
    assert 'href="/datasources/docs?path=homes%2Feve"' in page
    assert "homes/eve/&lt;b&gt;" in page
    assert "changed while it was read" in page
    assert "and 2 more" in text_of(page)
    assert "Run again" in page
    assert 'href="/jobs/compress-entries"' not in page


def test_page_of_a_run_shows_how_far_it_is(docs: Console, eve: httpx.Client) -> None:
    run = eve.post(f"{DOCS}/compress", data={"paths": "homes/eve/photos", "deed": "start"}).headers["location"]
    said = {"done": 750_000, "total": 3_000_000, "unit": "bytes", "text": "750 KB at 1 MB/s, about 2 s left"}
    with docs.parts.store.writing() as conn:
        this = tables.runs.c.id == run.removeprefix("/runs/")
        conn.execute(update(tables.runs).where(this).values(progress=dumps_or_none(said)))

    page = eve.get(run).text

    assert '<progress max="3000000.0" value="750000.0" aria-label="Progress">' in page
    assert "25 % of 3.0 MB · 750 KB at 1 MB/s, about 2 s left" in text_of(page)


def test_page_of_a_run_leads_to_the_folder_that_came_out(docs: Console, browser: httpx.Client) -> None:
    result = {
        "datasource": "docs", "path": "shared/x", "format": "zip", "entries": 1, "bytes": 5, "skipped": 1, "noted": 0,
        "notes": [],
    }  # fmt: skip

    page = told(docs, browser, {"path": "shared/x.zip", "deed": "extract"}, result, to="extract")

    assert "1 entry unpacked, 5 B; 1 file left as it was." in text_of(page)
    assert '<a href="/datasources/docs?path=shared%2Fx">docs/shared/x</a>' in page
    assert "/content?" not in page
    assert 'href="/jobs/extract-archive"' in page


def test_page_of_a_run_shows_what_is_in_an_archive(docs: Console, browser: httpx.Client) -> None:
    items = [
        {"path": "a", "kind": "folder", "size": 0, "modified": None},
        {"path": "a/<i>.txt", "kind": "file", "size": 2_500, "modified": "2026-05-04T03:02:01Z"},
    ]
    result = {"format": "7z", "entries": 7, "bytes": 9, "packed": 5, "encrypted": 1, "items": items, "more": True}

    page = told(docs, browser, {"path": "shared/x.7z", "deed": "list"}, result, to="extract")

    rows = [text_of(row).strip() for row in re.findall(r'<tr data-key="\d+".*?</tr>', page, flags=re.DOTALL)]
    assert rows[0].startswith("a/ ")
    assert rows[1].startswith("a/&lt;i&gt;.txt 2.5 KB 4 May 2026")
    assert "7z: 7 entries, 1 of them encrypted, 9 B in its files." in text_of(page)
    assert "and 5 more" in text_of(page)
    assert "<i>" not in page


def test_page_of_a_run_says_that_an_archive_is_whole(docs: Console, browser: httpx.Client) -> None:
    result = {"format": "zip", "entries": 7, "bytes": 9_000}

    page = told(docs, browser, {"path": "shared/x.zip", "deed": "test"}, result, to="extract")

    assert "The archive is whole: 7 entries, 9.0 KB in its files." in text_of(page)


# --- Those who have a home and nothing else -----------------------------------------------------------------------------------


def test_user_sees_what_is_in_their_home_and_nothing_else(docs: Console, eve: httpx.Client) -> None:
    page = eve.get(DOCS).text

    assert re.findall(r'name="paths" value="([^"]*)"', page) == ["homes/eve/a.txt", "homes/eve/photos"]
    assert eve.get("/datasources").headers["location"] == DOCS
    assert "secret.txt" not in page
    assert "Delete" not in page
    assert "Sync now" not in page
    for path in ("homes", "homes/ada", "shared", "homes/eve2"):
        assert eve.get(DOCS, params={"path": path}).status_code == 404
    assert eve.get("/datasources/plain").status_code == 404
    assert eve.get(f"{DOCS}/bin").status_code == 403
    inner = eve.get(DOCS, params={"path": "homes/eve/photos"}).text
    assert "b.bin" in inner
    assert f'href="{DOCS}?path=homes"' not in inner
    assert 'href="/datasources" aria-current="page">Files</a>' in page


def test_user_chooses_between_homes_and_may_have_none(docs: Console, eve: httpx.Client) -> None:
    stranger = docs.as_("user", name="..")
    add_source(docs, "more", root="/srv/more", rules={"homes": "people"})

    assert re.findall(r'class="card pad choice" href="([^"]+)"', eve.get("/datasources").text) == [
        DOCS,
        "/datasources/more",
    ]
    assert "This folder is empty." in eve.get("/datasources/more").text
    assert "You have no folder of your own." in stranger.get("/datasources", headers={"accept": "text/html"}).text


def test_user_works_on_what_is_theirs_only(docs: Console, eve: httpx.Client) -> None:
    assert eve.post(f"{DOCS}/compress", data={"paths": "homes/ada"}).status_code == 404
    assert eve.post(f"{DOCS}/compress", data={"paths": "homes/ada", "deed": "start"}).status_code == 404
    assert eve.get(f"{DOCS}/extract", params={"path": "shared/c.zip"}).status_code == 404
    outside = eve.post(
        f"{DOCS}/compress", data={"paths": "homes/eve/photos", "deed": "start", "name": "kept", "folder": "shared"}
    )

    assert outside.status_code == 404
    assert "yours is what is in homes/eve" in text_of(outside.text)
    assert 'name="name" value="kept"' in outside.text
    assert open_runs(docs) == 0


class TestQuota:
    """Of somebody who has as much under way as they may."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """One run at a time."""
        return load_settings(
            {
                "state_dir": settings.state_dir,
                "database_url": settings.database_url,
                "redis_url": settings.redis_url,
                "user_open_runs": 1,
            }
        )

    def test_refusal_is_told_on_the_form_and_what_was_typed_stays(self, docs: Console, eve: httpx.Client) -> None:
        form = {
            "paths": "homes/eve/photos", "deed": "start", "name": "second", "folder": "homes/eve", "password": SECRET,
            "password_again": SECRET,
        }  # fmt: skip
        first = eve.post(f"{DOCS}/compress", data={**form, "name": "first"})
        assert first.status_code == 303

        refused = eve.post(f"{DOCS}/compress", data=form)

        assert refused.status_code == 429
        assert "1 may be under way for you at a time, and 1 are" in text_of(refused.text)
        assert 'name="name" value="second"' in refused.text
        assert SECRET not in refused.text
        page = eve.get(first.headers["location"]).text
        assert {"Pause", "Cancel"} <= set(re.findall(r'<button name="deed"[^>]*>([^<]+)</button>', page))
        assert eve.post(first.headers["location"], data={"deed": "cancel"}).status_code == 303

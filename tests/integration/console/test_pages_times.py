"""The pages about time: why a job ran or not, missed ticks, what is due, runs that wait, and the pause of everything."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import httpx
import pytest

from store.queries import jobs, ticks
from store.records import TickRecord
from tests.integration.console.serving import Console

HTML = {"accept": "text/html"}
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
TOMORROW = NOW + 24 * HOUR  # ahead however long the suite takes, while an hour from NOW may pass meanwhile
NASTY = "<script>alert(1)</script>\"'&"


@pytest.fixture
def browser(console: Console) -> httpx.Client:
    """A browser of somebody who may do everything."""
    client = console.as_("admin")
    client.headers.update(HTML)
    return client


@pytest.fixture
def hourly(console: Console) -> Console:
    """A job that is due each hour."""
    console.define(name="hourly", triggers=[{"every": "PT1H"}])
    return console


def field(at: datetime) -> str:
    """What a browser sends of a field for date and time."""
    return at.strftime("%Y-%m-%dT%H:%M")


def words(page: str) -> str:
    """The text of a page, as it is read."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.partition("<main")[2]))


def values(page: str, name: str) -> list[str]:
    """What the fields of this name hold, in the page itself and not in its head."""
    return re.findall(rf'name="{name}" value="([^"]*)"', page.partition("<main")[2])


# --- Why did it run, or not? -------------------------------------------------------------------------------------------


def test_job_page_explains_a_time_at_an_address_of_its_own(hourly: Console, browser: httpx.Client) -> None:
    page = browser.get("/jobs/hourly", params={"at": field(TOMORROW)}).text

    assert "It is still ahead." in words(page)
    assert values(page, "at") == [field(TOMORROW)]
    assert values(page, "zone")[0] == "UTC"
    between = browser.get("/jobs/hourly", params={"at": field(TOMORROW + 0.5 * HOUR)}).text
    assert "No trigger of the job was due then." in words(between)
    following = re.findall(r'href="(/jobs/hourly\?at=[^"]+)"', between)
    assert "It is still ahead." in words(browser.get(following[-1]).text)
    assert 'role="status"' not in browser.get("/jobs/hourly").text


def test_time_of_an_explanation_is_in_the_zone_of_the_form(hourly: Console, browser: httpx.Client) -> None:
    # Kathmandu is 5 hours and 45 minutes ahead, all year.
    there = {"at": field(TOMORROW + timedelta(hours=5, minutes=45)), "zone": "Asia/Kathmandu"}

    page = browser.get("/jobs/hourly", params=there).text

    assert "It is still ahead." in words(page)
    assert values(page, "at") == [there["at"]]
    assert "(Asia/Kathmandu)" in page


@pytest.mark.parametrize(
    ("query", "said"),
    [({"at": "yesterday"}, "is no time; write"), ({"at": "2026-05-04T08:30", "zone": "Mars"}, "is not a time zone")],
)
def test_time_that_cannot_be_read_is_refused_in_words(
    hourly: Console, browser: httpx.Client, query: dict[str, str], said: str
) -> None:
    answer = browser.get("/jobs/hourly", params=query)

    assert answer.status_code == 422
    assert said in answer.text


# --- Missed ticks --------------------------------------------------------------------------------------------------------


def test_missed_ticks_are_listed_first_and_started_by_the_button(hourly: Console, browser: httpx.Client) -> None:
    span = {"from": field(NOW - 3 * HOUR), "until": field(NOW), "overlap": "allow_all"}

    page = browser.get("/jobs/hourly/backfill", params=span).text

    assert "3 ticks became no run" in page
    for n in (1, 2, 3):
        assert f'datetime="{(NOW - n * HOUR).isoformat(timespec="milliseconds")}"' in page
    assert browser.get("/api/v1/runs").json()["items"] == []
    form = {name: values(page, name)[-1] for name in ("from", "until", "overlap")}
    started = browser.post("/jobs/hourly/backfill", data=form)
    assert "3 runs were started." in browser.get(started.headers["location"]).text
    again = browser.get("/jobs/hourly/backfill", params=span).text
    assert "Nothing to make up for" in again
    assert "Start these" not in again


def test_range_that_cannot_be_made_up_for_is_refused_in_words(hourly: Console, browser: httpx.Client) -> None:
    def ask(**span: str) -> httpx.Response:
        return browser.get(f"/jobs/hourly/backfill?{urlencode(span)}")

    ahead = ask(**{"from": field(NOW), "until": field(NOW + 9 * HOUR)})
    assert "The range reaches into the future" in ahead.text
    assert "needs both of its ends" in ask(**{"from": field(NOW)}).text
    assert ask(**{"from": field(NOW), "until": field(NOW)}).status_code == 422
    assert ask(**{"from": field(NOW - HOUR), "until": field(NOW), "overlap": "x"}).status_code == 400


def test_disabled_job_offers_no_start_of_missed_ticks(console: Console, browser: httpx.Client) -> None:
    console.define(name="hourly", triggers=[{"every": "PT1H"}], enabled=False)
    span = {"from": field(NOW - 3 * HOUR), "until": field(NOW)}

    page = browser.get("/jobs/hourly/backfill", params=span).text

    assert "The job hourly is disabled" in page
    assert 'method="post" action="/jobs/hourly/backfill"' not in page


# --- What is due ----------------------------------------------------------------------------------------------------------


def test_what_is_due_is_grouped_by_hour_with_frequent_jobs_in_one_row(hourly: Console, browser: httpx.Client) -> None:
    hourly.define(name="often", triggers=[{"every": "PT5M"}])
    rows = [TickRecord(job=name, trigger="t", due=1) for name in ("hourly", "often")]
    with hourly.parts.store.writing() as conn:
        ticks.set_due(conn, rows)
    span = {"from": field(NOW + HOUR), "until": field(NOW + 3 * HOUR)}

    page = browser.get("/upcoming", params=span).text

    starts = [(NOW + n * HOUR).isoformat(timespec="milliseconds") for n in (1, 2)]
    assert re.findall(r'<time datetime="([^"]+)" data-hour>', page) == starts
    assert re.findall(r'<th scope="row"><a href="/jobs/(\w+)">', page) == ["hourly", "often"] * 2
    assert "and 8 more" in page
    assert "26 ticks" in page
    assert 'href="/upcoming"' in browser.get("/jobs").text


def test_more_ticks_than_fit_are_led_on_to(console: Console, browser: httpx.Client) -> None:
    console.define(name="quick", triggers=[{"every": "PT10S"}])
    with console.parts.store.writing() as conn:
        ticks.set_due(conn, [TickRecord(job="quick", trigger="t", due=1)])
    span = {"from": field(NOW + HOUR), "until": field(NOW + 4 * HOUR)}

    page = browser.get("/upcoming", params=span).text

    assert re.search(r"The first 1\W000 ticks", page)
    (later,) = re.findall(r'rel="next" href="([^"]+)"', page)
    assert "80 ticks" in browser.get(later.replace("&amp;", "&")).text


def test_nothing_due_is_said(browser: httpx.Client) -> None:
    assert "Nothing is due by the clock." in browser.get("/upcoming").text
    assert browser.get("/upcoming", params={"from": field(NOW), "until": field(NOW)}).status_code == 422


def test_user_sees_only_their_own_jobs_due(hourly: Console) -> None:
    hourly.define(name="mine", owner="eve", triggers=[{"every": "PT1H"}])
    with hourly.parts.store.writing() as conn:
        ticks.set_due(conn, [TickRecord(job=name, trigger="t", due=1) for name in ("hourly", "mine")])

    page = hourly.as_("user", name="eve").get("/upcoming", headers=HTML).text

    assert 'href="/jobs/mine"' in page
    assert 'href="/jobs/hourly"' not in page


# --- Runs that wait --------------------------------------------------------------------------------------------------------


def test_run_that_waits_says_behind_which_one(console: Console, browser: httpx.Client) -> None:
    console.define(name="nap", overlap="buffer_all")
    first, second = (browser.post("/jobs", data={"run": "nap"}).headers["location"] for _ in range(2))

    for path in (second, "/runs", "/jobs/nap"):
        page = browser.get(path).text
        assert re.search(rf'aits for its turn, behind run <a href="{first}">', page), path
    assert "aits for a worker" in browser.get(first).text


def test_run_that_waits_for_its_rate_says_until_when(console: Console, browser: httpx.Client) -> None:
    console.define(name="nap", overlap="allow_all", rate={"limit": 1, "period": "PT1H"})
    browser.post("/jobs", data={"run": "nap"})
    second = browser.post("/jobs", data={"run": "nap"}).headers["location"]

    for path in (second, "/runs"):
        assert re.search(r"aits for its turn by the rate limit, which comes <time", browser.get(path).text), path


# --- The pause of everything ---------------------------------------------------------------------------------------------


def test_pause_of_everything_shows_on_every_page_until_it_is_resumed(hourly: Console, browser: httpx.Client) -> None:
    assert 'id="pause"' in browser.get("/jobs").text
    browser.post("/pause", data={"deed": "pause", "reason": NASTY, "back": "/runs"})

    for path in (
        "/jobs",
        "/jobs/hourly",
        "/runs",
        "/upcoming",
        "/datasources",
        "/workers",
        "/dead",
        "/hooks",
        "/jobs/x",
    ):
        page = browser.get(path).text
        assert "Everything is paused" in page, path
        assert "by the-admin" in page
        assert "<script>alert" not in page
    assert 'id="pause"' not in browser.get("/jobs").text
    assert "Everything is paused" in browser.get("/jobs", headers={"x-rota-part": "1"}).text
    back = browser.post("/pause", data={"deed": "resume", "back": "/jobs/hourly?at=1"})
    assert back.headers["location"] == "/jobs/hourly?at=1"
    assert "Everything is paused" not in browser.get("/jobs").text


def test_pause_that_holds_already_and_resume_without_one_are_said(browser: httpx.Client) -> None:
    assert "set-cookie" not in browser.post("/pause", data={"deed": "pause"}).headers
    browser.post("/pause", data={"deed": "pause", "reason": "another"})
    assert "Everything was paused already." in browser.get("/jobs").text
    browser.post("/pause", data={"deed": "resume"})
    browser.get("/jobs")
    browser.post("/pause", data={"deed": "resume"})
    assert "Nothing was paused." in browser.get("/jobs").text
    assert browser.post("/pause", data={"deed": "explode"}).status_code == 400
    assert browser.post("/pause", data={"deed": "pause", "reason": "x" * 501}).status_code == 422


def test_start_that_the_pause_refuses_is_said_once(hourly: Console, browser: httpx.Client) -> None:
    hourly.define(name="daily")
    browser.post("/pause", data={"deed": "pause", "reason": "new disks"})

    browser.post("/jobs", data={"names": ["hourly", "daily"], "deed": "run"})

    page = browser.get("/jobs").text
    assert "0 jobs were started. Not started: everything is paused by the-admin" in page
    assert page.count("everything is paused by") == 1


def test_looking_at_pages_changes_nothing(hourly: Console, browser: httpx.Client) -> None:
    assert browser.get("/pause").status_code == 405
    assert browser.get("/jobs/hourly/restore").status_code == 405
    browser.get("/jobs/hourly/backfill", params={"from": field(NOW - HOUR), "until": field(NOW)})

    with hourly.parts.store.reading() as conn:
        assert jobs.paused(conn) is None
    assert browser.get("/api/v1/runs").json()["items"] == []


@pytest.mark.parametrize("path", ["/pause", "/hooks", "/jobs/hourly/backfill", "/jobs/hourly/restore"])
def test_form_of_another_site_is_refused(hourly: Console, path: str) -> None:
    token = hourly.token("admin")
    name = f"rota_session_{hourly.url.rpartition(':')[2]}"
    headers = {**HTML, "cookie": f"{name}={token}", "sec-fetch-site": "cross-site"}

    answer = hourly.anyone(headers=headers).post(path, data={"deed": "pause"})

    assert answer.status_code == 403
    assert "came from another site" in answer.text


@pytest.mark.parametrize("role", ["viewer", "user"])
def test_who_may_not_operate_is_offered_neither_pause_nor_backfill(hourly: Console, role: str) -> None:
    hourly.define(name="mine", owner="eve", triggers=[{"every": "PT1H"}])
    client = hourly.as_(role, name="eve")
    with hourly.parts.store.writing() as conn:
        jobs.pause_everything(conn, person="ada", reason="new disks", at=1)

    page = client.get("/jobs/mine", headers=HTML).text

    assert "by ada: new disks" in page
    assert "Resume" not in page
    assert "backfill" not in page
    assert 'id="pause"' not in client.get("/jobs", headers=HTML).text

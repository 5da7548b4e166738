from __future__ import annotations

import httpx
import pytest

from console.api.sign_in import ensure_admin, new_code
from tests.integration.console.serving import Console

BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}


@pytest.fixture
def browser(console: Console) -> httpx.Client:
    """A browser that has opened a sign-in link."""
    client = console.anyone(headers=BROWSER)
    assert client.get(link(console)).status_code == 303
    return client


def link(console: Console) -> str:
    ensure_admin(console.parts)
    return f"/login?code={new_code(console.parts, user='admin', role='admin')}"


def test_link_becomes_a_session_that_scripts_and_other_sites_cannot_use(console: Console) -> None:
    answer = console.anyone().get(link(console))

    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert answer.headers["cache-control"] == "no-store"


def test_link_works_once(console: Console) -> None:
    path = link(console)

    assert console.anyone().get(path).status_code == 303
    second = console.anyone(headers=BROWSER).get(path)
    assert second.status_code == 401
    assert "has been used" in second.text
    assert "set-cookie" not in second.headers


def test_looking_ahead_does_not_use_the_link_up(console: Console) -> None:
    path = link(console)

    assert console.anyone().get(path, headers={"sec-purpose": "prefetch;prerender"}).status_code == 200
    assert console.anyone().get(path).status_code == 303


def test_code_may_be_pasted(console: Console) -> None:
    answer = console.anyone().post("/login", data={"code": f"http://somewhere{link(console)}"})

    assert answer.status_code == 303


def test_stranger_is_shown_how_to_sign_in(console: Console) -> None:
    page = console.anyone(headers=BROWSER).get("/jobs")

    assert page.status_code == 401
    assert "rota login" in page.text
    assert console.anyone().get("/api/v1/jobs").headers["www-authenticate"] == "Bearer"


def test_signing_out_ends_the_session_everywhere(browser: httpx.Client) -> None:
    cookies = dict(browser.cookies)

    assert browser.post("/logout").status_code == 303
    browser.cookies.update(cookies)
    assert browser.get("/jobs").status_code == 401


def test_sign_in_link_carries_the_role_of_whoever_asked(console: Console) -> None:
    answer = console.as_("viewer").post("/api/v1/sign-ins")
    browser = console.anyone(headers=BROWSER)

    assert browser.get(answer.json()["url"]).status_code == 303
    assert browser.get("/jobs").status_code == 200
    assert browser.post("/api/v1/jobs:enable", json={"names": ["a"]}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"origin": "http://evil.example"}, True),
        ({"origin": "null"}, True),
        ({}, False),
    ],
)
def test_request_of_another_site_changes_nothing(
    console: Console, browser: httpx.Client, headers: dict[str, str], refused: bool
) -> None:
    console.define(name="nap")
    del browser.headers["sec-fetch-site"]

    answer = browser.post("/jobs", data={"disable": "nap"}, headers=headers)

    assert answer.status_code == (403 if refused else 303)


def test_own_origin_is_no_other_site(console: Console, browser: httpx.Client) -> None:
    console.define(name="nap")
    del browser.headers["sec-fetch-site"]

    answer = browser.post("/jobs", data={"disable": "nap"}, headers={"origin": console.url})

    assert answer.status_code == 303


def test_secrets_are_not_in_the_database(console: Console) -> None:
    secret = console.token("admin")
    with console.parts.store.reading() as conn:
        rows = conn.exec_driver_sql("SELECT * FROM tokens").fetchall()

    assert rows
    assert secret.encode() not in repr(rows).encode()


def test_installations_on_two_ports_keep_their_cookies_apart(console: Console) -> None:
    port = console.url.rpartition(":")[2]

    assert f"rota_session_{port}=" in console.anyone().get(link(console)).headers["set-cookie"]


def test_strange_host_header_breaks_nothing(console: Console) -> None:
    assert console.anyone().get("/health/live", headers={"host": "a:b"}).status_code == 200
    assert console.anyone().get("/api/v1/jobs", headers={"host": "x:y:z"}).status_code == 401

"""Whatever goes wrong is a problem as RFC 9457 wants it, and never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from urllib.parse import unquote

import httpx
import pytest

from rota.settings import Settings
from tests.integration.console.serving import Console, serving

FIELDS = {"type", "title", "status", "detail", "instance"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/nothing", None, 404),
        ("GET", "/api/v1/jobs/nobody", None, 404),
        ("PATCH", "/api/v1/jobs", None, 405),
        ("POST", "/api/v1/jobs", b"{", 400),
        ("POST", "/api/v1/jobs", b"[]", 422),
        ("POST", "/api/v1/jobs", b"", 422),
        ("POST", "/api/v1/jobs", b"x" * 1_100_000, 413),
        ("GET", "/api/v1/jobs?limit=1000", None, 422),
        ("GET", "/api/v1/jobs?kind=other", None, 422),
        ("GET", "/api/v1/jobs?cursor=%00", None, 400),
        ("GET", "/api/v1/jobs/a%00b", None, 400),
        ("GET", "/api/v1/jobs?cursor=!", None, 422),
        ("GET", "/api/v1/runs?cursor=____", None, 409),
        ("GET", "/api/v1/runs?state=bad", None, 422),
        ("GET", "/api/v1/runs?since=yesterday", None, 422),
        ("GET", "/api/v1/dead?cursor=x", None, 422),
        ("POST", "/api/v1/jobs:enable", b'{"names": []}', 422),
        ("POST", "/api/v1/events", b"{}", 422),
    ],
)
def test_error_is_a_problem(admin: httpx.Client, method: str, path: str, body: bytes | None, status: int) -> None:
    answer = admin.request(method, path, content=body, headers={"content-type": "application/json"} if body else {})

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) >= FIELDS
    assert problem["status"] == status
    assert problem["instance"] == unquote(path.partition("?")[0])


def test_body_of_another_type_is_refused(admin: httpx.Client) -> None:
    answer = admin.post("/api/v1/jobs", content=b"a=1", headers={"content-type": "application/x-www-form-urlencoded"})

    assert answer.status_code == 415


def test_large_body_without_a_length_is_cut_off(admin: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    answer = admin.post("/api/v1/jobs", content=endless(), headers={"content-type": "application/json"})

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_nobody_foresaw_says_a_reference_and_nothing_else(
    console: Console, admin: httpx.Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("the secret is 42")

    monkeypatch.setattr(console.parts.bus.census, "queues", broken)
    with caplog.at_level(logging.ERROR):
        answer = admin.get("/api/v1/queues")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "content-security-policy" in answer.headers
    assert "secret" not in answer.text
    (logged,) = [record for record in caplog.records if record.name == "console.api.boundary"]
    assert logged.reference in answer.json()["detail"]  # type: ignore[attr-defined]


def test_browser_gets_a_page(admin: httpx.Client) -> None:
    answer = admin.get("/jobs/nobody", headers={"accept": "text/html"})

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "there is no job nobody" in answer.text.lower()


def test_redis_that_is_away_is_said_and_history_is_still_shown(settings: Settings) -> None:
    away = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    with serving(away) as console:
        admin = console.as_("admin")
        console.define(name="nap")

        answer = admin.get("/api/v1/workers")
        assert (answer.status_code, answer.json()["detail"]) == (503, "Redis does not answer")
        assert answer.headers["retry-after"]
        assert "127.0.0.1:1" not in answer.text
        assert admin.get("/api/v1/jobs").status_code == 200
        assert admin.get("/jobs", headers={"accept": "text/html"}).status_code == 200
        # The run is in the store; the sweeper sends it when Redis is back.
        assert admin.post("/api/v1/jobs/nap/run").status_code == 202
        ready = console.anyone().get("/health/ready")
        assert (ready.status_code, ready.json()["checks"]) == (503, {"database": "ok", "redis": "BusUnavailable"})
        assert console.anyone().get("/health/live").status_code == 200


def test_health_is_for_everybody(console: Console) -> None:
    stranger = console.anyone()

    assert stranger.get("/health/ready").json() == {"status": "ok", "checks": {"database": "ok", "redis": "ok"}}
    assert "rota_build_info{" in stranger.get("/metrics").text


def test_every_answer_carries_the_headers_that_keep_it_safe(console: Console, admin: httpx.Client) -> None:
    for answer in (admin.get("/api/v1/jobs"), console.anyone().get("/jobs"), console.anyone().get("/nothing")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"

"""The examples of docs/events.md are what the code reads: each is taken out of the document and fed to it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import yaml

from actors.registry import load_registry
from bus.connection import Bus
from bus.keys import Keys
from rota.definitions import parse_definition
from rota.events import Event, decode_batch, decode_binary, decode_structured, matches
from rota.times import parse_rfc3339
from rota.triggers import EventTrigger

PAGE = (Path(__file__).parents[2] / "docs/events.md").read_text(encoding="utf-8")
DATA = {"room": "kitchen", "seconds": 2}


def examples(language: str, word: str) -> list[str]:
    """The blocks of one language that hold a word."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    found = [block for block in blocks if word in block]
    assert found, f"no example in {language} holds {word}"
    return found


def command(word: str) -> list[str]:
    """The words of the only command of the shell that holds a word, as a shell would split them."""
    (block,) = examples("sh", word)
    return shlex.split(block.replace("\\\n", ""))


def body(words: list[str]) -> str:
    return words[words.index("--data-binary") + 1]


def headers(words: list[str]) -> dict[str, str]:
    """What the options -H of a command say."""
    given = [words[n + 1] for n, word in enumerate(words) if word == "-H"]
    return {name: value.strip() for name, _, value in (each.partition(":") for each in given)}


def door_opened(number: int, **fields: Any) -> Event:
    return Event(id=f"reading-{number}", source="/building/door-7", type="door.opened", data=DATA, **fields)


def read_events(url: str) -> list[Any]:
    bus = Bus(url)
    try:
        return [event for _, event, _ in bus.events.read(block_ms=1)]
    finally:
        bus.close()


def test_documented_stream_entry_is_read_as_the_event(redis_url: str) -> None:
    words = command("XADD")
    _, key, entry_id, *pairs = words[words.index("XADD") :]
    assert key == Keys().events
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command("XADD", key, entry_id, *pairs)

    assert read_events(redis_url) == [
        door_opened(4715, time=parse_rfc3339("2026-05-04T08:30:00Z"), subject="door-7"),
    ]


def test_documented_redis_py_publishes_the_event(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = examples("python", "xadd")
    monkeypatch.setenv("REDIS_URL", redis_url)

    exec(program, {})  # noqa: S102 -- the document's own example

    assert read_events(redis_url) == [door_opened(4716)]


def test_documented_httpx_sends_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = examples("python", "httpx.post")
    sent: list[httpx.Request] = []

    def post(url: str, **given: Any) -> httpx.Response:
        sent.append(httpx.Request("POST", url, **given))
        return httpx.Response(202, request=sent[-1])

    monkeypatch.setattr(httpx, "post", post)
    monkeypatch.setenv("URL", "http://console.test")
    monkeypatch.setenv("TOKEN", "a-token")

    exec(program, {})  # noqa: S102 -- the document's own example

    (request,) = sent
    assert str(request.url) == "http://console.test/api/v1/events"
    assert decode_structured(request.read()) == door_opened(4717)


def test_documented_structured_body_is_the_event() -> None:
    words = command("application/cloudevents+json")

    assert decode_structured(body(words)) == door_opened(
        4711, time=parse_rfc3339("2026-05-04T08:30:00Z"), subject="door-7"
    )


def test_documented_binary_request_is_the_event() -> None:
    words = command("ce-id")

    event = decode_binary(headers(words), body(words).encode())

    assert event == door_opened(4712, datacontenttype="application/json")


def test_documented_batch_holds_two_events() -> None:
    events = decode_batch(body(command("cloudevents-batch+json")))

    assert [event.type for event in events if isinstance(event, Event)] == ["door.opened", "door.closed"]


def test_documented_job_is_valid_and_hears_the_event() -> None:
    (text,) = examples("yaml", "triggers:")

    job = parse_definition(yaml.safe_load(text), source="docs/events.md", actors=load_registry())

    (trigger,) = job.triggers
    assert isinstance(trigger, EventTrigger)
    assert matches(trigger.event, "door.opened")
    assert job.steps[0].with_ == {"seconds": "${event.data.seconds}"}


def test_documented_keys_are_those_of_the_bus() -> None:
    named = set(re.findall(r"\{[a-z]+\}:[a-z:]+", PAGE))

    assert named == {Keys().events, Keys().dead_events, Keys("north").events}

"""The examples of docs/events.md are what the code reads: each is taken out of the document and fed to it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import yaml

from actors.registry import load_registry
from bus.connection import Bus
from bus.keys import Keys
from bus.timetable import Window
from console.connection import Connection, write_connection
from rota.definitions import parse_definition
from rota.events import Event, context_of, decode_batch, decode_binary, decode_structured, matches
from rota.expressions import compile as compile_expression
from rota.expressions import fill
from rota.jobs import Job
from rota.settings import load_settings
from rota.states import RunState
from rota.times import parse_rfc3339
from rota.triggers import EventTrigger
from scheduler.jobs.catalogue import Catalogue
from scheduler.listening.hearing import hear
from scheduler.listening.windows import Windows
from store.engine import Store
from store.queries import datasources, jobs, runs, windows
from store.records import DatasourceRecord
from tests.integration.console.serving import serving

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
    (text,) = examples("yaml", "name: after-the-door")

    job = parse_definition(yaml.safe_load(text), source="docs/events.md", actors=load_registry())

    (trigger,) = job.triggers
    assert isinstance(trigger, EventTrigger)
    assert matches(trigger.event, "door.opened")
    assert job.steps[0].with_ == {"seconds": "${event.data.seconds}"}


def test_documented_hook_is_made_and_takes_the_delivery(
    tmp_path: Path, sqlite_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = examples("sh", "rota hooks add")
    (text,) = examples("yaml", "name: after-an-order")
    state = tmp_path / ".rota"
    settings = load_settings({"state_dir": state, "database_url": sqlite_url, "redis_url": redis_url})
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    with serving(settings) as console:
        state.mkdir(exist_ok=True)
        write_connection(state / "console.json", Connection(url=console.url, token=console.token("admin")))
        monkeypatch.setenv("URL", console.url)
        done = subprocess.run(["bash", "-ec", block], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    (event,) = read_events(redis_url)

    assert done.returncode == 0, done.stderr
    assert f"`{done.stdout}`" in PAGE
    assert (event.type, event.source, event.id) == ("hook.shop", "/hooks/shop", "order-4711")
    job = parse_definition(yaml.safe_load(text), source="docs/events.md", actors=load_registry())
    (trigger,) = job.triggers
    assert isinstance(trigger, EventTrigger)
    assert matches(trigger.event, event.type)
    assert compile_expression(trigger.where or "").holds({"event": context_of(event), "job": {}})
    assert fill(job.steps[0].with_, {"event": context_of(event)}) == {"seconds": 2}


def test_documented_keys_are_those_of_the_bus() -> None:
    named = set(re.findall(r"\{[a-z]+\}:[a-z:]+", PAGE))

    assert named == {Keys().events, Keys().dead_events, Keys("north").events}


def documented_jobs() -> list[Job]:
    return [
        parse_definition(yaml.safe_load(text), source="docs/events.md", actors=load_registry())
        for text in examples("yaml", "name:")
    ]


def happened(type_: str, *data: Any) -> list[Event]:
    return [Event(id=f"{n}", source="/doc", type=type_, data=each) for n, each in enumerate(data)]


def changed(datasource: str, *paths: str) -> dict[str, Any]:
    return {"datasource": datasource, "entries": [{"path": path} for path in paths]}


HAPPENED = {
    "rest-for-a-room": happened("door.opened", DATA),
    "tell-what-changed": happened(
        "entry.created", changed("docs", "a", "b"), changed("mail", "c"), changed("docs", "d")
    ),
    "light-the-room": happened("door.opened", DATA, DATA, {"room": "hall"}),
    "after-the-backup": happened("run.succeeded", {"job": "backup"}, {"job": "other"}),
    "when-rota-starts": happened("rota.started", {"at": "2026-05-04T08:30:00Z"}),
    "complain": happened("run.late", {"job": "backup"}, {"job": "index"}),
}
PARAMETERS = {
    "rest-for-a-room": [{"room": "kitchen", "seconds": 2}],
    "tell-what-changed": [
        {"datasource": "docs", "paths": [["a", "b"], ["d"]]},
        {"datasource": "mail", "paths": [["c"]]},
    ],
    "light-the-room": [{}, {}],
    "after-the-backup": [{}],
    "when-rota-starts": [{}],
    "complain": [{"late": ["backup", "index"]}],
}


@pytest.mark.parametrize("name", HAPPENED)
def test_documented_job_is_started_by_what_the_page_says(name: str, sqlite_url: str, redis_url: str) -> None:
    """With the parameters it names; steps could be filled in, or a run would have been skipped."""
    (job,) = (job for job in documented_jobs() if job.name == name)
    store, bus, catalogue = Store(sqlite_url), Bus(redis_url), Catalogue(load_registry())
    with store.writing() as conn:
        jobs.save(conn, job, author="me", source="docs/events.md", at=1)
        catalogue.refresh(conn)
        hear(conn, HAPPENED[name], catalogue.current, 1_000)
        due = [Window(id=window, due=at) for window, at in windows.upcoming(conn, before=10**9, limit=10)]
    epoch = bus.leadership.campaign("doc").epoch
    Windows(store, bus, catalogue, clock=store.clock).fire(epoch, due, 10**9)

    with store.reading() as conn:
        started = runs.list_runs(conn, job=name).items
    assert RunState.SKIPPED not in {run.state for run in started}
    assert sorted((run.params for run in started), key=repr) == sorted(PARAMETERS[name], key=repr)
    bus.close()
    store.close()


def test_every_documented_job_is_tried() -> None:
    assert {job.name for job in documented_jobs()} == {*HAPPENED, "after-the-door", "after-an-order"}


def test_documented_change_is_accepted_and_told(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    words = command('{"paths"')
    settings = load_settings({"state_dir": tmp_path, "database_url": sqlite_url, "redis_url": redis_url})
    with serving(settings) as console:
        with console.parts.store.writing() as conn:
            datasources.save(conn, DatasourceRecord(name="NAME", kind="local", root="/x"), at=1)
        address = next(word for word in words if word.startswith("$URL")).removeprefix("$URL")
        client = console.as_("publisher")
        answer = client.post(address, content=body(words), headers={"Content-Type": headers(words)["Content-Type"]})

        assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    (event,) = read_events(redis_url)
    assert event.data == {"datasource": "NAME", "paths": ["notes/today.md", "photos/2026"]}

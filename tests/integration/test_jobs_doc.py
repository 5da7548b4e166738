"""The examples of docs/jobs.md are done as written, in their order, with a real scheduler, worker and console."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from console.connection import Connection, write_connection
from console.main import main
from rota.definitions import parse_definition
from rota.events import Event
from rota.ids import new_id
from rota.messages import Outcome
from rota.runs import Cause
from rota.settings import load_settings
from rota.times import parse_rfc3339, rfc3339
from scheduler.admission.admitting import Admitted, Request, admit, deliver
from store.engine import Store
from store.queries import jobs, outcomes, runs
from tests.acceptance.cluster import Cluster
from tests.integration.console.serving import serving
from tests.waiting import wait_until

PAGE = (Path(__file__).parents[2] / "docs/jobs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(yaml|console)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
DOCUMENTED_PORT = 8099
RUN = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
TIME = re.compile(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+Z)?)?\b")
YEAR_OF_BACKFILL = "2025-"
# One installation for all of it: the tests of this module run in one process.
pytestmark = [pytest.mark.usefixtures("transcript"), pytest.mark.xdist_group("jobs-doc")]
ENDED = ("succeeded", "failed", "cancelled", "skipped")
_BESIDE = {"a": "b", "c": "d"}
"""Pages that are given when another one has been asked for: two are fetched at a time, and the missing one comes last."""


def definition(name: str) -> dict[str, Any]:
    """The documented job of a name."""
    for language, text in BLOCKS:
        if language == "yaml":
            found: dict[str, Any] = yaml.safe_load(text)
            for job in found.get("jobs", [found]):
                if job["name"] == name:
                    return dict(job)
    raise AssertionError(f"the page has no job {name}")


def rows(after: str) -> list[list[str]]:
    """The rows of the first table after a text, without its head."""
    _, _, rest = PAGE.partition(after)
    table = re.search(r"^\|.*?\n(?=\n|\Z)", rest, flags=re.MULTILINE | re.DOTALL)
    assert table is not None, f"no table after {after}"
    return [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in table[0].splitlines()[2:]]


class Service:
    """The web service of the examples, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.at: dict[str, list[float]] = defaultdict(list)
        self.held: dict[str, threading.Event] = {}
        """Who asks for one of these paths is answered once it is let go."""
        self.most_pages = 0
        self._pages = 0
        self._guard = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, answer = service.answer(self.path, self._body())
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def _body(self) -> Any:
                length = int(self.headers.get("Content-Length") or 0)
                return json.loads(self.rfile.read(length)) if length else None

            def log_message(self, *_: Any) -> None:
                """Say nothing: what was asked is remembered."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        """What the page says of the service."""
        with self._guard:
            self.asked.append((path, body))
            times = self.at[path]
            times.append(time.monotonic())
        if path.startswith("/page/"):
            return self._page(path, first=len(times) == 1)
        if path in self.held:
            self.held[path].wait(60)
            return 200, None
        if path == "/shaky":
            return (200, "well") if len(times) > 2 else (503, "not well")
        for shop, answer, *_ in rows("By what the service answers:"):
            if path == f"/stock/{shop}":
                return (404, None) if answer == "404" else (200, json.loads(answer))
        return (200, None) if body is not None else (404, None)

    def _page(self, path: str, *, first: bool) -> tuple[int, Any]:
        with self._guard:
            self._pages += 1
            self.most_pages = max(self.most_pages, self._pages)
        name = path.removeprefix("/page/").partition("?")[0]
        if first and name in _BESIDE:
            wait_until(lambda: any(asked.startswith(f"/page/{_BESIDE[name]}?") for asked, _ in [*self.asked]))
        time.sleep(0.3)  # so that a third one would be asked for meanwhile
        with self._guard:
            self._pages -= 1
        return (404, None) if name == "c" and first else (200, f"page {name}")

    def told(self, path: str) -> list[Any]:
        """What was posted to a path."""
        return [body for asked, body in self.asked if asked == path]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


class Installation:
    """A whole Rota, the service, and a folder in which the page's commands are given."""

    def __init__(self, cluster: Cluster, service: Service) -> None:
        self.cluster = cluster
        self.service = service
        self.folder = cluster.folder
        self.last_run = ""

    def rota(self, *arguments: str) -> int:
        """Run a command; its output goes to stdout and stderr."""
        return main([*arguments, "--state", str(self.folder)])

    def save(self, text: str) -> Path:
        """Write a definition where the page says it is."""
        named = re.match(r"# (\S+)\n", text)
        file = self.folder / (named[1] if named else f"jobs/{yaml.safe_load(text)['name']}.yaml")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.replace(f":{DOCUMENTED_PORT}", f":{self.service.port}"), encoding="utf-8")
        return file

    def admit(self, name: str, count: int = 1, **params: Any) -> list[str]:
        return self.cluster.admit(name, count, params=params)

    def admit_before_any_starts(self, *wishes: tuple[str, dict[str, Any]]) -> list[Admitted]:
        """Admit runs of jobs with parameters, in this order and at one time, and then send them."""
        asked = [Request(job=name, cause=Cause.of_person("ada", new_id()), params=given) for name, given in wishes]
        admitted = admit(self.cluster.store, asked, now=self.cluster.clock.now_ms(), actors=self.cluster.registry)
        deliver(self.cluster.bus, admitted)
        return admitted

    def run(self, run_id: str) -> Any:
        with self.cluster.store.reading() as conn:
            return runs.run_detail(conn, run_id)

    def runs(self, name: str) -> list[Any]:
        with self.cluster.store.reading() as conn:
            return list(runs.list_runs(conn, job=name).items)

    def ended(self, run_ids: list[str], timeout: float = 60) -> list[str]:
        """The states that runs end in."""

        def states() -> list[str]:
            return [self.run(run_id).run.state.value for run_id in run_ids]

        wait_until(lambda: set(states()) <= set(ENDED), timeout=timeout, what=f"the end of {run_ids}")
        return states()

    def steps(self, run_id: str) -> dict[str, str]:
        return {task.step: task.state.value for task in self.run(run_id).tasks}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A cluster with one scheduler and one worker, and a console, for the whole page."""
    cluster, service = Cluster(Path(tmp_path_factory.mktemp("jobs-doc"))), Service()
    definitions = {"ROTA_DEFINITIONS_DIR": str(cluster.folder / "watched")}
    settings = load_settings(
        {"state_dir": cluster.folder, "database_url": cluster.database_url, "redis_url": cluster.server.url}
    )
    try:
        (cluster.folder / "watched").mkdir()
        cluster.start("scheduler", "s1", **definitions)
        cluster.start("worker", "w1", ROTA_THREADS="16")
        with serving(settings) as console:
            connection = Connection(url=console.url, token=console.token("admin", name="ada"))
            write_connection(cluster.folder / "console.json", connection)
            cluster.wait_for_leader(timeout=120)
            yield Installation(cluster, service)
    finally:
        cluster.close()
        service.close()


@pytest.fixture(scope="module")
def transcript(installation: Installation) -> Iterator[list[tuple[str, str, str]]]:
    """Each documented command with what the page says that it answers, and what it answered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        patch.chdir(installation.folder)
        yield list(_played(installation))
    time.tzset()


def _played(on: Installation) -> Iterator[tuple[str, str, str]]:
    for (language, text), (_, following) in zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True):
        if language == "yaml":
            file = on.save(text)
            if not following.startswith("$ rota jobs apply") and file.parent.name == "jobs":
                assert on.rota("jobs", "apply", str(file)) == 0, text
            continue
        for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            line, _, expected = command.partition("\n")
            yield line, expected, _said(on, line)


def _said(on: Installation, line: str) -> str:
    """What a command answers, stdout and stderr together, with `RUN` in place of ids."""
    words = shlex.split(line.replace("RUN", on.last_run))
    if words[0] == "rm":
        Path(words[1]).unlink()
        return ""
    if words[1:3] == ["jobs", "explain"]:
        words[-1] = _time_of_a_skipped_run(on, words[3])
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        on.rota(*words[1:])
    said = out.getvalue().replace(f":{on.service.port}", f":{DOCUMENTED_PORT}")
    on.last_run = (RUN.findall(said) or [on.last_run])[-1]
    return RUN.sub("RUN", said)


def _time_of_a_skipped_run(on: Installation, name: str) -> str:
    def skipped() -> list[int]:
        return [run.cause.due for run in on.runs(name) if run.state == "skipped"]

    wait_until(skipped, timeout=60, what=f"a skipped run of {name}")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(skipped()[0] / 1000))


def _without_times(text: str) -> str:
    return TIME.sub(lambda found: found[0] if found[0].startswith(YEAR_OF_BACKFILL) else "TIME", text)


def test_each_command_answers_as_the_page_says(transcript: list[tuple[str, str, str]]) -> None:
    documented = [(line, _without_times(expected)) for line, expected, _ in transcript]

    assert [(line, _without_times(said)) for line, _, said in transcript] == documented


def test_steps_end_as_the_table_says(installation: Installation) -> None:
    table = rows("By what the service answers:")
    for shop, _, *expected in table:
        [run_id] = installation.admit("watch-the-stock", shop=shop)
        (end,) = installation.ended([run_id])
        found = installation.steps(run_id)
        assert [*(found[step] for step in ("ask", "order", "complain", "rest")), end] == expected
    assert installation.service.told("/order") == [{"shop": "north", "apples": 6}]
    (complaint,) = installation.service.told("/complain")
    assert complaint.endswith("/stock/west answered 404")


def test_pages_are_fetched_two_at_a_time_and_the_missing_one_once_more(installation: Installation) -> None:
    service = installation.service
    wait_until(lambda: service.told("/report"), what="the report of the second run")
    asked = [path.removeprefix("/page/") for path, _ in service.asked if path.startswith("/page/")]

    assert sorted(asked[:4]) == ["a?n=0", "b?n=1", "c?n=2", "d?n=3"]
    assert asked[4:] == ["c?n=2"]
    assert service.told("/report") == [["page a", "page b", "page c", "page d"]]
    assert service.most_pages == 2


def test_each_datasource_is_a_branch(installation: Installation) -> None:
    for name in ("docs", "mail"):
        (installation.folder / name).mkdir()
        assert installation.rota("datasources", "add", str(installation.folder / name)) == 0
    [run_id] = installation.admit("sync-each")

    assert installation.ended([run_id]) == ["succeeded"]
    assert [(task.branch, task.item) for task in installation.run(run_id).tasks] == [(0, "docs"), (1, "mail")]


def test_what_takes_too_long_is_ended_and_told(installation: Installation) -> None:
    given = definition("not-too-long")
    installation.cluster.define(
        **{**given, "name": "whole-run", "timeout": "PT1S", "steps": [_rest("${params.seconds}")]}
    )
    [step, whole] = [*installation.admit("not-too-long"), *installation.admit("whole-run")]

    assert installation.ended([step, whole]) == ["failed", "cancelled"]
    assert f"`{installation.run(whole).run.reason}`" in PAGE
    assert installation.run(step).run.error.type == "TimedOut"


def test_shaky_service_is_called_again_after_the_documented_waits(installation: Installation) -> None:
    [run_id] = installation.admit("call-a-shaky-service")

    assert installation.ended([run_id]) == ["succeeded"]
    first, second, third = installation.service.at["/shaky"]
    assert second - first >= 0.2
    assert third - second >= 0.4


REACHED = {"pause": "paused", "resume": "running", "cancel": "cancelled"}


def test_runs_are_paused_resumed_cancelled_and_tried_again(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    installation.cluster.define(name="long", steps=[_rest(60)])
    [run_id] = installation.admit("long")
    _wait_for(installation, run_id, "running")
    again = []
    for line in block.splitlines():
        words = shlex.split(line.replace("RUN", run_id))
        assert installation.rota(*words[1:]) == 0
        again += RUN.findall(capsys.readouterr().err)[1:]
        if words[2] in REACHED:
            _wait_for(installation, run_id, REACHED[words[2]])

    assert len(again) == 2
    assert [installation.run(one).run.cause.parent for one in again] == [run_id, run_id]
    for one in again:
        assert installation.rota("runs", "cancel", one) == 0


def _wait_for(on: Installation, run_id: str, state: str) -> None:
    wait_until(lambda: on.run(run_id).run.state == state, what=f"{run_id} {state}")


def _rest(seconds: object) -> dict[str, Any]:
    return {"id": "rest", "actor": "sleep", "with": {"seconds": seconds}}


def test_gathered_events_are_chosen_from(installation: Installation) -> None:
    # At once, so that it is never quiet between them.
    written = [
        Event(id=f"{number}", source="/doc", type="file.written", data={"size": size})
        for number, size in enumerate((50, 500, 5000))
    ]
    installation.cluster.bus.events.publish(written)
    wait_until(lambda: installation.service.told("/large"), what="what was told of large files")
    installation.rota("events", "publish", "file.written", "--data", '{"size": 1}')
    wait_until(lambda: len(installation.runs("tell-of-large-files")) == 2, what="the second run")
    (second, first) = [run.id for run in installation.runs("tell-of-large-files")]

    assert installation.ended([first, second]) == ["succeeded", "succeeded"]
    assert installation.service.told("/large") == [["1", "2"]]
    assert installation.steps(second) == {"tell": "skipped"}


OVERLAPS = rows("third tick has been decided:")


@pytest.mark.parametrize("overlap", [row[0] for row in OVERLAPS])
def test_third_tick_finds_what_the_table_says(overlap: str, installation: Installation, sqlite_url: str) -> None:
    (expected,) = [row[1:4] for row in OVERLAPS if row[0] == overlap]
    store = Store(sqlite_url)
    cluster = installation.cluster
    given = {"name": "slow", "overlap": overlap, "triggers": [{"every": "PT10M"}], "steps": [_rest(1500)]}
    job = parse_definition(given, source="doc", actors=cluster.registry)
    with store.writing() as conn:
        jobs.save(conn, job, author="doc", source="doc", at=0)
    started: list[str] = []
    for minute in ("00", "10", "20"):
        due = parse_rfc3339(f"2026-05-04T12:{minute}:00Z")
        request = Request(job="slow", cause=Cause.of_tick("every", due))
        (admitted,) = admit(store, [request], now=due, actors=cluster.registry)
        if not started:
            _begin(store, admitted.messages[0], at=due)
        started.append(admitted.run)

    with store.reading() as conn:
        found = [runs.get_run(conn, run_id) for run_id in started]
    store.close()
    words = {"running": "runs", "queued": "starts", "waiting": "waits"}
    asked = [bool(run.cancel_requested) and run.state == "running" for run in found]
    assert [
        "asked to cancel" if was_asked else words.get(run.state, run.state)
        for run, was_asked in zip(found, asked, strict=True)
    ] == expected


def _begin(store: Store, message: Any, *, at: int) -> None:
    """Let a worker have begun the first attempt."""
    started = Outcome(
        kind="started", task=message.task, run=message.run, fence=1, attempt=1, worker="w", at=at, started_at=at
    )
    with store.writing() as conn:
        outcomes.apply(conn, [started])


def test_three_runs_at_once_end_as_the_table_says(installation: Installation) -> None:
    found: dict[str, list[str]] = {}
    for overlap, *_, in_the_end in OVERLAPS:
        name = overlap.replace("_", "-")
        service, path = installation.service, f"/held/{overlap}"
        url = f"http://127.0.0.1:{service.port}{path}"
        held = {"id": "held", "actor": "http", "with": {"url": url, "allow_private": True}}
        service.held[path] = threading.Event()
        # What is to be cancelled would never end by itself, and the rest not before all three are there.
        is_cancelled = in_the_end.startswith("cancelled")
        steps = [_rest("${params.seconds}")] if is_cancelled else [held]
        params = {"seconds": {"type": "number", "default": 60}}
        installation.cluster.define(name=name, overlap=overlap, params=params, steps=steps)
        found[overlap] = installation.admit(name)
        _wait_for(installation, found[overlap][0], "running")
        found[overlap] += [*installation.admit(name), *installation.admit(name, seconds=0)]
        service.held[path].set()

    assert [[name, ", ".join(installation.ended(started))] for name, started in found.items()] == [
        [name, in_the_end] for name, *_, in_the_end in OVERLAPS
    ]


def test_jobs_share_the_limit_of_their_key(installation: Installation) -> None:
    admitted = installation.admit_before_any_starts(
        ("print-letters", {}), ("print-labels", {}), ("print-letters", {}), ("print-labels", {"printer": "attic"})
    )
    printed = [one.run for one in admitted]

    assert [one.state for one in admitted] == ["queued", "waiting", "waiting", "queued"]
    assert installation.ended(printed) == ["succeeded"] * 4
    times = [(run.started_at, run.ended_at) for run in (installation.run(run_id).run for run_id in printed)]
    assert times[0][1] <= times[1][0]
    assert times[1][1] <= times[2][0]
    assert times[3][0] < times[2][0]


def test_third_mail_to_an_address_waits_for_its_turn(installation: Installation) -> None:
    wishes: list[dict[str, Any]] = [{}, {}, {}, {"to": "bob@example.org"}]
    mails = [one.run for one in installation.admit_before_any_starts(*(("send-a-mail", wish) for wish in wishes))]
    installation.ended(mails)
    first, second, third, other = [installation.run(run_id).run for run_id in mails]

    assert first.start_at == second.start_at == other.start_at
    assert third.start_at - first.start_at >= 2000
    assert third.started_at >= third.start_at


def test_job_is_disabled_after_its_failures(installation: Installation) -> None:
    for _ in range(2):
        assert installation.ended(installation.admit("gives-up")) == ["failed"]
    reason = ""
    with installation.cluster.store.reading() as conn:
        job = jobs.get(conn, "gives-up")
        reason = job.enabled_reason or ""

    assert not job.enabled
    assert f"`{reason}`" in PAGE
    assert installation.rota("jobs", "enable", "gives-up") == 0
    installation.ended(installation.admit("gives-up"))
    with installation.cluster.store.reading() as conn:
        assert jobs.get(conn, "gives-up").enabled, "the count begins anew"


def test_late_run_is_announced(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    late = definition("not-too-long")["late_after"]
    installation.cluster.define(name="late", late_after=late, steps=[_rest(60)])
    [run_id] = installation.admit("late")

    def announced() -> str:
        capsys.readouterr()
        installation.rota("events", "tail", "--type", "run.late", "--no-follow", "--json")
        return capsys.readouterr().out

    wait_until(lambda: run_id in announced(), what="run.late")
    assert installation.rota("runs", "cancel", run_id) == 0


def test_ticks_that_are_made_up_for_run_one_after_the_other(installation: Installation) -> None:
    made_up = [run for run in installation.runs("hourly-report") if run.cause.person == "ada"]
    installation.ended([run.id for run in made_up])
    ended = sorted((installation.run(run.id).run for run in made_up), key=lambda run: run.cause.due)

    assert [rfc3339(run.cause.due)[11:16] for run in ended] == ["08:00", "09:00", "10:00"]
    assert all(one.ended_at <= other.started_at for one, other in pairwise(ended))


def test_watched_file_is_taken_up_kept_when_it_breaks_and_disabled_when_it_goes(installation: Installation) -> None:
    file = installation.folder / "watched/nap-often.yaml"
    text = (installation.folder / "jobs/nap.yaml").read_text().replace("name: nap", "name: nap-often")

    def saved() -> Any:
        with installation.cluster.store.reading() as conn:
            return jobs.find(conn, "nap-often")

    file.write_text(text)
    wait_until(lambda: saved() is not None, what="the job of the file")
    file.write_text(text.replace("sleep", "slep"))
    log = installation.folder / "s1.log"
    wait_until(lambda: "definition.refused" in log.read_text(), what="the log of the refused file")
    assert (saved().version, saved().enabled) == (1, True)
    file.unlink()
    wait_until(lambda: not saved().enabled, what="the job of the lost file to be disabled")
    assert f"`{saved().enabled_reason}`".replace("nap-often", "NAME") in PAGE
    file.write_text(text)
    wait_until(lambda: saved().enabled, what="the job of the file that came back")


def test_exported_folder_is_applied_unchanged_and_all_or_nothing(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    out = installation.folder / "out"
    names = [yaml.safe_load(text)["name"] for _, text in BLOCKS if text.startswith("name: ") and "gives-up" not in text]
    assert installation.rota("jobs", "export", *names, "tidy", "--out", str(out)) == 0
    capsys.readouterr()
    assert installation.rota("jobs", "apply", str(out), "--dry-run") == 0
    assert not [line for line in capsys.readouterr().err.splitlines() if ": unchanged, version " not in line]

    (out / "nap.yaml").write_text("name: nap\nsteps: [{id: a, actor: sleep, with: {seconds: 9}}]\n")
    (out / "tidy.yaml").write_text("name: tidy\nsteps: []\n")
    assert installation.rota("jobs", "apply", str(out)) == 4
    with installation.cluster.store.reading() as conn:
        assert jobs.get(conn, "nap").version == 1

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
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from console.connection import Connection, write_connection
from console.main import main
from rota.runs import Cause
from rota.settings import load_settings
from rota.times import parse_rfc3339
from scheduler.admission import Request, admit
from store.engine import Store
from store.queries import jobs, runs
from tests.acceptance.cluster import Cluster
from tests.integration.console.serving import serving
from tests.waiting import wait_until

PAGE = (Path(__file__).parents[2] / "docs/jobs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(yaml|console)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
DOCUMENTED_PORT = 8099
RUN = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
TIME = re.compile(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?\b")
YEAR_OF_BACKFILL = "2025-"
ENDED = ("succeeded", "failed", "cancelled", "skipped")


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
        if path == "/shaky":
            return (200, "well") if len(times) > 2 else (503, "not well")
        for shop, answer, *_ in rows("| `shop` |"):
            if path == f"/stock/{shop}":
                return (404, None) if answer == "404" else (200, json.loads(answer))
        return (200, None) if body is not None else (404, None)

    def _page(self, path: str, *, first: bool) -> tuple[int, Any]:
        with self._guard:
            self._pages += 1
            self.most_pages = max(self.most_pages, self._pages)
        time.sleep(0.1)  # as long as a page takes, so that others would be asked for meanwhile
        with self._guard:
            self._pages -= 1
        name = path.removeprefix("/page/").partition("?")[0]
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

    def run(self, run_id: str) -> Any:
        with self.cluster.store.reading() as conn:
            return runs.run_detail(conn, run_id)

    def runs(self, name: str) -> list[Any]:
        with self.cluster.store.reading() as conn:
            return list(runs.list_runs(conn, job=name).items)

    def ended(self, run_ids: list[str], timeout: float = 20) -> list[str]:
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
            cluster.wait_for_leader(timeout=30)
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

    wait_until(skipped, timeout=20, what=f"a skipped run of {name}")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(skipped()[0] / 1000))


def _without_times(text: str) -> str:
    return TIME.sub(lambda found: found[0] if found[0].startswith(YEAR_OF_BACKFILL) else "TIME", text)

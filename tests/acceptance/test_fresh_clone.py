"""What a stranger gets: a clone, one command, nothing but make and Python."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.processes import is_running
from tests.servers import missing_server
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
#: What a machine needs to reach its package index.
KEPT = ("HOME", "LANG", "SSL_CERT_", "CURL_CA_", "REQUESTS_CA_", "PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
BEAT = "name: beat\ntriggers: [{every: PT1S}]\nsteps: [{id: a, actor: sleep, with: {seconds: 0}}]\n"


@pytest.fixture
def clone(tmp_path):
    """A fresh clone of what is committed."""
    git = shutil.which("git")
    if git is None or shutil.which("make") is None:
        missing_server("a fresh clone needs git and make")
    if not (ROOT / ".git").exists():
        missing_server(f"{ROOT} is no git checkout to clone")
    folder = tmp_path / "clone"
    subprocess.run([git, "clone", "-q", "--no-hardlinks", ROOT, folder], check=True, timeout=60)
    return folder


def bare_environment():
    """What is left of the environment where only Python, make and the system's tools are found."""
    python = Path(sys.base_prefix) / "bin"
    kept = {name: value for name, value in os.environ.items() if name.upper().startswith(KEPT)}
    return {**kept, "PATH": f"{python}:/usr/bin:/bin"}


def group(leader):
    """The living processes of a process group."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == leader and is_running(process):
                found.append(process)
    return found


@pytest.mark.timeout(400)
def test_make_run_in_a_fresh_clone_catalogs_a_folder_and_runs_a_job_file(clone, tmp_path):
    docs, state, output = tmp_path / "docs", tmp_path / "state", tmp_path / "output.txt"
    docs.mkdir()
    for name in ("a.txt", "b.txt"):
        (docs / name).write_text("hello")
    with output.open("wb") as said:
        process = subprocess.Popen(
            ["make", "run", f"DIR={docs}", f"STATE={state}", "PORT=0"],
            cwd=clone,
            env=bare_environment(),
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    family = []
    try:
        wait_until(lambda: (state / "console.json").exists() or process.poll() is not None, timeout=240)
        assert process.poll() is None, output.read_text()[-4000:]
        connection = json.loads((state / "console.json").read_text())
        headers = {"Authorization": f"Bearer {connection['token']}"}
        with httpx.Client(base_url=f"{connection['url']}/api/v1", headers=headers, timeout=10) as client:

            def items(path):
                with suppress(httpx.HTTPError):
                    answer = client.get(path)
                    return answer.json()["items"] if answer.status_code == 200 else []
                return []

            wait_until(
                lambda: {entry["path"] for entry in items("/datasources/docs/entries")} == {"a.txt", "b.txt"},
                timeout=60,
                what="two entries in the catalog",
            )
            (state / "jobs" / "beat.yaml").write_text(BEAT)
            wait_until(lambda: items("/runs?job=beat&state=succeeded"), timeout=60, what="a succeeded run of beat")

        family = [*group(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        os.killpg(process.pid, signal.SIGINT)
        process.wait(45)
        wait_until(lambda: not [one for one in family if is_running(one)], timeout=15)
        assert group(process.pid) == []
        assert "\nstopped" in output.read_text()
        assert not (state / "console.json").exists()
    finally:
        for one in {*family, *group(process.pid)}:
            with suppress(psutil.Error):
                one.kill()
        process.wait()

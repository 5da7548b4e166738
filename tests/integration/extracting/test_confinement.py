"""What a file that takes over its reading process can still do: read what libraries are made of, and answer."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from actors.extracting.outcomes import Extracted, Failed
from tests.integration.extracting.conftest import extracted, readers, source

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are confined on Linux only")


def attempt(pool, deed):
    """What came of one deed, while its neighbour is read."""
    told = extracted(pool, source("a.deed", deed), source("good.txt", "good"))
    assert told["good.txt"] == Extracted("good")
    return told["a.deed"]


def refused(outcome):
    return isinstance(outcome, Failed) and "PermissionError" in outcome.message


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "target"
    path.write_text("secret")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("deed", ["fork", "run_program", "replace_program", "become_nobody", "write_to_memory"])
def test_other_programs_processes_and_rights_are_refused(pool, deed):
    before = set(psutil.Process().children())

    assert refused(attempt(pool, deed))

    assert set(psutil.Process().children()) - before <= set(readers())
    assert [child for reader in readers() for child in reader.children(recursive=True)] == []


def test_connections_are_refused(pool, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "socket"))
        local.listen()

        assert refused(attempt(pool, f"connect {server.getsockname()[1]}"))
        assert refused(attempt(pool, f"connect_locally {tmp_path / 'socket'}"))


@pytest.mark.parametrize("deed", ["write_file", "remove_file", "change_rights"])
def test_files_are_not_written(pool, deed, target):
    assert refused(attempt(pool, f"{deed} {target}"))
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("secret", 0o600)


@pytest.mark.parametrize("deed", ["write_file", "make_folder", "mount"])
def test_nothing_is_made(pool, deed, tmp_path):
    assert refused(attempt(pool, f"{deed} {tmp_path / 'made'}"))
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_no_libraries_are_not_read(pool, target):
    if "landlock" not in _confinement(pool):
        pytest.skip("this kernel has no Landlock")
    assert refused(attempt(pool, f"read_file {target}"))
    assert refused(attempt(pool, f"list_folder {target.parent}"))
    assert refused(attempt(pool, f"read_file /proc/{os.getpid()}/environ"))
    assert refused(attempt(pool, "read_file /etc/passwd"))


@pytest.mark.parametrize("option", ["-c", "-Pc"], ids=["started by -c or -m", "started as a program"])
def test_state_in_the_folder_that_the_worker_was_started_in_is_not_read(pool, target, option):
    if "landlock" not in _confinement(pool):
        pytest.skip("this kernel has no Landlock")
    program = (
        "from actors.extracting.pool import Extractors\n"
        "from tests.extractors_for_tests import misbehaving\n"
        "from tests.integration.extracting.conftest import extracted, source\n"
        "with Extractors(processes=1, registry=misbehaving()) as pool:\n"
        f"    told = extracted(pool, source('a.deed', 'read_file {target}'), source('good.txt', 'good'))\n"
        "    print(told['a.deed'].message, told['good.txt'].text)\n"
    )

    done = subprocess.run(
        [sys.executable, option, program],
        capture_output=True,
        text=True,
        check=True,
        cwd=target.parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )

    assert "PermissionError" in done.stdout
    assert done.stdout.endswith("good\n")


@pytest.mark.parametrize("deed", ["trace", "read_memory", "send_signal", "have_signal_sent", "limit_others"])
def test_other_processes_are_left_alone(pool, deed):
    assert refused(attempt(pool, f"{deed} {os.getpid()}"))


def test_limits_cannot_be_raised_again(pool):
    assert isinstance(attempt(pool, "regain_memory"), Failed)


def test_libraries_can_still_be_loaded_and_threads_started(pool):
    assert attempt(pool, "import_late") == Extracted("imported sqlite3 and lxml.etree")
    assert attempt(pool, "in_a_thread") == Extracted("read in a thread")


def test_pool_says_how_its_processes_are_confined(pool):
    assert _confinement(pool).startswith("reading processes are confined in ")


def _confinement(pool):
    assert pool.confinement == ""
    extracted(pool, source("good.txt", "good"))
    return pool.confinement

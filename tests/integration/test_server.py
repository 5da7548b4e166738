"""The embedded Redis: it keeps its data, keeps to itself, and outlives neither its owner nor a restart."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from bus import server as server_module
from bus.server import EmbeddedServer, ServerFailed, find_binary
from bus.server_lock import FolderInUse
from tests.processes import is_running
from tests.waiting import wait_until

# Starts a server in a process of its own, tells its address and pid, and waits to be killed.
OWNER = """
import sys, time
from pathlib import Path
from bus.server import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
print(server.start(), server.pid, flush=True)
time.sleep(300)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    embedded = EmbeddedServer(tmp_path / "redis")
    yield embedded
    embedded.stop()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "redis")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process, process.stdout:
        url, pid = process.stdout.readline().split()
        yield process, url, int(pid)
        process.kill()
        with suppress(ProcessLookupError):  # what a failed test has left frozen
            os.kill(int(pid), signal.SIGKILL)


def client_of(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=30, decode_responses=True)


def test_started_server_answers(server: EmbeddedServer) -> None:
    url = server.start()

    with client_of(url) as client:
        assert client.set("key", "value")
        assert client.get("key") == "value"
    assert server.alive()


def test_starting_twice_is_starting_once(server: EmbeddedServer) -> None:
    url = server.start()
    pid = server.pid

    assert server.start() == url
    assert server.pid == pid


def test_data_survives_an_orderly_restart(server: EmbeddedServer) -> None:
    with client_of(server.start()) as client:
        client.rpush("list", *range(1000))

    server.stop()

    with client_of(server.start()) as client:
        assert client.llen("list") == 1000


def test_killed_server_restarts_with_its_data_at_the_same_address(server: EmbeddedServer) -> None:
    url = server.start()
    with client_of(url) as client:
        client.rpush("list", *range(1000))
        # Once a second: a kill may cost the last one otherwise.
        assert client.execute_command("WAITAOF", 1, 0, 20_000) == [1, 0]
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert server.wait(60) == -signal.SIGKILL
        assert not server.alive()

        assert server.start() == url

        assert client.llen("list") == 1000


def test_server_has_no_port_and_refuses_a_wrong_password(server: EmbeddedServer) -> None:
    url = server.start()

    with client_of(url) as client:
        assert client.config_get("port") == {"port": "0"}
    with (
        client_of(url.replace("unix://:", "unix://:x")) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_secrets_are_for_the_owner_only_and_not_on_the_command_line(server: EmbeddedServer) -> None:
    url = server.start()
    password = url.removeprefix("unix://:").partition("@")[0]

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in server.folder.iterdir()}

    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert password in (server.folder / "redis.conf").read_text()
    assert password not in Path(f"/proc/{server.pid}/cmdline").read_text()


def test_memory_is_never_freed_by_dropping_messages(server: EmbeddedServer) -> None:
    with client_of(server.start()) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("append*")["appendonly"] == "yes"
        assert client.config_get("append*")["appendfsync"] == "everysec"


def test_folder_name_with_odd_characters_is_fine(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / 'sp ace "quote" 100% #?ü')
    try:
        with client_of(server.start()) as client:
            assert client.ping()
    finally:
        server.stop()


def test_socket_of_a_deep_folder_moves_to_a_private_one(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / ("deep" * 20) / "redis")
    url = server.start()
    try:
        with client_of(url) as client:
            socket_folder = Path(client.config_get("unixsocket")["unixsocket"]).parent
        assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
        assert not socket_folder.is_relative_to(tmp_path)
    finally:
        server.stop()
    assert not socket_folder.exists()


@pytest.fixture
def places() -> Iterator[Path]:
    """A folder for temporary ones, whose path is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="rota-test-", dir="/tmp") as folder:
        yield Path(folder)


def test_private_place_of_a_socket_whose_owner_was_killed_is_removed(tmp_path: Path, places: Path) -> None:
    folder = tmp_path / ("deep" * 20) / "redis"
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(places)},
    )
    assert process.stdout is not None
    with process, process.stdout:
        _url, pid = process.stdout.readline().split()
        process.kill()
    wait_until(lambda: not is_running(int(pid)))
    (left,) = places.iterdir()
    other = places / "rota-redis-of-another"
    other.mkdir()

    server = EmbeddedServer(folder)
    try:
        with client_of(server.start()) as client:
            assert client.ping()
    finally:
        server.stop()

    assert not left.exists()
    assert other.exists()


def test_second_server_on_the_folder_is_refused(server: EmbeddedServer) -> None:
    server.start()

    with pytest.raises(FolderInUse, match=f"{server.folder}.*{os.getpid()}.*{server.pid}"):
        EmbeddedServer(server.folder).start()


def test_server_of_another_living_process_is_refused(
    owner: tuple[subprocess.Popen[str], str, int], server: EmbeddedServer
) -> None:
    process, _, pid = owner

    with pytest.raises(FolderInUse, match=f"{process.pid}.*{pid}"):
        server.start()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a parent-death signal")
def test_server_dies_with_its_killed_owner(owner: tuple[subprocess.Popen[str], str, int]) -> None:
    process, _, pid = owner

    process.kill()

    wait_until(lambda: not is_running(pid))


def test_folder_of_a_killed_owner_is_taken_over_with_its_data(
    owner: tuple[subprocess.Popen[str], str, int], server: EmbeddedServer
) -> None:
    process, url, _ = owner
    with client_of(url) as client:
        client.set("key", "value")

    process.kill()

    with client_of(server.start()) as client:
        assert client.get("key") == "value"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_frozen_orphan_is_ended_by_the_next_owner(
    owner: tuple[subprocess.Popen[str], str, int], server: EmbeddedServer
) -> None:
    process, _, orphan = owner
    os.kill(orphan, signal.SIGSTOP)
    process.kill()

    server.start()

    assert server.alive()
    assert not is_running(orphan)


def test_server_outlives_the_thread_that_started_it(server: EmbeddedServer) -> None:
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()

    with client_of(server.url) as client:
        assert client.ping()
    assert server.wait(0.5) is None


def test_address_is_unknown_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="not been started"):
        _ = EmbeddedServer(tmp_path).url


def test_stop_is_safe_before_start_and_twice(server: EmbeddedServer) -> None:
    server.stop()
    server.start()
    server.stop()
    server.stop()

    assert not server.alive()
    assert server.pid is None


def test_missing_binary_is_named(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "redis", binary=tmp_path / "nothing")

    with pytest.raises(ServerFailed, match=f"cannot run {tmp_path}/nothing"):
        server.start()


def test_server_that_exits_at_once_tells_its_last_words(server: EmbeddedServer) -> None:
    server.folder.mkdir()
    (server.folder / "appendonlydir").write_text("in the way")

    with pytest.raises(ServerFailed, match="appendonlydir"):
        server.start()


def test_long_log_is_set_aside(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_MAX_LOG_BYTES", 10)
    monkeypatch.setattr(server_module, "_LOG_CHECK_SECONDS", 0.05)

    server.start()

    wait_until((server.folder / "redis.log.1").exists)


def test_wheel_brings_a_binary() -> None:
    assert os.access(find_binary(), os.X_OK)

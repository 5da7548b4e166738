"""Nothing waits for a server longer than its time limit, and nothing waits when a storage is closed."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from actors.datasources.opening import open_storage
from actors.datasources.scanning import scan
from actors.datasources.storage import Storage
from rota.errors import Cancelled, TemporaryError
from tests.storages.faulty import REMOTES, Behaviour, environment, listening, silent, stalling

KINDS = ["s3", "gcs", "azure", "sftp", "webdav", "fsspec"]
LARGE = [b"x" * 1024 * 1024] * 24
CALLS: dict[str, Callable[[Storage], object]] = {
    "verify": lambda storage: storage.verify(),
    "list": lambda storage: storage.list_folder(b"a"),
    "write": lambda storage: storage.write(b"a/b", iter(LARGE)),
}
# A write that failed still tries to take back what it began.
MOST_SECONDS = 5.0


def check_time(name: str, behave: Behaviour, call: Callable[[Storage], object], patch: pytest.MonkeyPatch) -> None:
    with listening(behave) as port:
        for variable, value in environment(port).items():
            patch.setenv(variable, value)
        began = time.monotonic()
        with closing(open_storage(REMOTES[name].at(f"127.0.0.1:{port}"))) as storage, pytest.raises(TemporaryError):
            call(storage)
        assert time.monotonic() - began < MOST_SECONDS


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_never_answers_is_given_up(name: str, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_time(name, silent, CALLS[call], monkeypatch)


@pytest.mark.parametrize("name", ["s3", "azure", "webdav"])
def test_an_answer_that_does_not_go_on_is_given_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_time(name, stalling, CALLS["list"], monkeypatch)


@pytest.mark.parametrize("name", KINDS)
def test_those_that_ask_at_the_same_time_do_not_wait_for_each_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def many(storage: Storage) -> None:
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(storage.list_folder, b"%d" % number) for number in range(8)]
        assert all(isinstance(each.exception(), TemporaryError) for each in asked)
        asked[0].result()

    check_time(name, silent, many, monkeypatch)


@pytest.mark.parametrize("name", KINDS)
def test_a_cancelled_scan_does_not_wait_for_an_answer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def check() -> None:
        if time.monotonic() - began > 0.3:
            raise Cancelled

    with listening(silent) as port:
        for variable, value in environment(port).items():
            monkeypatch.setenv(variable, value)
        datasource = REMOTES[name].at(f"127.0.0.1:{port}", timeout_seconds=20)
        began = time.monotonic()
        with closing(open_storage(datasource, check=check)) as storage, pytest.raises(Cancelled):
            list(scan(storage, [b"a", b"b"], lambda paths: {}, check=check))
        assert time.monotonic() - began < MOST_SECONDS

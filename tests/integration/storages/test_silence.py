"""Nothing waits for a server longer than its time limit, and nothing waits when a storage is closed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

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
# Far more than the time limit of a second and what a busy machine makes of it, far less than it would take to wait for
# so many one after the other. A write that failed still tries to take back what it began.
MOST_SECONDS = 30.0
MANY = 64


@contextmanager
def served(behave: Behaviour, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the place of a server that all kinds are sent to."""
    with listening(behave) as port:
        for variable, value in environment(port).items():
            patch.setenv(variable, value)
        yield f"127.0.0.1:{port}"


def together(act: Callable[[str], None], kinds: Iterable[str] = KINDS) -> None:
    """Do so with each kind at the same time, for nearly all of it is waiting; none may take long."""
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        acting = {kind: pool.submit(act, kind) for kind in kinds}
    assert {kind: acted.exception() for kind, acted in acting.items() if acted.exception()} == {}
    assert time.monotonic() - began < MOST_SECONDS


def check_given_up(
    behave: Behaviour, call: Callable[[Storage], object], patch: pytest.MonkeyPatch, *kinds: str
) -> None:
    with served(behave, patch) as place:

        def try_it(kind: str) -> None:
            with closing(open_storage(REMOTES[kind].at(place))) as storage, pytest.raises(TemporaryError):
                call(storage)

        together(try_it, kinds or KINDS)


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_never_answers_is_given_up(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_given_up(silent, CALLS[call], monkeypatch)


def test_an_answer_that_does_not_go_on_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    check_given_up(stalling, CALLS["list"], monkeypatch, "s3", "azure", "webdav")


def test_those_that_ask_at_the_same_time_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def many(storage: Storage) -> None:
        with ThreadPoolExecutor(MANY) as pool:
            asked = [pool.submit(storage.list_folder, b"%d" % number) for number in range(MANY)]
        assert all(isinstance(each.exception(), TemporaryError) for each in asked)
        asked[0].result()

    check_given_up(silent, many, monkeypatch)


def test_a_cancelled_scan_does_not_wait_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()

    def check() -> None:
        if time.monotonic() - began > 0.3:
            raise Cancelled

    with served(silent, monkeypatch) as place:

        def cancel_it(kind: str) -> None:
            datasource = REMOTES[kind].at(place, timeout_seconds=120)
            with closing(open_storage(datasource, check=check)) as storage, pytest.raises(Cancelled):
                list(scan(storage, [b"a", b"b"], lambda paths: {}, check=check))

        together(cancel_it)

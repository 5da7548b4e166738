"""Whom the SFTP driver connects to, as whom, and how long it waits."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from actors.datasources.sftp.storage import SftpStorage
from actors.datasources.storage import Datasource, Listing
from rota.datasources import Rules
from rota.errors import PermanentError, TemporaryError
from tests.storages.sftp import PASSWORD, ServedSftp, serve, silence
from tests.waiting import wait_until

SECONDS = 1.0
"""The shortest time limit that a datasource may have."""
LONGER = 3.0
"""One within which a busy machine connects."""


def verify(datasource: Datasource) -> None:
    storage = SftpStorage(datasource)
    try:
        storage.verify()
    finally:
        storage.close()


def read(storage: SftpStorage) -> bytes:
    with storage.open_file(b"f") as file:
        return file.read()


def check_late(asked: Iterable[tuple[Callable[[SftpStorage], object], SftpStorage]]) -> None:
    """Make all these calls at the same time; the server answers none of them."""
    with ThreadPoolExecutor(10) as pool:
        asking = [pool.submit(call, storage) for call, storage in asked]
    for each in asking:
        with pytest.raises(TemporaryError, match=f"did not answer within {LONGER:g} s"):
            each.result()


@pytest.fixture(autouse=True)
def _has_a_file(served: ServedSftp) -> None:
    served.write(b"f", b"content")


class TestLogin:
    def test_takes_a_key_a_locked_key_or_a_password(
        self, served: ServedSftp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        key = asyncssh.import_private_key(served.environment["SFTP_TEST_KEY"])
        locked = tmp_path / "locked"
        locked.write_bytes(key.export_private_key("pkcs8-pem", passphrase="sesame"))
        monkeypatch.setenv("SFTP_TEST_PASSPHRASE", "sesame")
        verify(served.configured())
        verify(served.configured(private_key=None, password="env:SFTP_TEST_PASSWORD"))
        verify(served.configured(private_key=f"file:{locked}", passphrase="env:SFTP_TEST_PASSPHRASE"))

    def test_refused_credentials_are_an_error_for_good_that_names_no_secret(
        self, served: ServedSftp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
        monkeypatch.setenv("SFTP_TEST_OTHER_KEY", other)
        monkeypatch.setenv("SFTP_TEST_OTHER_PASSWORD", PASSWORD + "!")
        for options in (
            {"private_key": None, "password": "env:SFTP_TEST_OTHER_PASSWORD"},
            {"private_key": "env:SFTP_TEST_OTHER_KEY"},
            {"private_key": None},
            {"user": "somebody"},
        ):
            with pytest.raises(PermanentError, match="refused the login") as raised:
                verify(served.configured(**options))
            shown = repr(raised.value) + repr(raised.value.__cause__)
            assert PASSWORD not in shown

    def test_a_refused_login_is_not_tried_again(self, served: ServedSftp) -> None:
        storage = SftpStorage(served.configured(user="somebody"))
        try:
            with pytest.raises(PermanentError, match="refused the login"):
                storage.write(b"new", [b"x"])
        finally:
            storage.close()
        assert served.taken == 1

    def test_a_key_that_cannot_be_read_is_an_error_that_does_not_quote_it(
        self, served: ServedSftp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = asyncssh.import_private_key(served.environment["SFTP_TEST_KEY"])
        monkeypatch.setenv("SFTP_TEST_LOCKED", key.export_private_key("pkcs8-pem", passphrase="sesame").decode())
        monkeypatch.setenv("SFTP_TEST_PASSPHRASE", "wrong")
        monkeypatch.setenv("SFTP_TEST_NO_KEY", "s3cret")
        for options in (
            {"private_key": "env:SFTP_TEST_NO_KEY"},
            {"private_key": "env:SFTP_TEST_LOCKED"},
            {"private_key": "env:SFTP_TEST_LOCKED", "passphrase": "env:SFTP_TEST_PASSPHRASE"},
            {"private_key": "env:SFTP_TEST_MISSING"},
        ):
            with pytest.raises(PermanentError, match=r"options\.private_key") as raised:
                verify(served.configured(**options))
            assert "s3cret" not in str(raised.value)

    def test_nothing_of_the_worker_s_own_account_is_used(
        self, served: ServedSftp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        home = tmp_path / "home" / ".ssh"
        home.mkdir(parents=True)
        (home / "id_ed25519").write_text(served.environment["SFTP_TEST_KEY"])
        (home / "known_hosts").write_text(f"* {served.host_key}\n")
        (home / "config").write_text(
            "Host *\n  User nobody\n  ProxyCommand touch proxied\n  StrictHostKeyChecking no\n"
        )
        monkeypatch.setenv("HOME", str(home.parent))
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        verify(served.configured())
        with pytest.raises(PermanentError, match="refused the login"):
            verify(served.configured(private_key=None))
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
        with pytest.raises(PermanentError, match="another host key"):
            verify(served.configured(host_key=other))


class TestServer:
    def test_another_host_key_is_refused_before_any_secret_is_sent(self, served: ServedSftp) -> None:
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
        with pytest.raises(PermanentError, match="another host key"):
            verify(served.configured(host_key=other))
        verify(served.configured(host_key=None, any_host_key=True))

    def test_a_host_key_of_a_kind_that_the_server_lacks_is_an_error_for_good(self, served: ServedSftp) -> None:
        other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode().strip()
        datasource = served.configured(host_key=other)

        def verified() -> None:
            while True:
                # The server hangs up at once, and now and then that arrives before the client has read its offer.
                with suppress(TemporaryError):
                    return verify(datasource)

        with pytest.raises(PermanentError, match="algorithm in common"):
            verified()

    def test_a_host_key_that_is_none_is_named(self, served: ServedSftp) -> None:
        with pytest.raises(PermanentError, match=r"options\.host_key.*ssh-keyscan"):
            verify(served.configured(host_key="127.0.0.1 ssh-ed25519 AAAA"))

    def test_a_private_address_is_refused_unless_the_datasource_allows_it(self, served: ServedSftp) -> None:
        with pytest.raises(PermanentError, match="allow_private"):
            verify(served.configured(rules=Rules()))
        assert served.connections == []

    def test_a_name_is_resolved_and_each_of_its_addresses_tried(self, served: ServedSftp) -> None:
        # The server listens on the second of the two, as far as the machine has both.
        datasource = served.configured()
        verify(replace(datasource, root=datasource.root.replace("127.0.0.1", "localhost")))

    def test_one_that_offers_no_sftp_is_an_error_for_good(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with serve(tmp_path, offers_sftp=False) as without:
            monkeypatch.setenv("SFTP_TEST_KEY", without.environment["SFTP_TEST_KEY"])
            with pytest.raises(PermanentError, match="offers no SFTP"):
                verify(without.configured())

    def test_one_that_takes_no_connections_is_a_temporary_error(self, served: ServedSftp) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            datasource = served.configured()
            nobody = datasource.root.replace(str(served.port), str(bound.getsockname()[1]))
            with pytest.raises(TemporaryError, match="cannot be reached"):
                verify(replace(datasource, root=nobody))


class TestTimeLimit:
    def test_holds_for_a_server_that_takes_the_connection_and_says_nothing(self, served: ServedSftp) -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            datasource = served.configured(timeout_seconds=SECONDS)
            root = datasource.root.replace(str(served.port), str(mute.getsockname()[1]))
            began = time.monotonic()
            with pytest.raises(TemporaryError, match="did not answer within 1 s"):
                verify(replace(datasource, root=root))
            assert time.monotonic() - began < 10

    def test_holds_for_every_call_and_the_next_one_connects_again(self, served: ServedSftp) -> None:
        calls: list[Callable[[SftpStorage], object]] = [
            lambda storage: storage.verify(),
            lambda storage: storage.list_folder(b""),
            lambda storage: storage.stat(b"f"),
            lambda storage: storage.open_file(b"f"),
            lambda storage: storage.make_folder(b"a"),
            lambda storage: storage.rename(b"f", b"g"),
            lambda storage: storage.delete(b"f"),
        ]
        storages = [SftpStorage(served.configured(timeout_seconds=LONGER)) for _ in calls]
        try:
            for storage in storages:
                storage.verify()
            served.fault = silence
            check_late(zip(calls, storages, strict=True))
            served.fault = type(served).fault
            for storage in storages:
                assert storage.stat(b"f") is not None
        finally:
            for storage in storages:
                storage.close()

    def test_holds_in_the_middle_of_a_listing_and_of_a_file(self, served: ServedSftp) -> None:
        # Each in a folder of its own, whose requests of one kind are never answered.
        middles: dict[str, Callable[[SftpStorage], object]] = {
            "scandir": lambda storage: storage.list_folder(b""),
            "entry": lambda storage: storage.list_folder(b""),
            "open": read,
            "read": read,
            "write": lambda storage: storage.write(b"f", [b"new"]),
            "posix_rename": lambda storage: storage.write(b"f", [b"new"]),
        }
        for silent in middles:
            served.write(f"{silent}/in-{silent}".encode(), b"content")
            served.write(f"{silent}/f".encode(), b"content")

        async def fall_silent(request: str, path: bytes) -> None:
            if f"/{request}/" in os.fsdecode(path) + "/" or path == f"in-{request}".encode():
                await silence(request, path)

        served.fault = fall_silent
        storages = [SftpStorage(served.configured(f"/{silent}", timeout_seconds=LONGER)) for silent in middles]
        try:
            check_late(zip(middles.values(), storages, strict=True))
        finally:
            for storage in storages:
                storage.close()
        assert {request for request, _ in served.seen} >= middles.keys() - {"entry"}

    def test_is_for_one_request_and_not_for_a_listing_of_many(self, served: ServedSftp) -> None:
        # Of a thousand, a server tells some hundred at a time: none of these answers takes long, all of them do.
        for number in range(1_000):
            served.write(b"%d" % number, b"")

        async def take_time(request: str, path: bytes) -> None:
            if request == "entry" and path.endswith(b"00"):
                await asyncio.sleep(0.12)

        served.fault = take_time
        storage = SftpStorage(served.configured(timeout_seconds=SECONDS))
        try:
            began = time.monotonic()
            found = storage.list_folder(b"")
            assert isinstance(found, Listing)
            assert len(found.rows) == 1_001
            assert time.monotonic() - began > SECONDS
        finally:
            storage.close()

    def test_does_not_hold_up_closing(self, served: ServedSftp) -> None:
        storage = SftpStorage(served.configured(timeout_seconds=60))
        storage.verify()
        served.fault = silence
        errors: list[BaseException] = []

        def ask() -> None:
            try:
                storage.stat(b"f")
            except TemporaryError as error:
                errors.append(error)

        asking = threading.Thread(target=ask)
        asked = len(served.seen)
        asking.start()
        wait_until(lambda: len(served.seen) > asked)
        began = time.monotonic()
        storage.close()
        asking.join()
        assert time.monotonic() - began < 10
        assert len(errors) == 1


def test_a_connection_that_broke_between_two_calls_is_made_again(served: ServedSftp) -> None:
    storage = SftpStorage(served.configured())
    try:
        storage.verify()
        first = served.connections[0]
        served.loop.call_soon_threadsafe(served.cut)
        wait_until(lambda: not served.connections)
        wait_until(lambda: _answers(storage))
        assert served.connections != [first]
    finally:
        storage.close()


def _answers(storage: SftpStorage) -> bool:
    """The driver may learn of the cut from the first call after it."""
    try:
        return storage.stat(b"f") is not None
    except TemporaryError:
        return False

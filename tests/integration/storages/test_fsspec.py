"""fsspec: what the shared suite does not ask, on an FTP server, on one that misbehaves, and on a driver of the tests."""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from pyftpdlib.handlers import FTPHandler

from actors.datasources.fsspec.storage import FilesystemSpecStorage
from actors.datasources.storage import Datasource, Listing, Row, Unlisted, Why
from rota.datasources import Rules
from rota.errors import PermanentError, TemporaryError
from tests.storages.folders import ServedFolder
from tests.storages.fsspec import serve

REGISTRY = sys.modules["fsspec.registry"]._registry  # the package hides its module behind a view of this
Started = Callable[..., AbstractContextManager[tuple[ServedFolder, FilesystemSpecStorage]]]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    """Starts an FTP server with a handler, and opens its storage."""

    @contextmanager
    def start(
        handler: type[FTPHandler] = FTPHandler, **options: Any
    ) -> Iterator[tuple[ServedFolder, FilesystemSpecStorage]]:
        folder = tmp_path / "served"
        folder.mkdir()
        with serve(folder, handler=handler) as served:
            for name, value in served.environment.items():
                monkeypatch.setenv(name, value)
            opened = replace(served.datasource, options={**served.datasource.options, **options})
            with closing(FilesystemSpecStorage(opened)) as storage:
                yield served, storage

    return start


def opened(root: str, *, private: bool = True, **storage_options: Any) -> FilesystemSpecStorage:
    options = {"storage_options": storage_options, "timeout_seconds": 1}
    return FilesystemSpecStorage(
        Datasource(name="files", kind="fsspec", root=root, options=options, rules=Rules(allow_private=private))
    )


# --- An FTP server -----------------------------------------------------------------------------------------------------


class RefusingFolders(FTPHandler):
    """Lets nobody list the folder `shut`."""

    def ftp_MLSD(self, path: str) -> Any:
        if path.endswith("/shut"):
            self.respond("550 Not for you.")
            return None
        return super().ftp_MLSD(path)


class BusyForFolders(FTPHandler):
    def ftp_MLSD(self, path: str) -> Any:
        self.respond("425 No data connection now.")


class HangingUp(FTPHandler):
    def ftp_MLSD(self, path: str) -> Any:
        self.close()


class WithoutListings(FTPHandler):
    def ftp_MLSD(self, path: str) -> Any:
        self.respond("502 Not implemented.")


class Beaten(FTPHandler):
    """Somebody else makes what is to be made a moment before."""

    make = staticmethod(os.mkdir)

    def ftp_MKD(self, path: str) -> Any:
        self.make(path)
        return super().ftp_MKD(path)


def test_folder_that_is_made_meanwhile_is_there(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    with started(Beaten) as (_, storage):
        storage.make_folder(b"a")
        monkeypatch.setattr(Beaten, "make", staticmethod(lambda path: Path(path).touch()))
        with pytest.raises(FileExistsError):
            storage.make_folder(b"b")

        found = storage.list_folder(b"")
        assert isinstance(found, Listing)
        assert [(row.name, row.kind) for row in found.rows] == [(b"a", "folder"), (b"b", "file")]


def test_folder_that_cannot_be_read_is_not_empty(started: Started) -> None:
    """The driver that comes with fsspec gives an empty listing for it."""
    with started(RefusingFolders) as (served, storage):
        served.write(b"shut/file", b"x")

        found = storage.list_folder(b"shut")

        assert isinstance(found, Unlisted)
        assert found.why is Why.FAILED
        with pytest.raises(PermissionError):
            storage.stat(b"shut/file")
        with pytest.raises(PermissionError):
            storage.delete(b"shut")


@pytest.mark.parametrize("handler", [BusyForFolders, HangingUp])
def test_listing_that_fails_for_now_is_temporary(started: Started, handler: type[FTPHandler]) -> None:
    with started(handler) as (_, storage):
        for attempt in (storage.verify, lambda: storage.list_folder(b""), lambda: storage.stat(b"file")):
            with pytest.raises(TemporaryError):
                attempt()


def test_server_without_reliable_listings_is_refused(started: Started) -> None:
    with started(WithoutListings) as (_, storage), pytest.raises(PermanentError, match="MLSD"):
        storage.verify()


def test_what_is_gone_is_told_as_gone(started: Started) -> None:
    with started() as (served, storage):
        served.write(b"file", b"x")

        for path in (b"none", b"none/below", b"file"):
            found = storage.list_folder(path)
            assert isinstance(found, Unlisted)
            assert found.why is Why.VANISHED
        assert storage.stat(b"file/below") is None


def test_wrong_password_is_final_and_not_told(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    with started() as (served, _):
        monkeypatch.setenv("FTP_PASSWORD", "guessed it")
        with (
            closing(FilesystemSpecStorage(served.datasource)) as storage,
            pytest.raises(PermanentError, match="530") as raised,
        ):
            storage.verify()

    assert "guessed" not in str(raised.value)


def test_silence_is_temporary() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with closing(opened(f"ftp://127.0.0.1:{port}/")) as storage, pytest.raises(TemporaryError):
            storage.list_folder(b"")


def test_nobody_there_is_temporary() -> None:
    with closing(opened("ftp://127.0.0.1:1/")) as storage, pytest.raises(TemporaryError):
        storage.verify()


def test_connection_that_broke_is_replaced(started: Started) -> None:
    with started() as (served, storage):
        served.write(b"file", b"x")
        storage.verify()
        driver = storage._drivers.borrow()
        driver.ftp.sock.shutdown(socket.SHUT_RDWR)
        storage._drivers.give_back(driver)

        with pytest.raises(TemporaryError):
            storage.stat(b"file")
        assert storage.stat(b"file") is not None


def test_connection_goes_to_an_address_that_was_judged(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the next one where the first takes none; the name is not asked for again."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolver(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        if host != "ftp.test":
            return real(host, port, *args, **kwargs)
        return [(2, 1, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    with started() as (served, _):
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        root = served.datasource.root.replace("127.0.0.1", "ftp.test")
        with closing(FilesystemSpecStorage(replace(served.datasource, root=root))) as storage:
            before = asked.count("ftp.test")
            storage.verify()

    assert before > 0
    assert asked.count("ftp.test") == before


def test_names_with_signs_of_patterns_are_plain_names(started: Started) -> None:
    with started() as (served, storage):
        served.write(b"ab", b"1")
        served.write(b"a*", b"22")

        storage.rename(b"a*", b"[a]b")
        storage.delete(b"[a]b")
        storage.delete(b"a?")

        assert served.walk() == {b"ab": ("file", 1)}


def test_name_with_a_line_end_harms_nothing(started: Started) -> None:
    with started() as (served, storage):
        served.write(b"file", b"x")
        for path in (b"a\r\nDELE file", b"a\nb"):
            with pytest.raises(OSError, match="newline"):
                storage.write(path, [b"x"])

        assert served.walk() == {b"file": ("file", 1)}


def test_write_needs_its_folder_and_replaces_none(started: Started) -> None:
    with started() as (served, storage):
        served.write(b"a/file", b"x")

        with pytest.raises(FileNotFoundError):
            storage.write(b"none/file", [b"new"])
        with pytest.raises(NotADirectoryError):
            storage.make_folder(b"a/file/folder")
        with pytest.raises(IsADirectoryError):
            storage.write(b"a", [b"new"])
        with pytest.raises(FileExistsError):
            storage.make_folder(b"a/file")

        assert served.walk() == {b"a": ("folder", 0), b"a/file": ("file", 1)}


@pytest.mark.parametrize("error", [ValueError("source"), TimeoutError("source"), OSError(5, "source")])
def test_error_of_the_source_stays_as_it_is(started: Started, error: Exception) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"x"
        raise error

    with started() as (served, storage):
        with pytest.raises(type(error)) as raised:
            storage.write(b"file", breaking())

        assert raised.value is error
        assert served.walk() == {}


def test_folder_is_not_deleted_while_something_is_in_it(started: Started) -> None:
    with started() as (served, storage):
        served.write(b"a/.rota-marker", b"x")

        with pytest.raises(OSError, match="not empty"):
            storage.delete(b"a")
        assert b"a/.rota-marker" in served.walk()


def test_file_that_is_closed_early_gives_its_connection_back(started: Started) -> None:
    with started(in_flight=1) as (served, storage):
        served.write(b"large", bytes(20_000_000))
        for _ in range(5):
            with storage.open_file(b"large") as file:
                assert file.read(10) == bytes(10)
        with storage.open_file(b"large") as file:
            storage.write(b"copy", iter(lambda: file.read(1_000_000), b""))

        assert served.walk()[b"copy"] == ("file", 20_000_000)


# --- What is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "root",
    [
        *("file:///etc", "local:///etc", "asynclocal:///etc", "memory://x", "reference://x", "data://x", "git://x"),
        *("dask://host/x", "jupyter://host/x", "jlab://host/x", "dir://x", "generic://x", "simplecache://x"),
        *("zip://x", "tar://x", "libarchive://x", "sftp://host/x", "ssh://host/x", "http://host/x", "https://host/x"),
        *("webdav://host/x", "simplecache::file:///etc", "ftp://host/x::file:///etc", "nothing-known://x"),
    ],
)
def test_drivers_that_go_round_the_guards_are_refused(root: str) -> None:
    with pytest.raises(PermanentError, match="root"):
        opened(root)


def test_driver_that_is_a_local_one_under_another_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Disguised(LocalFileSystem):
        pass

    monkeypatch.setitem(REGISTRY, "disguised", Disguised)

    with pytest.raises(PermanentError, match="not allowed"):
        opened("disguised:///etc")


@pytest.mark.parametrize("option", ["fo", "target_protocol", "target_options", "fs", "tempdir"])
def test_options_that_name_another_driver_are_refused(option: str) -> None:
    with pytest.raises(PermanentError, match=option):
        opened("ftp://127.0.0.1/", **{option: "file"})


def test_passwords_do_not_travel_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTP_PASSWORD", "hush-hush")

    with pytest.raises(PermanentError, match="in the clear"):
        opened("ftp://user@8.8.8.8/", private=False, password="env:FTP_PASSWORD")
    opened("ftp://user@8.8.8.8/", private=False, password="env:FTP_PASSWORD", tls=True).close()
    opened("ftp://8.8.8.8/", private=False).close()


def test_password_in_the_address_is_refused_and_not_told() -> None:
    with pytest.raises(PermanentError, match="must not hold a password") as raised:
        opened("ftp://user:hush-hush@127.0.0.1/")

    assert "hush" not in str(raised.value)


def test_root_needs_a_host() -> None:
    with pytest.raises(PermanentError, match="no host"):
        opened("ftp:///folder")


def test_private_hosts_are_refused_unless_allowed() -> None:
    for root in ("ftp://127.0.0.1/", "ftp://user@localhost:2121/x", "webhdfs://10.0.0.1:9870/", "smb://192.168.1.1/x"):
        with pytest.raises(PermanentError, match="allow_private|not installed"):
            opened(root, private=False)


@pytest.mark.parametrize(
    "options",
    [
        {"host": "127.0.0.1"},
        {"endpoint_url": "http://169.254.169.254/"},
        {"client_kwargs": {"endpoint_url": "http://localhost:9000"}},
        {"anything": "https://[::1]/"},
        {"host": 2130706433},
        {"account_host": "localhost"},
        {"nodes": [{"url": "10.0.0.1:9000"}]},
        {"endpoints": ["https://8.8.8.8", "https://10.0.0.1"]},
        {"connection_string": "Protocol=https;Account=a;BlobEndpoint=https://8.8.8.8;Other=http://127.0.0.1;"},
        {"url": "https://8.8.8.8@127.0.0.1/"},
        {"url": "https://127.0.0.1\\@8.8.8.8/"},
    ],
)
def test_hosts_in_options_are_judged(bucket: type[Any], options: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match="allow_private"):
        opened("oci://bucket", private=False, **options)


def test_secrets_are_references_at_any_depth(bucket: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "hush-hush")

    with closing(opened("oci://bucket", config={"key": "env:THE_KEY"}, failing="env:THE_KEY")) as storage:
        found = storage.list_folder(b"")

    assert bucket.given["config"] == {"key": "hush-hush"}
    assert isinstance(found, Unlisted)
    assert "***" in found.reason
    assert "hush" not in found.reason


# --- A driver of the tests ---------------------------------------------------------------------------------------------


class Bucket(fsspec.AbstractFileSystem):
    """An object store in a dictionary, as drivers of object stores are written."""

    protocol = "oci"
    cachable = False
    files: ClassVar[dict[str, bytes]] = {}
    given: ClassVar[dict[str, Any]] = {}

    def __init__(self, *, failing: str = "", extra: Any = (), **options: Any) -> None:
        super().__init__(**options)
        Bucket.given.update(options)
        self.failing, self.extra = failing, extra

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        if self.failing:
            raise RuntimeError(f"no luck with {self.failing}")
        path = path.rstrip("/")
        below = {name for name in self.files if name.startswith(path + "/")}
        if not below and path != "bucket":
            raise FileNotFoundError(path)
        names = {path + "/" + name[len(path) + 1 :].partition("/")[0] for name in below}
        return [self.info(name) for name in sorted(names)] + list(self.extra)

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        if path in self.files:
            when = datetime(2026, 1, 1, tzinfo=UTC)
            return {"name": path, "type": "file", "size": len(self.files[path]), "LastModified": when, "ETag": '"e"'}
        if any(name.startswith(path + "/") for name in self.files):
            return {"name": path, "type": "directory", "size": 0}
        raise FileNotFoundError(path)

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode == "rb":
            return io.BytesIO(self.files[path])
        files = self.files

        class Upload(io.BytesIO):
            def close(self) -> None:
                if not self.closed:
                    files[path] = self.getvalue()
                super().close()

        return Upload()

    def cp_file(self, path1: str, path2: str, **options: Any) -> None:
        self.files[path2] = self.files[path1]

    def rm_file(self, path: str) -> None:
        del self.files[path]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> type[Bucket]:
    Bucket.files.clear()
    Bucket.given.clear()
    monkeypatch.setitem(REGISTRY, "oci", Bucket)
    return Bucket


def test_object_store_is_known_by_its_driver(bucket: type[Bucket]) -> None:
    bucket.files |= {"bucket/a": b"12345", "bucket/d/e": b"x"}

    with closing(opened("oci://bucket")) as storage:
        storage.verify()
        found = storage.list_folder(b"")
        can = storage.capabilities

    assert (can.etags, can.folders, can.moves) == (True, False, False)
    assert isinstance(found, Listing)
    assert found.rows == [Row(b"a", "file", 5, 1_767_225_600_000_000_000, etag="e"), Row(b"d", "folder", 0, 0)]
    assert bucket.given["use_listings_cache"] is False


def test_file_is_renamed_by_copy_where_the_driver_has_no_move(bucket: type[Bucket]) -> None:
    bucket.files |= {"bucket/a*": b"1", "bucket/ab": b"2", "bucket/d/e": b"3"}

    with closing(opened("oci://bucket")) as storage:
        storage.rename(b"a*", b"new/a*")
        with pytest.raises(FileExistsError):
            storage.rename(b"new/a*", b"ab")
        with pytest.raises(OSError, match="cannot be renamed"):
            storage.rename(b"d", b"f")
        storage.write(b"new/b", [b"44", b"44"])
        storage.make_folder(b"nothing")

    assert bucket.files == {"bucket/new/a*": b"1", "bucket/ab": b"2", "bucket/d/e": b"3", "bucket/new/b": b"4444"}


@pytest.mark.parametrize(
    "entry",
    [{"name": "bucket/other/x", "type": "file", "size": 1}, {"name": "bucket/x", "type": "file", "size": None}],
)
def test_answer_that_cannot_be_relied_on_is_no_listing(bucket: type[Bucket], entry: dict[str, Any]) -> None:
    with closing(opened("oci://bucket", extra=[entry])) as storage:
        found = storage.list_folder(b"")

    assert isinstance(found, Unlisted)
    assert found.why is Why.FAILED


@pytest.mark.parametrize(("option", "value"), [("tls", "tlsv1"), ("port", "ftp")])
def test_wrong_options_are_final(option: str, value: str) -> None:
    given: dict[str, Any] = {option: value}
    with pytest.raises(PermanentError, match=option):
        opened("ftp://127.0.0.1:1/", **given)

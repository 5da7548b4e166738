"""WebDAV: what the shared suite does not ask, on a real server and on servers that misbehave."""

from __future__ import annotations

import os
import socket
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.storage import Datasource, Kind, Listing, Unlisted, Why
from actors.datasources.webdav.storage import WebdavStorage
from rota.datasources import Rules
from rota.errors import Cancelled, PermanentError, TemporaryError
from tests.storages.faulty import hear, listening
from tests.storages.folders import ServedFolder
from tests.storages.webdav import PASSWORD, serve, serve_app

Answer = tuple[int, dict[str, str], bytes]
EMPTY = b'<d:multistatus xmlns:d="DAV:">%s</d:multistatus>'
FOLDER = (
    b"<d:response><d:href>%s</d:href><d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop>"
    b"<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
)
FILE = (
    b"<d:response><d:href>%s</d:href><d:propstat><d:prop><d:resourcetype/><d:getcontentlength>3</d:getcontentlength>"
    b"</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
)


def told(*members: bytes) -> Answer:
    return 207, {}, EMPTY % b"".join(members)


class Tap:
    """Stands before a server: sees each request, and may answer in its place."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.answer: Callable[[int, str, str], Answer | None] = lambda number, method, path: None

    def around(self, app: Any) -> Any:
        def tapped(environ: dict[str, Any], start_response: Any) -> Any:
            method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
            self.requests.append((method, path))
            answer = self.answer(len(self.requests), method, path)
            if answer is None:
                return app(environ, start_response)
            environ["wsgi.input"].read()
            status, headers, body = answer
            start_response(f"{status} Answer", [("content-length", str(len(body))), *headers.items()])
            return [body]

        return tapped


@pytest.fixture
def tap() -> Tap:
    return Tap()


@pytest.fixture
def served(tmp_path: Path, tap: Tap, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedFolder]:
    folder = tmp_path / "served"
    folder.mkdir()
    with serve(folder, wrapper=tap.around) as started:
        for name, value in started.environment.items():
            monkeypatch.setenv(name, value)
        yield started


@pytest.fixture
def storage(served: ServedFolder) -> Iterator[WebdavStorage]:
    with closing(WebdavStorage(served.datasource)) as opened:
        yield opened


def at(address: str, **options: Any) -> WebdavStorage:
    return WebdavStorage(
        Datasource(name="files", kind="webdav", root=address, options=options, rules=Rules(allow_private=True))
    )


@contextmanager
def answering(*answers: Answer, **options: Any) -> Iterator[tuple[WebdavStorage, Tap]]:
    """A storage at `/dav` whose server gives these answers in turn, and the last for ever."""
    tap = Tap()
    tap.answer = lambda number, method, path: answers[min(number, len(answers)) - 1]
    with serve_app(tap.around(None)) as address, closing(at(address + "/dav", **options)) as storage:
        yield storage, tap


@contextmanager
def speaking(*words: bytes) -> Iterator[str]:
    """A server that answers each connection with the next of these bytes and hangs up, or keeps silent at `b""`."""
    waiting = list(words)

    def speak(connection: socket.socket, done: threading.Event) -> None:
        hear(connection)
        said = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if said:
            connection.sendall(said)
        else:
            done.wait()

    with listening(speak) as port:
        yield f"http://127.0.0.1:{port}/dav"


def listed(storage: WebdavStorage, path: bytes = b"") -> Listing:
    found = storage.list_folder(path)
    assert isinstance(found, Listing), found
    return found


def unlisted(storage: WebdavStorage, path: bytes = b"") -> Unlisted:
    found = storage.list_folder(path)
    assert isinstance(found, Unlisted), found
    return found


# --- On a real server --------------------------------------------------------------------------------------------------


def test_rows_have_time_and_etag(served: ServedFolder, storage: WebdavStorage) -> None:
    served.write(b"file", b"12345")
    os.utime(served.place(b"file"), (1_700_000_000, 1_700_000_000))

    (row,) = listed(storage).rows

    assert (row.size, row.modified_ns, row.inode) == (5, 1_700_000_000_000_000_000, 0)
    assert row.etag.strip('W/"') == row.etag != ""


def test_names_that_are_not_ascii_or_have_lines_stay_apart(served: ServedFolder, storage: WebdavStorage) -> None:
    twins = [unicodedata.normalize(form, "\u00e9").encode() for form in ("NFC", "NFD")]
    names = [b"a\\b", b'"', b"a#b", b"%41", b"<&>", b"%2F", b"%2e%2e", b" lead", b"trail ", b"*", b"x" * 255, *twins]
    for name in names:
        served.write(b"odd/" + name, name)

    assert [row.name for row in listed(storage, b"odd").rows] == sorted(names)
    for name in names:
        storage.rename(b"odd/" + name, b"renamed")
        storage.rename(b"renamed", b"odd/" + name)
        with storage.open_file(b"odd/" + name) as file:
            assert file.read() == name


def test_target_that_the_server_would_take_for_another_is_refused(served: ServedFolder, storage: WebdavStorage) -> None:
    """This server cuts the target of a MOVE at such a character, and would replace what it finds there."""
    served.write(b"a", b"precious")
    before = served.walk()
    for name in (b"a?b", b"a;b", b"a\nb", b"a#b%41?"):
        with pytest.raises(OSError, match="cannot move to a name"):
            storage.write(name, [b"new"])
        with pytest.raises(OSError, match="cannot move to a name"):
            storage.rename(b"a", name)
        assert served.walk() == before

        served.write(name, b"12345")
        row = storage.stat(name)
        assert row is not None
        assert (row.name, row.size) == (name, 5)
        storage.delete(name)
        assert served.walk() == before


def test_each_folder_costs_one_request(served: ServedFolder, storage: WebdavStorage, tap: Tap) -> None:
    for n in range(50):
        served.write(b"a/%d" % n, b"x")

    assert len(listed(storage, b"a").rows) == 50
    assert tap.requests == [("PROPFIND", "/dav files/a/")]


def test_folder_is_not_deleted_while_something_is_in_it(served: ServedFolder, storage: WebdavStorage) -> None:
    """Not even what a listing leaves out: the server would take it all."""
    served.write(b"a/.rota-marker", b"x")
    served.write(b"b/x.tmp", b"x")
    excluding = replace(served.datasource, rules=Rules(allow_private=True, exclude=("*.tmp",)))

    with closing(WebdavStorage(excluding)) as storage:
        for folder in (b"a", b"b"):
            assert listed(storage, folder).rows == []
            with pytest.raises(OSError, match="not empty"):
                storage.delete(folder)

    assert b"a/.rota-marker" in served.walk()
    assert b"b/x.tmp" in served.walk()


@pytest.mark.parametrize("comes_anew", [False, True])
def test_what_is_put_into_a_folder_while_it_is_deleted_stays(
    served: ServedFolder, storage: WebdavStorage, tap: Tap, comes_anew: bool
) -> None:
    served.make_folder(b"a")

    def put_it(_number: int, method: str, _path: str) -> None:
        asked = [each for each, _ in tap.requests]
        if method in {"DELETE", "MOVE"} and asked.count("DELETE") + asked.count("MOVE") == 1:
            served.write(b"a/x", b"just came")
        if asked.count("MOVE") == 2 and comes_anew:
            served.make_folder(b"a")

    tap.answer = put_it

    with pytest.raises(OSError, match="anew" if comes_anew else "not empty"):
        storage.delete(b"a")

    assert (b"a/x" in served.walk()) is not comes_anew
    assert [size for _, size in served.walk().values() if size] == [9]


def test_write_does_not_replace_a_folder(served: ServedFolder, storage: WebdavStorage) -> None:
    served.write(b"a/file", b"x")

    with pytest.raises(IsADirectoryError):
        storage.write(b"a", [b"new"])
    with pytest.raises(FileNotFoundError):
        storage.write(b"none/file", [b"new"])

    assert served.walk() == {b"a": ("folder", 0), b"a/file": ("file", 1)}


def test_folder_that_appears_while_a_file_is_written_stays(served: ServedFolder, storage: WebdavStorage) -> None:
    with pytest.raises(IsADirectoryError):
        storage.write(b"a", [b"new"], confirm=lambda: served.write(b"a/file", b"x"))

    assert served.walk() == {b"a": ("folder", 0), b"a/file": ("file", 1)}


def test_file_is_no_folder(served: ServedFolder, storage: WebdavStorage) -> None:
    served.write(b"file", b"x")

    assert unlisted(storage, b"file").why is Why.VANISHED
    assert unlisted(storage, b"none").why is Why.VANISHED
    with pytest.raises(FileExistsError):
        storage.make_folder(b"file")
    with pytest.raises(FileNotFoundError):
        storage.make_folder(b"none/folder")


def test_wrong_password_is_final(served: ServedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBDAV_PASSWORD", "guessed it")

    with closing(WebdavStorage(served.datasource)) as storage:
        for attempt in (storage.verify, lambda: storage.list_folder(b""), lambda: storage.write(b"file", [b"x"])):
            with pytest.raises(PermanentError, match="refuses the credentials") as raised:
                attempt()
            assert "guessed" not in str(raised.value)


def test_secret_is_in_no_message(served: ServedFolder, storage: WebdavStorage, tap: Tap) -> None:
    tap.answer = lambda number, method, path: (418, {}, b"")

    with pytest.raises(PermanentError) as raised:
        storage.verify()

    assert PASSWORD not in f"{raised.value!r} {raised.value.__cause__!r}"


def test_wrong_root_is_final(served: ServedFolder) -> None:
    served.write(b"file", b"x")

    for below in ("/none", "/file"):
        elsewhere = replace(served.datasource, root=served.datasource.root + below)
        with closing(WebdavStorage(elsewhere)) as storage, pytest.raises(PermanentError, match="there is no folder"):
            storage.verify()


def test_missing_marker_is_told_as_such(served: ServedFolder) -> None:
    marked = replace(served.datasource, marker="mine")
    with (
        closing(WebdavStorage(marked)) as storage,
        pytest.raises(PermanentError, match=r"its marker \.rota-marker is not"),
    ):
        storage.verify()


def test_failure_of_any_request_of_a_write_leaves_the_old_file(
    served: ServedFolder, storage: WebdavStorage, tap: Tap
) -> None:
    storage.write(b"file", [b"old"])
    usual = len(tap.requests)
    for failing in range(1, usual):  # the last one asks for the row of the file that is already in place
        served.write(b"file", b"old")
        tap.requests.clear()
        tap.answer = lambda number, method, path, failing=failing: (500, {}, b"") if number == failing else None

        with pytest.raises(TemporaryError, match="500"):
            storage.write(b"file", [b"new!"])

        assert served.walk() == {b"file": ("file", 3)}


def test_upload_that_the_server_shortens_is_not_taken(served: ServedFolder, storage: WebdavStorage, tap: Tap) -> None:
    def swallow(number: int, method: str, path: str) -> Answer | None:
        if method != "PUT":
            return None
        served.write(os.fsencode(path.removeprefix("/dav files/")), b"")
        return 201, {}, b""

    tap.answer = swallow

    with pytest.raises(OSError, match="kept 0 of 3 bytes"):
        storage.write(b"file", [b"new"])

    assert served.walk() == {}


def test_upload_that_breaks_off_leaves_nothing_on_a_server_that_is_slow_to_begin(
    served: ServedFolder, storage: WebdavStorage, tap: Tap
) -> None:
    begun = threading.Event()

    def begin_late(number: int, method: str, path: str) -> None:
        if method == "PUT":
            time.sleep(0.3)
            begun.set()

    def pieces() -> Iterator[bytes]:
        yield bytes(2_000_000)
        raise Cancelled

    tap.answer = begin_late

    with pytest.raises(Cancelled):
        storage.write(b"file", pieces())

    assert begun.is_set()
    assert served.walk() == {}


def test_readers_and_a_writer_share_the_connections(served: ServedFolder) -> None:
    large = os.urandom(3_000_000)
    served.write(b"from", large)
    options = {**served.datasource.options, "in_flight": 1}

    with closing(WebdavStorage(replace(served.datasource, options=options))) as storage:
        with storage.open_file(b"from") as file:
            storage.write(b"to", iter(lambda: file.read(500_000), b""))
        with ThreadPoolExecutor(4) as threads:
            assert {row.size for row in threads.map(storage.stat, [b"to"] * 20) if row} == {len(large)}


def test_file_that_is_closed_early_gives_its_connection_back(served: ServedFolder) -> None:
    served.write(b"large", bytes(5_000_000))
    options = {**served.datasource.options, "in_flight": 2}

    with closing(WebdavStorage(replace(served.datasource, options=options))) as storage:
        for _ in range(5):
            with storage.open_file(b"large") as file:
                assert file.read(10) == bytes(10)


# --- On servers that misbehave -----------------------------------------------------------------------------------------


def test_root_may_be_the_whole_server() -> None:
    with answering(told(FOLDER % b"/", FILE % b"/a")) as (_, tap):
        pass
    with serve_app(tap.around(None)) as address, closing(at(address)) as storage:
        assert [row.name for row in listed(storage).rows] == [b"a"]


@pytest.mark.parametrize(
    "href",
    [b"/etc/passwd", b"/dav/../etc", b"/dav/a/b", b"http://elsewhere/dav/a", b"/dav/%2e%2e", b"/dav/a%", b"relative"],
)
def test_entry_from_elsewhere_spoils_the_listing(href: bytes) -> None:
    with answering(told(FOLDER % b"/dav/", FILE % b"/dav/fine", FILE % href)) as (storage, _):
        assert unlisted(storage).why is Why.FAILED


def test_name_with_a_slash_is_counted_and_left_out() -> None:
    with answering(told(FOLDER % b"/dav/", FILE % b"/dav/a%2Fb", FILE % b"/dav/c", FILE % b"/dav/d%00")) as (
        storage,
        _,
    ):
        found = listed(storage)

    assert ([row.name for row in found.rows], found.special) == ([b"c"], 2)


def test_broken_entry_spoils_the_listing() -> None:
    broken = (FILE % b"/dav/b").replace(b"200 OK", b"403 Forbidden")
    with answering(told(FOLDER % b"/dav/", FILE % b"/dav/a", broken)) as (storage, _):
        found = unlisted(storage)

    assert (found.why, "/dav/b" in found.reason) == (Why.FAILED, True)


def test_listing_without_the_folder_itself_is_none() -> None:
    with answering(told(FILE % b"/dav/a")) as (storage, _):
        assert unlisted(storage).why is Why.FAILED


def test_entities_are_refused() -> None:
    bomb = b'<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + EMPTY % (FOLDER % b"&b;")
    with answering((207, {}, bomb)) as (storage, _):
        assert "document type" in unlisted(storage).reason


def test_answer_of_another_entry_is_none() -> None:
    with answering(told(FILE % b"/dav/other")) as (storage, _), pytest.raises(OSError, match="something else|lists"):
        storage.stat(b"asked")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, TemporaryError) for status in (408, 423, 429, 500, 502, 503, 507)),
        *((status, PermanentError) for status in (401, 301, 405, 501)),
    ],
)
def test_refusals_of_the_storage_as_a_whole(status: int, error: type[Exception]) -> None:
    with answering((status, {"Retry-After": "7"}, b"")) as (storage, _):
        for attempt in (lambda: storage.list_folder(b"a"), lambda: storage.stat(b"a"), lambda: storage.delete(b"a")):
            with pytest.raises(error, match=str(status)) as raised:
                attempt()
            if isinstance(raised.value, TemporaryError):
                assert raised.value.delay_ms == 7000


def test_refusal_of_one_folder_concerns_that_folder() -> None:
    with answering((403, {}, b"")) as (storage, _):
        assert unlisted(storage, b"a").why is Why.FAILED
        with pytest.raises(PermissionError):
            storage.stat(b"a")
        with pytest.raises(PermanentError):
            storage.verify()


def test_page_for_people_is_no_listing() -> None:
    with answering((200, {}, b"<html>Please log in</html>")) as (storage, _):
        assert unlisted(storage).why is Why.FAILED
        with pytest.raises(PermanentError, match="207"):
            storage.verify()


def test_packed_answer_is_refused() -> None:
    status, _, body = told(FOLDER % b"/dav/")
    with answering((status, {"Content-Encoding": "gzip"}, body)) as (storage, _), pytest.raises(PermanentError):
        storage.list_folder(b"")


def test_redirect_to_the_slash_of_a_folder_is_followed_and_no_other() -> None:
    with answering((301, {"Location": "/dav/a/"}, b""), told(FOLDER % b"/dav/a/")) as (storage, tap):
        row = storage.stat(b"a")
        assert row is not None
        assert row.kind == Kind.FOLDER
        assert [path for _, path in tap.requests] == ["/dav/a", "/dav/a/"]
    for elsewhere in ("http://elsewhere/dav/a/", "/dav/b/", "/dav/a/b/"):
        with answering((301, {"Location": elsewhere}, b"")) as (storage, tap):
            with pytest.raises(PermanentError, match="redirects are not followed"):
                storage.stat(b"a")
            assert len(tap.requests) == 1


def test_silence_is_temporary() -> None:
    with (
        speaking(b"") as address,
        closing(at(address, timeout_seconds=1)) as storage,
        pytest.raises(TemporaryError, match="in time"),
    ):
        storage.list_folder(b"")


def test_listing_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece comes within the time limit, and there is no end."""
    given_up = threading.Event()

    def dripping() -> Iterator[bytes]:
        try:
            while True:
                yield b" "
                given_up.wait(0.1)
        finally:
            given_up.set()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input"].read()
        start_response("207 Multi-Status", [])
        return dripping()

    with serve_app(app) as address, closing(at(address + "/dav", timeout_seconds=1)) as storage:
        with pytest.raises(TemporaryError, match="too slowly"):
            storage.list_folder(b"")
        assert given_up.wait(60)


@pytest.mark.parametrize("headers", [b"Content-Length: 5000\r\n", b"Transfer-Encoding: chunked\r\n", b""])
def test_listing_that_breaks_off_is_temporary(headers: bytes) -> None:
    body = told(FOLDER % b"/dav/", FILE % b"/dav/a")[2][:-5]
    if b"chunked" in headers:
        body = b"%x\r\n%s\r\n" % (len(body), body)
    with (
        speaking(b"HTTP/1.1 207 Multi-Status\r\n" + headers + b"\r\n" + body) as address,
        closing(at(address)) as storage,
        pytest.raises(TemporaryError),
    ):
        storage.list_folder(b"")


@pytest.mark.parametrize("headers", [b"Content-Length: 3\r\n", b""])
def test_file_that_breaks_off_is_temporary(headers: bytes) -> None:
    """Also where only the listing said how long it is."""
    body = told(FILE % b"/dav/a")[2]
    row = b"HTTP/1.1 207 Multi-Status\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with (
        speaking(row, b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n12") as address,
        closing(at(address)) as storage,
        storage.open_file(b"a") as file,
        pytest.raises(TemporaryError),
    ):
        file.read()


def test_nobody_there_is_temporary() -> None:
    with closing(at("http://127.0.0.1:1/dav")) as storage, pytest.raises(TemporaryError, match="ConnectError"):
        storage.verify()


def test_private_address_is_refused_unless_allowed() -> None:
    for address in ("https://127.0.0.1/dav", "https://localhost/dav", "https://[::1]/dav", "https://169.254.169.254/"):
        with pytest.raises(PermanentError, match="allow_private"):
            WebdavStorage(Datasource(name="files", kind="webdav", root=address))


def test_plain_http_is_refused_unless_allowed() -> None:
    with pytest.raises(PermanentError, match="plain http"):
        WebdavStorage(Datasource(name="files", kind="webdav", root="http://192.0.2.1/dav"))


def test_next_address_is_asked_first_once_one_takes_no_connection(
    served: ServedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(served.datasource.root.split(":")[2].partition("/")[0])
    real = socket.getaddrinfo
    asked: list[str] = []

    def resolver(host: str, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        if host != "dav.test":
            return real(host, *args, **kwargs)
        return [(2, 1, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    root = served.datasource.root.replace("127.0.0.1", "dav.test")

    with closing(WebdavStorage(replace(served.datasource, root=root))) as storage:
        storage.verify()
        storage.make_folder(b"a")
        storage.rename(b"a", b"b")
        assert [row.name for row in listed(storage).rows] == [b"b"]

    assert asked.count("dav.test") == 1


def test_bearer_token_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input"].read()
        seen.append(environ["HTTP_AUTHORIZATION"])
        body = told(FOLDER % b"/dav/")[2]
        start_response("207 Multi-Status", [("content-length", str(len(body)))])
        return [body]

    monkeypatch.setenv("DAV_TOKEN", "t0ken")
    with serve_app(app) as address, closing(at(address + "/dav", token="env:DAV_TOKEN")) as storage:
        storage.verify()

    assert seen == ["Bearer t0ken"]


def test_token_that_no_header_holds_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAV_TOKEN", "hush\nhush")

    with pytest.raises(PermanentError, match=r"options\.token") as raised:
        at("http://127.0.0.1:1/dav", token="env:DAV_TOKEN")

    assert "hush" not in str(raised.value)

"""Files in a bucket: written whole or not at all, read, renamed."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from actors.datasources.folders import delete_folder
from actors.datasources.objects import ObjectStorage, ResumableStorage
from actors.datasources.objects.writing import PART_BYTES
from actors.datasources.storage import Listing
from actors.move import MoveParams, move
from actors.testing import RecordingRun
from rota.errors import PermanentError, TemporaryError
from rota.ids import new_id
from tests.integration.actors.recycled import Recycling
from tests.integration.storages.objects.conftest import Opener
from tests.storages.faulty import REMOTES, environment, listening
from tests.storages.http_proxy import Proxy, Reply, Seen
from tests.storages.s3 import ServedBucket

LARGE = PART_BYTES * 2 + 12_345
PIECE = 1024 * 1024


def pieces(size: int) -> Iterator[bytes]:
    """Give so many bytes in pieces, no two alike."""
    for start in range(0, size, PIECE):
        yield (b"%08d" % start * (PIECE // 8))[: min(PIECE, size - start)]


def test_a_small_file_is_one_request_and_a_large_one_is_sent_in_parts(
    served: ServedBucket, opened: Opener, proxy: Proxy
) -> None:
    storage = opened(via=proxy)
    small, large = storage.write(b"small", [b"ab", b"", b"c"]), storage.write(b"large", pieces(LARGE))

    assert (small.size, large.size) == (3, LARGE)
    assert served.read(b"small") == b"abc"
    assert served.read(b"large") == b"".join(pieces(LARGE))
    assert {request.query["partNumber"] for request in proxy.seen if "partNumber" in request.query} == {"1", "2", "3"}
    assert storage.stat(b"large") == large
    assert served.uploads() == []


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1])
def test_a_file_of_any_length_comes_whole(served: ServedBucket, opened: Opener, size: int) -> None:
    assert opened().write(b"f", pieces(size)).size == size
    assert served.read(b"f") == b"".join(pieces(size))


@pytest.mark.parametrize("size", [10, LARGE])
def test_nothing_shows_before_it_is_confirmed_and_nothing_is_left_if_it_is_not(
    served: ServedBucket, opened: Opener, size: int
) -> None:
    served.put(b"f", b"old")
    storage = opened()

    def refuse() -> None:
        assert served.read(b"f") == b"old"
        raise TemporaryError("no longer ours")

    with pytest.raises(TemporaryError, match="no longer ours"):
        storage.write(b"f", pieces(size), confirm=refuse)

    assert served.keys() == {b"f": 3}
    assert served.uploads() == []


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_source_that_breaks_leaves_nothing(served: ServedBucket, opened: Opener, size: int) -> None:
    def broken() -> Iterator[bytes]:
        yield from pieces(size)
        raise OSError("the source broke")

    with pytest.raises(OSError, match="the source broke"):
        opened().write(b"f", broken())

    assert served.keys() == {}
    assert served.uploads() == []


def test_a_part_that_cannot_be_sent_leaves_nothing(served: ServedBucket, opened: Opener, proxy: Proxy) -> None:
    proxy.rule = lambda request: Reply(503) if request.query.get("partNumber") == "2" else request

    with pytest.raises(TemporaryError):
        opened(via=proxy).write(b"f", pieces(LARGE))

    assert served.keys() == {}
    assert served.uploads() == []


def test_a_draft_is_thrown_away_once_no_part_is_on_its_way(served: ServedBucket, proxy: Proxy) -> None:
    begun, thrown_away, order = threading.Event(), threading.Event(), list[str]()

    def slow(request: Seen) -> Seen:
        if request.query.get("partNumber"):
            begun.set()
            thrown_away.wait(0.5)
            order.append("part")
        elif request.method == "DELETE" and "uploadId" in request.query:
            thrown_away.set()
            order.append("end")
        return request

    proxy.rule = slow
    options = {**served.datasource.options, "endpoint": proxy.address}
    with (
        closing(ResumableStorage(replace(served.datasource, options=options))) as storage,
        closing(storage.draft(b"f", new_id())) as draft,
    ):
        draft.append(bytes(PART_BYTES))
        assert begun.wait(60)
        draft.discard()

    assert order == ["part", "end"]
    assert served.keys() == {}
    assert served.uploads() == []


def test_an_upload_that_fails_with_a_status_of_success_is_an_error(
    served: ServedBucket, opened: Opener, proxy: Proxy
) -> None:
    def late(request: Seen) -> Seen | Reply:
        finishes = request.method == "POST" and "uploadId" in request.query
        return Reply(200, b"<Error><Code>InternalError</Code></Error>") if finishes else request

    proxy.rule = late

    with pytest.raises(TemporaryError, match="InternalError"):
        opened(via=proxy).write(b"f", pieces(LARGE))
    assert served.uploads() == []


def test_a_folder_is_never_written_over(served: ServedBucket, opened: Opener) -> None:
    served.put(b"a/b", b"x")

    with pytest.raises(IsADirectoryError):
        opened().write(b"a", [b"x"])


def test_a_file_is_read_from_wherever_the_reader_goes(served: ServedBucket, opened: Opener) -> None:
    content = b"".join(pieces(3 * PIECE))
    served.put(b"f", content)

    with opened().open_file(b"f") as file:
        assert file.read(5) == content[:5]
        assert file.seek(-7, os.SEEK_END) == len(content) - 7
        assert file.read() == content[-7:]
        assert file.read() == b""
        assert file.seek(PIECE) == PIECE
        assert file.read(100) == content[PIECE : PIECE + 100]
        assert file.seek(len(content) + 5) == len(content) + 5
        assert file.read() == b""


def test_a_file_replaced_while_it_is_read_is_not_read_half_and_half(served: ServedBucket, opened: Opener) -> None:
    served.put(b"f", b"old" * PIECE)

    with opened().open_file(b"f") as file:
        file.read(1)
        served.put(b"f", b"new" * PIECE)
        file.seek(2 * PIECE)
        with pytest.raises(OSError, match="replaced or deleted while it was read"):
            file.read()


def test_content_that_breaks_off_is_an_error(served: ServedBucket, opened: Opener, proxy: Proxy) -> None:
    served.put(b"f", b"x" * PIECE)

    def cut(request: Seen) -> Seen | Reply:
        is_content = request.method == "GET" and not request.is_listing
        return replace(proxy.passed_on(request), cut=True) if is_content else request

    proxy.rule = cut

    with opened(via=proxy).open_file(b"f") as file, pytest.raises(TemporaryError):
        file.read()


def test_a_service_that_gives_the_beginning_again_is_not_taken_for_the_rest(
    served: ServedBucket, opened: Opener, proxy: Proxy
) -> None:
    served.put(b"f", b"0123456789" * 100_000)
    proxy.rule = lambda request: replace(
        request, headers={name: value for name, value in request.headers.items() if name != "range"}
    )

    with opened(via=proxy).open_file(b"f") as file:
        file.seek(700_000)
        with pytest.raises(OSError, match="only from its beginning"):
            file.read(10)


def test_a_content_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(connection: socket.socket, _done: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf of")

    with listening(answer) as port:
        for variable, value in environment(port).items():
            monkeypatch.setenv(variable, value)
        with (
            closing(ObjectStorage(REMOTES["s3"].at(f"127.0.0.1:{port}"))) as storage,
            pytest.raises(PermanentError, match="where an object ends"),
        ):
            storage.open_file(b"f")


def test_what_is_no_file_cannot_be_opened(served: ServedBucket, opened: Opener) -> None:
    served.put(b"a/b", b"x")

    for path in (b"a", b"none", b"a/b/c"):
        with pytest.raises(FileNotFoundError):
            opened().open_file(path)


def test_a_renamed_file_keeps_its_content_and_what_else_the_store_knows_of_it(
    served: ServedBucket, opened: Opener
) -> None:
    served.put(b"a/b", b"content", ContentType="text/x-test", Metadata={"by": "someone"})
    opened().rename(b"a/b", b"c/d")

    assert served.keys() == {b"c/d": 7}
    assert served.head(b"c/d")["ContentType"] == "text/x-test"
    assert served.head(b"c/d")["Metadata"] == {"by": "someone"}


def test_a_rename_never_replaces_anything(served: ServedBucket, opened: Opener) -> None:
    for key in (b"f", b"taken", b"folder/x"):
        served.put(key, key)

    for target in (b"taken", b"folder"):
        with pytest.raises(FileExistsError):
            opened().rename(b"f", target)
    with pytest.raises(FileNotFoundError):
        opened().rename(b"none", b"new")
    with pytest.raises(IsADirectoryError):
        opened().rename(b"folder", b"new")
    assert set(served.keys()) == {b"f", b"taken", b"folder/x"}


def test_the_store_is_asked_not_to_replace_what_came_meanwhile(
    served: ServedBucket, opened: Opener, proxy: Proxy
) -> None:
    served.put(b"f", b"x")
    proxy.rule = lambda request: Reply(412) if request.headers.get("if-none-match") == "*" else request

    with pytest.raises(FileExistsError):
        opened(via=proxy).rename(b"f", b"new")
    assert set(served.keys()) == {b"f"}


def test_a_store_without_conditions_on_copies_is_asked_without_them(
    served: ServedBucket, opened: Opener, proxy: Proxy
) -> None:
    served.put(b"f", b"x")
    proxy.rule = lambda request: Reply(501) if request.headers.get("if-none-match") == "*" else request
    opened(via=proxy).rename(b"f", b"new")

    assert set(served.keys()) == {b"new"}


def test_a_rename_that_dies_between_copy_and_delete_loses_nothing(
    served: ServedBucket, opened: Opener, proxy: Proxy
) -> None:
    served.put(b"f", b"x")
    proxy.rule = lambda request: None if request.method == "DELETE" else request

    with pytest.raises(TemporaryError):
        opened(via=proxy).rename(b"f", b"new")
    assert set(served.keys()) == {b"f", b"new"}


def test_what_replaces_a_file_while_it_is_renamed_stays(served: ServedBucket, opened: Opener, proxy: Proxy) -> None:
    served.put(b"f", b"old")

    def replace_it(request: Seen) -> Seen:
        if request.method == "PUT":
            served.put(b"f", b"newer")
        return request

    proxy.rule = replace_it

    with pytest.raises(OSError, match="replaced while it was copied"):
        opened(via=proxy).rename(b"f", b"new")
    assert served.read(b"f") == b"newer"


def test_a_folder_is_gone_with_its_last_file(served: ServedBucket, opened: Opener) -> None:
    served.put(b"a/b", b"x")
    storage = opened()
    storage.make_folder(b"new")
    storage.delete(b"a/b")
    storage.delete(b"a/b")

    assert storage.list_folder(b"") == Listing(path=b"", token="", rows=[])
    assert storage.stat(b"a") is None
    assert storage.stat(b"new") is None


def test_a_file_with_the_name_of_a_folder_is_not_deleted_for_the_folder(served: ServedBucket, opened: Opener) -> None:
    for key in (b"a", b"a/", b"a/b"):
        served.put(key, key)
    storage = opened()

    with pytest.raises(OSError, match="not empty"):
        storage.delete(b"a")
    storage.delete(b"a/b")
    storage.delete(b"a")
    assert served.keys() == {b"a": 1}

    with pytest.raises(NotADirectoryError):
        delete_folder(storage, b"a")
    assert served.keys() == {b"a": 1}
    storage.delete(b"a")
    assert served.keys() == {}


def test_what_has_the_name_of_a_folder_stays_when_that_is_deleted_or_moved(served: ServedBucket) -> None:
    for key in (b"a", b"a/x", b"b", b"b/y"):
        served.put(key, key)
    bins = Recycling(served.datasource)

    with pytest.raises(PermanentError, match="a file has the name of the folder, and stays"):
        bins.delete("a")
    name = served.datasource.name
    move(RecordingRun(datasources=[served.datasource]), MoveParams(datasource=name, paths=("b",), target="t"))

    assert {key: size for key, size in served.keys().items() if not key.startswith(b".rota/")} == {
        b"a": 1,
        b"b": 1,
        b"t/b/y": 3,
    }
    assert bins.restore("a", conflict="number").paths == ["a (2)"]
    assert served.read(b"a (2)/x") == b"a/x"
